import type {SeccompRule} from '../sys/seccomp.js';
import type {SyscallName} from '../sys/syscall-numbers.js';
import {WAKE_SIGNAL} from './wake-signal.js';

/** Flags a thread of this process has and a new process has not: CLONE_VM | CLONE_SIGHAND | CLONE_THREAD. */
const THREAD_FLAGS = 0x00010900;
/** CLONE_NEW*: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NAMESPACE_FLAGS = 0x7e020000;

const PROT_EXEC = 4;
const MAP_ANONYMOUS = 0x20;

/** The runtime asks for the size of a descriptor this way. */
const AT_EMPTY_PATH = 0x1000;

/** ioctls on the image that the server asks after the lock-down: BLKGETSIZE64. */
const BLKGETSIZE64 = 0x80081272;

/** prctl options the runtime uses: PR_SET_NAME for its threads, PR_SET_VMA to name anonymous memory. */
const PR_SET_NAME = 15;
const PR_SET_VMA = 0x53564d41;

/** fcntl commands: F_GETFD, F_SETFD, F_GETFL. */
const FCNTL_COMMANDS = [1, 2, 3];

/** O_RDONLY | O_CLOEXEC, the flags with which libraries open what they only look at. */
const O_RDONLY_CLOEXEC = 0o2000000;

/** SOCK_NONBLOCK | SOCK_CLOEXEC. */
const ACCEPT_FLAGS = 0o2004000;

const SIGABRT = 6;

const plain = (...names: SyscallName[]): SeccompRule[] => names.map((syscall) => ({syscall}));

/**
 * What a server may ask of the kernel once it is locked down; everything else ends the process. Nothing here opens, creates,
 * executes, connects or looks at another process.
 */
export const ALLOWED_SYSTEM_CALLS: readonly SeccompRule[] = [
  // The image, the fuse device, the log, the conversation and the control channel: descriptors it holds already.
  ...plain(
    'read',
    'pread64',
    'write',
    'writev',
    'lseek',
    'fadvise64',
    'fstat',
    'close',
    'recvmsg',
    'sendmsg',
    'recvfrom',
    'sendto',
  ),
  ...plain('setsockopt', 'getsockopt', 'poll', 'ppoll'),
  // A manager's connection, on the one listening socket there is. The flags are the runtime's: SOCK_NONBLOCK | SOCK_CLOEXEC.
  {syscall: 'accept4', args: [{index: 3, width: 32, op: 'eq', value: ACCEPT_FLAGS}]},
  {syscall: 'newfstatat', args: [{index: 3, op: 'masked-eq', mask: AT_EMPTY_PATH, value: AT_EMPTY_PATH}]},
  {syscall: 'statx', args: [{index: 2, op: 'masked-eq', mask: AT_EMPTY_PATH, value: AT_EMPTY_PATH}]},
  {syscall: 'fcntl', args: [{index: 1, width: 32, op: 'in', values: FCNTL_COMMANDS}]},
  {syscall: 'ioctl', args: [{index: 1, width: 32, op: 'eq', value: BLKGETSIZE64}]},
  // The event loop.
  ...plain('epoll_wait', 'epoll_pwait', 'epoll_ctl'),
  // Memory. Executable memory only without a file behind it: the JIT's.
  ...plain('munmap', 'mremap', 'madvise', 'brk', 'membarrier'),
  {syscall: 'mmap', args: [{index: 2, op: 'masked-eq', mask: PROT_EXEC, value: 0}]},
  {
    syscall: 'mmap',
    args: [
      {index: 2, op: 'masked-eq', mask: PROT_EXEC, value: PROT_EXEC},
      {index: 3, op: 'masked-eq', mask: MAP_ANONYMOUS, value: MAP_ANONYMOUS},
    ],
  },
  ...plain('mprotect', 'pkey_mprotect'),
  // Threads of this process, never a new process. glibc tries clone3 first, whose flags lie in memory where a filter can't see
  // them: told that it does not exist, glibc takes clone.
  {
    syscall: 'clone',
    args: [{index: 0, op: 'masked-eq', mask: THREAD_FLAGS | NAMESPACE_FLAGS, value: THREAD_FLAGS}],
  },
  {syscall: 'clone3', action: {errno: 'ENOSYS'}},
  ...plain(
    'futex',
    'set_robust_list',
    'rseq',
    'sched_yield',
    'sched_getaffinity',
    // V8's helper threads look at their own priority when they start (pthread_getschedparam(3)).
    'sched_getparam',
    'sched_getscheduler',
    'gettid',
    'getpid',
    'exit',
    'exit_group',
  ),
  // glibc's malloc looks at /proc/sys/vm/overcommit_memory when it first gives memory of a thread back, and does without when
  // it can't. Any other way of opening something is nobody's but an attacker's.
  {
    syscall: 'openat',
    args: [{index: 2, width: 32, op: 'eq', value: O_RDONLY_CLOEXEC}],
    action: {errno: 'ENOENT'},
  },
  // Signals: the runtime's own handlers, abort() on itself, and what wakes the thread that serves requests.
  ...plain('rt_sigaction', 'rt_sigprocmask', 'rt_sigreturn', 'sigaltstack', 'restart_syscall'),
  {syscall: 'tgkill', args: [{index: 2, width: 32, op: 'in', values: [SIGABRT, WAKE_SIGNAL]}]},
  // Clocks, random numbers, its own resource use.
  ...plain('clock_gettime', 'clock_nanosleep', 'nanosleep', 'gettimeofday', 'getrandom', 'getrusage'),
  {syscall: 'prctl', args: [{index: 0, op: 'in', values: [PR_SET_NAME, PR_SET_VMA]}]},
];

/** How many different system calls get through, some with certain arguments alone. */
export const ALLOWED_COUNT: number = new Set(
  ALLOWED_SYSTEM_CALLS.flatMap(({syscall, action}) => (action === undefined ? [syscall] : [])),
).size;
