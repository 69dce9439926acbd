import type {SeccompAction, SeccompArgument, SeccompRule} from './seccomp.js';
import {withoutSetId} from './set-id-calls.js';
import type {SyscallName} from './syscall-numbers.js';

/** What is reached of the network: nothing, all that the machine does, or a list of places. */
export type ForeignNetwork = 'none' | 'host' | readonly string[];

/**
 * What a program of others may ask of the kernel. Nobody knows all that such programs do, so this is a list of what services
 * ordinarily use (systemd's @system-service is the model) without everything that makes mounts, namespaces or privileges, reaches into other
 * processes, or is a large door into the kernel. A refusal is an error and never the end: programs try things and do without.
 */

/** CLONE_NEW*: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. NEWTIME lies in the bits of clone's signal and can't be asked of it. */
const NAMESPACE_FLAGS = 0x7e020000;

/** Queries its own; sets the one that every process starts with. */
const PERSONALITIES = [0, 0xffffffff];

const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
/** Bits of socket(2)'s type that are no flags. */
const TYPE_MASK = 0xf;
const SOCK_STREAM = 1;
/** Protocols that Landlock knows as TCP; 0 is the usual one of a stream socket. It does not know MPTCP. */
const TCP_PROTOCOLS = [0, 6];
/** Connects without connect(2). */
const MSG_FASTOPEN = 0x20000000;

const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_GET_ACTION_AVAIL = 2;
const SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;

const rules = (action: SeccompAction, ...names: SyscallName[]): SeccompRule[] =>
  names.map((syscall) => ({syscall, action}));
const allow = (...names: SyscallName[]): SeccompRule[] => rules('allow', ...names);
/** An argument that the kernel declares as an int. */
const is = (index: number, value: number): SeccompArgument => ({index, width: 32, op: 'eq', value});
const isOneOf = (index: number, values: readonly number[]): SeccompArgument => ({
  index,
  width: 32,
  op: 'in',
  values,
});
const bits = (index: number, mask: number, value: number): SeccompArgument => ({
  index,
  width: 32,
  op: 'masked-eq',
  mask,
  value,
});

/** Serving files: what comes in with every request stands first. */
const FILES = allow(
  ...(['read', 'write', 'writev', 'readv', 'pread64', 'pwrite64', 'preadv', 'pwritev'] as const),
  ...(['preadv2', 'pwritev2', 'splice', 'tee', 'vmsplice', 'sendfile', 'copy_file_range'] as const),
  ...(['close', 'lseek', 'fstat', 'lstat', 'stat', 'newfstatat', 'statx'] as const),
  ...(['access', 'faccessat', 'faccessat2', 'getdents', 'getdents64'] as const),
  ...(['readlink', 'readlinkat', 'statfs', 'fstatfs', 'ustat', 'truncate', 'ftruncate'] as const),
  ...(['fallocate', 'fadvise64', 'readahead', 'sync_file_range', 'fsync', 'fdatasync'] as const),
  ...(['sync', 'syncfs', 'link', 'linkat', 'symlink', 'symlinkat', 'unlink', 'unlinkat'] as const),
  ...(['rename', 'renameat', 'renameat2', 'mkdir', 'mkdirat', 'rmdir'] as const),
  ...(['chown', 'lchown', 'fchown', 'fchownat'] as const),
  ...(['utime', 'utimes', 'utimensat', 'futimesat', 'umask', 'getxattr', 'lgetxattr'] as const),
  ...(['fgetxattr', 'setxattr', 'lsetxattr', 'fsetxattr', 'listxattr', 'llistxattr'] as const),
  ...(['flistxattr', 'removexattr', 'lremovexattr', 'fremovexattr', 'getxattrat'] as const),
  ...(['setxattrat', 'listxattrat', 'removexattrat', 'name_to_handle_at', 'cachestat'] as const),
  ...(['chdir', 'fchdir', 'getcwd', 'flock', 'fcntl', 'dup', 'dup2', 'dup3', 'close_range'] as const),
  ...(['pipe', 'pipe2', 'inotify_init', 'inotify_init1', 'inotify_add_watch'] as const),
  ...(['inotify_rm_watch', 'io_setup', 'io_submit', 'io_getevents', 'io_pgetevents'] as const),
  ...(['io_cancel', 'io_destroy'] as const),
);

