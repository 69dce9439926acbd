import {readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {Errno, errnoOf} from './errno.js';
import {checked, native, viewOf} from './libc.js';

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

// The same on every architecture but alpha (asm-generic/unistd.h).
const SYS_close_range = 436;
/** Flags of close_range(2). */
export const CLOSE_RANGE_UNSHARE = 2;
export const CLOSE_RANGE_CLOEXEC = 4;

// linux/prctl.h
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
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

/** Capability sets as bit masks, bit numbers as in linux/capability.h. */
export interface Capabilities {
  inheritable: bigint;
  permitted: bigint;
  effective: bigint;
  bounding: bigint;
  ambient: bigint;
}

/** What /proc/PID/status says of a process, proc_pid_status(5). */
export interface ProcessState {
  name: string;
  /** R, S, D, Z, T, … */
  state: string;
  parentPid: number;
  /** Real, effective, saved and file-system ids. */
  uids: [number, number, number, number];
  gids: [number, number, number, number];
  groups: number[];
  capabilities: Capabilities;
  noNewPrivs: boolean;
  /** 0 none, 1 strict, 2 filter. */
  seccomp: number;
  /** Filters in force; undefined before Linux 5.9. */
  seccompFilters: number | undefined;
  /** Resident memory in KiB; 0 for a zombie or kernel thread. */
  residentKiB: number;
  threads: number;
}

/** Parses the text of a status file. Fields that are missing (zombies lack some) read as 0. */
export function parseStatus(text: string): ProcessState {
  const fields = new Map(
    text.split('\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
  const number = (key: string): number => Number.parseInt(fields.get(key) ?? '0', 10);
  const numbers = (key: string): number[] => (fields.get(key) ?? '').split(/\s+/).filter(Boolean).map(Number);
  const mask = (key: string): bigint => BigInt(`0x${fields.get(key) ?? '0'}`);
  const ids = (key: string) => numbers(key) as [number, number, number, number];
  const filters = fields.get('Seccomp_filters');
  return {
    name: fields.get('Name') ?? '',
    state: fields.get('State')?.charAt(0) ?? '',
    parentPid: number('PPid'),
    uids: ids('Uid'),
    gids: ids('Gid'),
    groups: numbers('Groups'),
    capabilities: {
      inheritable: mask('CapInh'),
      permitted: mask('CapPrm'),
      effective: mask('CapEff'),
      bounding: mask('CapBnd'),
      ambient: mask('CapAmb'),
    },
    noNewPrivs: fields.get('NoNewPrivs') === '1',
    seccomp: number('Seccomp'),
    seccompFilters: filters === undefined ? undefined : Number(filters),
    residentKiB: number('VmRSS'),
    threads: number('Threads'),
  };
}

/** The state of a process: of its main thread where threads differ. @throws Errno ENOENT or ESRCH when it is gone */
export function processState(pid: number | 'self' = 'self'): ProcessState {
  return readStatus(`/proc/${pid}/status`);
}

/** The state of each thread of a process by thread id; threads that end meanwhile are left out. @throws Errno */
export function threadStates(pid: number | 'self' = 'self'): Map<number, ProcessState> {
  const folder = `/proc/${pid}/task`;
  const states = new Map<number, ProcessState>();
  for (const tid of listed(folder)) {
    try {
      states.set(Number(tid), readStatus(`${folder}/${tid}/status`));
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
  return states;
}

/** The capability sets of this process's main thread. @throws Errno */
export function capabilities(): Capabilities {
  return processState().capabilities;
}

/**
 * Numbers of the FUSE connections (as in /sys/fs/fuse/connections, and the minor of the mount's st_dev) whose device a
 * process holds open, ascending. Recent kernels tell them in /proc/PID/fdinfo (6.18 does); on others none are found, nor for a
 * device that is not mounted. Needs the right to trace the process.
 *
 * @throws Errno ENOENT when the process is gone; EACCES
 */
export function fuseConnectionOf(pid: number | 'self'): number[] {
  const found = new Set<number>();
  for (const fd of listed(`/proc/${pid}/fd`)) {
    try {
      if (readlinkSync(`/proc/${pid}/fd/${fd}`) !== '/dev/fuse') continue;
      const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
      const line = /^fuse_connection:\s*(\d+)$/m.exec(info);
      if (line !== null) found.add(Number(line[1]));
    } catch (error) {
      if (!isGone(error)) throw new Errno(errnoOf(error), 'read', `/proc/${pid}/fdinfo/${fd}`);
    }
  }
  return [...found].sort((a, b) => a - b);
}

function isGone(error: unknown): boolean {
  const code = (error as {code?: unknown}).code;
  return code === 'ENOENT' || code === 'ESRCH';
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    throw new Errno(errnoOf(error), 'readdir', folder);
  }
}

function readStatus(path: string): ProcessState {
  try {
    return parseStatus(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Errno(errnoOf(error), 'read', path);
  }
}
