import {Errno} from './errno.js';
import {checked, native, viewOf} from './libc.js';

export * from './process-state.js';

const prctlCall = native<[operation: number, a: number, b: number, c: number, d: number]>('prctl', 'int', [
  'int',
  'ulong',
  'ulong',
  'ulong',
  'ulong',
]);
const syscallNumbers = native<[number: number, a: number, b: number, c: number]>('syscall', 'long', [
  'long',
  'ulong',
  'ulong',
  'long',
]);
const getThreadId = native<[]>('gettid', 'int', []);
const setMask = native<[mask: number]>('umask', 'uint', ['uint']);
const setLimit = native<[resource: number, limits: Uint8Array]>('setrlimit', 'int', ['int', 'void *']);
const getLimit = native<[resource: number, limits: Uint8Array]>('getrlimit', 'int', ['int', 'void *']);
const setLimitOf = native<[pid: number, resource: number, limits: Uint8Array, former: null]>(
  'prlimit',
  'int',
  ['int', 'int', 'void *', 'void *'],
);

// The same on every architecture but alpha (asm-generic/unistd.h).
const SYS_close_range = 436;
/** Flags of close_range(2). */
export const CLOSE_RANGE_UNSHARE = 2;
export const CLOSE_RANGE_CLOEXEC = 4;

// linux/prctl.h
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_SET_CHILD_SUBREAPER = 36;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_GET_NO_NEW_PRIVS = 39;

/** close_range(2): closes, or with CLOSE_RANGE_CLOEXEC marks, every descriptor from `first` to `last` (Infinity: all). @throws Errno */
export function closeRange(first: number, last: number, flags = 0): void {
  const end = Math.min(last, 0xffffffff);
  checked(syscallNumbers()(SYS_close_range, first, end, flags), 'close_range', `${first}..${end}`);
}

/** prctl(2) with number arguments. @throws Errno */
export function prctl(operation: number, a = 0, b = 0, c = 0, d = 0): number {
  return checked(prctlCall()(operation, a, b, c, d), 'prctl', String(operation));
}

/**
 * PR_SET_NO_NEW_PRIVS for the calling thread and threads it starts later. Other threads of this process stay as they
 * are until a seccomp filter installed with `tsync` sets it for them too. @throws Errno
 */
export function setNoNewPrivs(): void {
  checked(prctlCall()(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'prctl(PR_SET_NO_NEW_PRIVS)');
}

/** Whether the calling thread has no_new_privs. @throws Errno */
export function hasNoNewPrivs(): boolean {
  return checked(prctlCall()(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 'prctl(PR_GET_NO_NEW_PRIVS)') === 1;
}

/** Whether the process dumps core and can be traced and looked into (/proc/PID/mem, fd) by its own user. @throws Errno */
export function setDumpable(on: boolean): void {
  checked(prctlCall()(PR_SET_DUMPABLE, on ? 1 : 0, 0, 0, 0), 'prctl(PR_SET_DUMPABLE)');
}

/**
 * The signal the process gets when the *thread* that started it ends; 0 for none. A parent that is gone already is not
 * noticed: compare process.ppid after. @throws Errno
 */
export function setParentDeathSignal(signal: number): void {
  checked(prctlCall()(PR_SET_PDEATHSIG, signal, 0, 0, 0), 'prctl(PR_SET_PDEATHSIG)');
}

/**
 * Makes this process the parent of all its descendants that lose theirs: daemons too can then be found by their ancestry.
 * @throws Errno
 */
export function becomeSubreaper(): void {
  checked(prctlCall()(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 'prctl(PR_SET_CHILD_SUBREAPER)');
}

/** Resources of getrlimit(2), asm-generic/resource.h. */
export const RLIMIT = {
  CPU: 0,
  FSIZE: 1,
  DATA: 2,
  STACK: 3,
  CORE: 4,
  RSS: 5,
  NPROC: 6,
  NOFILE: 7,
  MEMLOCK: 8,
  AS: 9,
  LOCKS: 10,
  SIGPENDING: 11,
  MSGQUEUE: 12,
  NICE: 13,
  RTPRIO: 14,
  RTTIME: 15,
} as const;
export type RlimitResource = keyof typeof RLIMIT;

const RLIM_INFINITY = 0xffffffffffffffffn;

/** Sets both limits of this process; Infinity is "unlimited". @throws Errno EPERM raising the hard limit without right */
export function setRlimit(resource: RlimitResource, soft: number, hard: number): void {
  const limits = new Uint8Array(16);
  const view = viewOf(limits);
  [soft, hard].forEach((value, index) => {
    if (!(value >= 0)) throw new Errno('EINVAL', 'setrlimit', resource);
    view.setBigUint64(index * 8, value === Infinity ? RLIM_INFINITY : BigInt(Math.trunc(value)), true);
  });
  checked(setLimit()(RLIMIT[resource], limits), 'setrlimit', resource);
}

/** Lowers a hard limit of another process, and of what it will start, prlimit(2). @throws Errno ESRCH */
export function setRlimitOf(pid: number, resource: RlimitResource, limit: number): void {
  const limits = new Uint8Array(16);
  const view = viewOf(limits);
  for (const at of [0, 8]) view.setBigUint64(at, BigInt(limit), true);
  checked(setLimitOf()(pid, RLIMIT[resource], limits, null), 'prlimit', resource);
}

/** The limits of this process; Infinity is "unlimited". @throws Errno */
export function getRlimit(resource: RlimitResource): {soft: number; hard: number} {
  const limits = new Uint8Array(16);
  checked(getLimit()(RLIMIT[resource], limits), 'getrlimit', resource);
  const [soft, hard] = [0, 8].map((at) => {
    const value = viewOf(limits).getBigUint64(at, true);
    return value === RLIM_INFINITY ? Infinity : Number(value);
  });
  return {soft: soft as number, hard: hard as number};
}

/** The kernel's id of the calling thread. */
export function gettid(): number {
  return getThreadId()();
}

/** Sets the file mode creation mask of the process and returns the one before. */
export function umask(mask: number): number {
  return setMask()(mask & 0o777);
}