const WAITING = allow(
  ...(['poll', 'ppoll', 'select', 'pselect6', 'epoll_create', 'epoll_create1', 'epoll_ctl'] as const),
  ...(['epoll_wait', 'epoll_pwait', 'epoll_pwait2', 'eventfd', 'eventfd2', 'signalfd'] as const),
  ...(['signalfd4', 'timerfd_create', 'timerfd_settime', 'timerfd_gettime', 'nanosleep'] as const),
  ...(['clock_nanosleep', 'clock_gettime', 'clock_getres', 'gettimeofday', 'time', 'times'] as const),
  ...(['alarm', 'getitimer', 'setitimer', 'timer_create', 'timer_delete', 'timer_settime'] as const),
  ...(['timer_gettime', 'timer_getoverrun', 'pause', 'futex', 'futex_waitv', 'futex_wait'] as const),
  ...(['futex_wake', 'futex_requeue', 'sched_yield', 'restart_syscall'] as const),
);

const MEMORY = allow(
  ...(['mmap', 'munmap', 'mprotect', 'mremap', 'madvise', 'brk', 'msync', 'mincore', 'membarrier'] as const),
  ...(['mlock', 'mlock2', 'mlockall', 'munlock', 'munlockall', 'memfd_create', 'mseal'] as const),
  ...(['remap_file_pages', 'pkey_alloc', 'pkey_free', 'pkey_mprotect', 'mbind'] as const),
  ...(['get_mempolicy', 'set_mempolicy', 'shmget', 'shmat', 'shmctl', 'shmdt', 'semget'] as const),
  ...(['semop', 'semtimedop', 'semctl', 'msgget', 'msgsnd', 'msgrcv', 'msgctl', 'mq_open'] as const),
  ...(['mq_unlink', 'mq_timedsend', 'mq_timedreceive', 'mq_notify', 'mq_getsetattr'] as const),
  ...(['map_shadow_stack', 'getrandom'] as const),
);

const PROCESSES: readonly SeccompRule[] = [
  ...allow(
    ...(['execve', 'execveat', 'fork', 'vfork', 'exit', 'exit_group', 'wait4', 'waitid'] as const),
    ...(['kill', 'tkill', 'tgkill', 'pidfd_open', 'pidfd_send_signal', 'rt_sigaction'] as const),
    ...(['rt_sigprocmask', 'rt_sigreturn', 'rt_sigpending', 'rt_sigsuspend'] as const),
    ...(['rt_sigtimedwait', 'rt_sigqueueinfo', 'rt_tgsigqueueinfo', 'sigaltstack', 'prctl'] as const),
    ...(['arch_prctl', 'set_tid_address', 'set_robust_list', 'get_robust_list', 'rseq'] as const),
    ...(['set_thread_area', 'get_thread_area', 'getpid', 'getppid', 'gettid', 'getpgid'] as const),
    ...(['getpgrp', 'getsid', 'setsid', 'setpgid', 'getrusage', 'getrlimit', 'setrlimit'] as const),
    ...(['prlimit64', 'getcpu', 'getpriority', 'setpriority', 'ioprio_get', 'ioprio_set'] as const),
    ...(['sched_getaffinity', 'sched_setaffinity', 'sched_getparam', 'sched_setparam'] as const),
    ...(['sched_getscheduler', 'sched_setscheduler', 'sched_getattr', 'sched_setattr'] as const),
    ...(['sched_get_priority_max', 'sched_get_priority_min', 'sched_rr_get_interval'] as const),
    ...(['sysinfo', 'uname', 'getuid', 'geteuid', 'getgid', 'getegid', 'getresuid'] as const),
    ...(['getresgid', 'getgroups', 'setuid', 'setgid', 'setreuid', 'setregid', 'setresuid'] as const),
    ...(['setresgid', 'setfsuid', 'setfsgid', 'setgroups', 'capget', 'capset'] as const),
    ...(['landlock_create_ruleset', 'landlock_add_rule', 'landlock_restrict_self'] as const),
  ),
  {syscall: 'clone', args: [bits(0, NAMESPACE_FLAGS, 0)]},
  {syscall: 'clone', action: 'errno'},
  // Its flags lie in memory, where a filter can't see them; C libraries and Go take clone then.
  ...rules({errno: 'ENOSYS'}, 'clone3'),
  {syscall: 'personality', args: [isOneOf(0, PERSONALITIES)]},
  {syscall: 'personality', action: 'errno'},
  // It may lock itself down further, but not be asked about calls: its own supervisor would stand in our place.
  {syscall: 'seccomp', args: [is(0, SECCOMP_SET_MODE_FILTER), bits(1, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0)]},
  {syscall: 'seccomp', args: [is(0, SECCOMP_GET_ACTION_AVAIL)]},
  {syscall: 'seccomp', action: 'errno'},
];

