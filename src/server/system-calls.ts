import {IOMAP_IOCTLS} from '../sys/fuse-device.js';
import type {SeccompArgument, SeccompRule} from '../sys/seccomp.js';
import type {SyscallName} from '../sys/syscall-numbers.js';
import {WAKE_SIGNAL} from './wake-signal.js';

/** Flags a thread of this process has and a new process has not: CLONE_VM | CLONE_SIGHAND | CLONE_THREAD. */
const THREAD_FLAGS = 0x00010900;
/** CLONE_NEW*: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NAMESPACE_FLAGS = 0x7e020000;

const PROT_EXEC = 4;
const MAP_ANONYMOUS = 0x20;
const MREMAP_MAYMOVE = 1;

/** madvise(2): DONTNEED, FREE, DONTFORK, HUGEPAGE, NOHUGEPAGE. */
const MADVICE = [4, 8, 10, 14, 15];

/** The runtime asks for the size of a descriptor this way. */
const AT_EMPTY_PATH = 0x1000;

/** ioctls on the image that the server asks after the lock-down: BLKGETSIZE64. */
const BLKGETSIZE64 = 0x80081272;

/** prctl options the runtime uses: PR_SET_NAME for its threads, PR_SET_VMA to name anonymous memory. */
const PR_SET_NAME = 15;
const PR_SET_VMA = 0x53564d41;

/** fcntl commands: F_GETFD, F_SETFD, F_GETFL. */
const FCNTL_COMMANDS = [1, 2, 3];

const IORING_ENTER_GETEVENTS = 1;
const CALLING_THREAD = 0;

/** O_RDONLY | O_CLOEXEC, the flags with which libraries open what they only look at. */
const O_RDONLY_CLOEXEC = 0o2000000;

/** SOCK_NONBLOCK | SOCK_CLOEXEC. */
const ACCEPT_FLAGS = 0o2004000;
const SOL_SOCKET = 1;
/** With it the conversation says that it takes no descriptors any more. */
const SO_PASSRIGHTS = 83;

const SIGABRT = 6;

/** What a filter depends on. */
export interface FilterSettings {
  /** V8 runs without its compilers: nothing needs new executable memory. */
  readonly jitless: boolean;
  /** This process, as it knows itself. */
  readonly pid: number;
}

const plain = (...names: SyscallName[]): SeccompRule[] => names.map((syscall) => ({syscall}));
/** An argument that the kernel declares as an int. */
const is = (index: number, value: number): SeccompArgument => ({index, width: 32, op: 'eq', value});
const isOneOf = (index: number, values: readonly number[]): SeccompArgument => ({
  index,
  width: 32,
  op: 'in',
  values,
});
const hasBits = (index: number, bits: number): SeccompArgument => ({
  index,
  op: 'masked-eq',
  mask: bits,
  value: bits,
});
const lacksBits = (index: number, bits: number): SeccompArgument => ({
  index,
  op: 'masked-eq',
  mask: bits,
  value: 0,
});

/** The image, the fuse device, the log, the conversation and the control channel: descriptors it holds already. */
const DESCRIPTORS: readonly SeccompRule[] = [
  ...plain('read', 'pread64', 'write', 'writev', 'fstat', 'close', 'recvmsg', 'sendmsg'),
  // On what is connected: no address.
  {syscall: 'sendto', args: [{index: 4, op: 'eq', value: 0}]},
  {syscall: 'setsockopt', args: [is(1, SOL_SOCKET), is(2, SO_PASSRIGHTS)]},
  ...plain('poll', 'ppoll'),
  // A manager's connection, on the one listening socket there is. The flags are the runtime's.
  {syscall: 'accept4', args: [is(3, ACCEPT_FLAGS)]},
  {syscall: 'newfstatat', args: [hasBits(3, AT_EMPTY_PATH)]},
  {syscall: 'statx', args: [hasBits(2, AT_EMPTY_PATH)]},
  {syscall: 'fcntl', args: [isOneOf(1, FCNTL_COMMANDS)]},
  {syscall: 'ioctl', args: [is(1, BLKGETSIZE64)]},
  // The event loop.
  ...plain('epoll_pwait', 'epoll_ctl'),
  // glibc's malloc looks at /proc/sys/vm/overcommit_memory when it first gives memory of a thread back, and does without when
  // it can't. Any other way of opening something is nobody's but an attacker's.
  {syscall: 'openat', args: [is(2, O_RDONLY_CLOEXEC)], action: {errno: 'ENOENT'}},
];

