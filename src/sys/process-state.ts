import {type Dir, opendirSync, readFileSync, readlinkSync} from 'node:fs';
import {Errno, errnoOf} from './errno.js';

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

/** Read as UTF-8, the one encoding for which Node reads a file in one call: half the time, where many files are read. */
const ENCODING = 'utf8';

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

/**
 * When a process started, in clock ticks since boot (field 22 of /proc/PID/stat): with its id the name of a process that no
 * other ever has. Undefined when it is gone.
 */
export function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, ENCODING);
    // The name in parentheses may hold anything, so count from behind its last parenthesis.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
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

/** A server opens its device early, so the number is low. */
const MOST_DESCRIPTORS = 4096;

/**
 * Numbers of the FUSE connections (as in /sys/fs/fuse/connections, and the minor of the mount's st_dev) whose device a
 * process holds open, ascending. Recent kernels tell them in /proc/PID/fdinfo (6.18 does); on others none are found, nor for a
 * device that is not mounted. Needs the right to trace the process. Looked for among the lowest 4096 descriptors, since anybody's
 * process may hold a million, and they are looked at one by one.
 *
 * @throws Errno ENOENT when the process is gone; EACCES
 */
export function fuseConnectionOf(pid: number | 'self'): number[] {
  const found = new Set<number>();
  for (const fd of listed(`/proc/${pid}/fd`, MOST_DESCRIPTORS)) {
    try {
      if (readlinkSync(`/proc/${pid}/fd/${fd}`) !== '/dev/fuse') continue;
      const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, ENCODING);
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

/** The names in a folder in the kernel's order, and no more than so many. */
function listed(folder: string, most = Infinity): string[] {
  const names: string[] = [];
  let entries: Dir | undefined;
  try {
    entries = opendirSync(folder);
    for (let entry = entries.readSync(); entry !== null && names.length < most; entry = entries.readSync()) {
      names.push(entry.name);
    }
    return names;
  } catch (error) {
    throw new Errno(errnoOf(error), 'readdir', folder);
  } finally {
    entries?.closeSync();
  }
}

function readStatus(path: string): ProcessState {
  try {
    return parseStatus(readFileSync(path, ENCODING));
  } catch (error) {
    throw new Errno(errnoOf(error), 'read', path);
  }
}

/** Whether it is still that process, and does not only wait for its parent to take notice. */
export function isRunning({pid, start}: {readonly pid: number; readonly start: string}): boolean {
  try {
    const {state} = processState(pid);
    return state !== 'Z' && state !== 'X' && processStart(pid) === start;
  } catch {
    return false;
  }
}