/** Puts characters into a terminal as if they were typed. */
const DEVICES: readonly SeccompRule[] = [
  {syscall: 'ioctl', args: [isOneOf(1, [TIOCSTI, TIOCLINUX])], action: 'errno'},
  {syscall: 'ioctl'},
];

const SOCKETS = allow(
  ...(['socketpair', 'bind', 'connect', 'listen', 'accept', 'accept4', 'getsockname'] as const),
  ...(['getpeername', 'getsockopt', 'setsockopt', 'shutdown', 'recvfrom', 'recvmsg'] as const),
  ...(['recvmmsg'] as const),
);

/**
 * Sockets of the families that there is a network for; raw ones take a capability. With a list of peers only TCP is left, which Landlock
 * holds to their ports, and no way around connect(2). What is refused is as if the kernel had not got that family.
 */
function network(reach: ForeignNetwork): SeccompRule[] {
  const refused: SeccompAction = {errno: 'EAFNOSUPPORT'};
  const none: SeccompRule = {syscall: 'socket', action: refused};
  const local: SeccompRule = {syscall: 'socket', args: [is(0, AF_UNIX)]};
  const sending = ['sendto', 'sendmsg', 'sendmmsg'] as const;
  if (reach === 'none') return [local, none, ...allow(...sending)];
  const internet = isOneOf(0, [AF_INET, AF_INET6]);
  if (reach === 'host') return [local, {syscall: 'socket', args: [internet]}, none, ...allow(...sending)];
  const flags: Readonly<Record<(typeof sending)[number], number>> = {sendto: 3, sendmsg: 2, sendmmsg: 3};
  return [
    local,
    {syscall: 'socket', args: [internet, bits(1, TYPE_MASK, SOCK_STREAM), isOneOf(2, TCP_PROTOCOLS)]},
    none,
    ...sending.map((syscall): SeccompRule => ({syscall, args: [bits(flags[syscall], MSG_FASTOPEN, 0)]})),
    ...rules({errno: 'EOPNOTSUPP'}, ...sending),
  ];
}

/** Refused as by a kernel that wants a privilege for it. All others that are not named here don't exist (ENOSYS). */
const FORBIDDEN = rules(
  'errno',
  ...(['unshare', 'setns', 'pivot_root', 'chroot', 'init_module', 'finit_module', 'delete_module'] as const),
  ...(['bpf', 'perf_event_open', 'ptrace', 'process_vm_readv', 'process_vm_writev'] as const),
  ...(['pidfd_getfd', 'kcmp', 'userfaultfd', 'open_by_handle_at', 'clock_settime'] as const),
  ...(['clock_adjtime', 'adjtimex', 'settimeofday', 'reboot', 'swapon', 'swapoff'] as const),
  ...(['kexec_load', 'kexec_file_load', 'acct', 'quotactl', 'quotactl_fd', 'syslog'] as const),
  ...(['sethostname', 'setdomainname', 'vhangup', 'iopl', 'ioperm', 'modify_ldt'] as const),
  ...(['fanotify_init', 'fanotify_mark', 'migrate_pages', 'move_pages', 'process_madvise'] as const),
  ...(['process_mrelease'] as const),
);

/** What becomes of mount(2) and umount2(2): asked of the adapter, or refused. The calls of the newer mount API don't exist. */
export type MountCalls = 'notify' | 'errno';

/** The list for a filter whose default is ENOSYS. */
export function foreignSystemCalls(reach: ForeignNetwork, mountCalls: MountCalls): SeccompRule[] {
  return [
    ...FILES,
    ...withoutSetId(),
    ...WAITING,
    ...MEMORY,
    ...PROCESSES,
    ...DEVICES,
    ...SOCKETS,
    ...network(reach),
    ...rules(mountCalls, 'mount', 'umount2'),
    ...FORBIDDEN,
  ];
}

/** How many different system calls get through, some with certain arguments alone. */
export function passingCount(list: readonly SeccompRule[]): number {
  return new Set(
    list.flatMap(({syscall, action}) => (action === undefined || action === 'allow' ? [syscall] : [])),
  ).size;
}