/** What a server may ask of its fuse device in addition where the kernel lets the mount use iomap: registering the devices that files lie on. */
export function iomapSystemCalls(fuseFd: number): SeccompRule[] {
  return [{syscall: 'ioctl', args: [is(0, fuseFd), isOneOf(1, IOMAP_IOCTLS)]}];
}

/**
 * What a server that takes requests by a ring may ask in addition. The ring does two kinds of command on the fuse device and no others,
 * which it was told before it was switched on (`sys/io-uring.ts`). The thread goes to the processor where its callers are.
 */
export function ringSystemCalls(ringFd: number): SeccompRule[] {
  return [
    {
      syscall: 'io_uring_enter',
      args: [is(0, ringFd), is(3, IORING_ENTER_GETEVENTS), {index: 4, op: 'eq', value: 0}],
    },
    {syscall: 'sched_setaffinity', args: [is(0, CALLING_THREAD)]},
  ];
}

/**
 * Memory. No file can be mapped any more, and no new mapping is executable. What becomes executable later are pages that V8
 * reserved before, by mprotect(2), which shows a filter an address and not what is mapped there; without compilers nothing does.
 */
function memory(jitless: boolean): SeccompRule[] {
  const protection = jitless ? [lacksBits(2, PROT_EXEC)] : [];
  return [
    ...plain('munmap', 'brk', 'membarrier'),
    {syscall: 'mmap', args: [lacksBits(2, PROT_EXEC), hasBits(3, MAP_ANONYMOUS)]},
    {syscall: 'mremap', args: [{index: 3, op: 'eq', value: MREMAP_MAYMOVE}]},
    {syscall: 'madvise', args: [isOneOf(2, MADVICE)]},
    {syscall: 'mprotect', args: protection},
    {syscall: 'pkey_mprotect', args: protection},
  ];
}

/** Threads of this process, never a new process. */
const THREADS: readonly SeccompRule[] = [
  {
    syscall: 'clone',
    args: [{index: 0, op: 'masked-eq', mask: THREAD_FLAGS | NAMESPACE_FLAGS, value: THREAD_FLAGS}],
  },
  // glibc tries clone3 first, whose flags lie in memory where a filter can't see them: told that it does not exist, it takes clone.
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
  {syscall: 'prctl', args: [isOneOf(0, [PR_SET_NAME, PR_SET_VMA])]},
];

/** Signals: abort(3) on itself, and what wakes the thread that serves requests. All handlers are there already. */
function signals(pid: number): SeccompRule[] {
  return [
    ...plain('rt_sigprocmask', 'rt_sigreturn', 'restart_syscall'),
    {syscall: 'rt_sigaction', args: [is(0, SIGABRT)]},
    {syscall: 'tgkill', args: [is(0, pid), isOneOf(2, [SIGABRT, WAKE_SIGNAL])]},
  ];
}

/** Clocks and random numbers. */
const QUESTIONS: readonly SeccompRule[] = plain(
  'clock_gettime',
  'clock_nanosleep',
  'nanosleep',
  'gettimeofday',
  'getrandom',
);

/**
 * What a server may ask of the kernel once it is locked down; everything else ends the process. Nothing here opens, creates,
 * executes, connects or looks at another process.
 */
export function allowedSystemCalls({jitless, pid}: FilterSettings): SeccompRule[] {
  return [...DESCRIPTORS, ...memory(jitless), ...THREADS, ...signals(pid), ...QUESTIONS];
}

/** How many different system calls get through, some with certain arguments alone. */
export const ALLOWED_COUNT: number = new Set(
  allowedSystemCalls({jitless: false, pid: 1}).flatMap(({syscall, action}) =>
    action === undefined ? [syscall] : [],
  ),
).size;
