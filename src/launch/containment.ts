import {opendirSync, readFileSync, readlinkSync, readSync} from 'node:fs';
import {O_RDONLY, openFd} from '../sys/fd.js';
import {processState} from '../sys/process.js';

/** Kinds of namespace that can set a process apart, as in /proc/PID/ns. */
const NAMESPACES = ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup'] as const;

/** How a process is held, as the kernel tells it from outside. Nothing here is the process's own word. */
export interface Containment {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Capabilities it could use now or get by executing something: all sets together. */
  readonly capabilities: readonly number[];
  readonly noNewPrivs: boolean;
  /** System-call filters on every one of its threads; the least of them, 0 for a process with very many threads. */
  readonly seccompFilters: number;
  readonly threads: number;
  /** Namespaces that are not ours. */
  readonly ownNamespaces: readonly string[];
  readonly sharedNamespaces: readonly string[];
  /** Open descriptors, the first 1024 of them, by what they are: `/dev/fuse`, `/dev/loop0`, `anon_inode:[eventpoll]`, `socket`, … */
  readonly descriptors: Readonly<Record<string, number>>;
  /** What it sees of the machine's files: mounts in its own mount namespace. */
  readonly visibleFiles: readonly string[];
  /** Soft limits by name, as in /proc/PID/limits; null is unlimited. */
  readonly limits: Readonly<Record<string, number | null>>;
  /** Resident and private writable memory, bytes. */
  readonly residentBytes: number;
  readonly dataBytes: number;
}

function bitsOf(mask: bigint): number[] {
  return [...mask.toString(2)].reverse().flatMap((bit, index) => (bit === '1' ? [index] : []));
}

/**
 * Servers of others may have made themselves threads, descriptors and mounts without end; looking at them costs the looker's
 * time and memory. Ours can't have as many.
 */
const MOST_THREADS = 256;
const MOST_DESCRIPTORS = 1024;
const MOST_KINDS = 64;
const MOST_MOUNT_BYTES = 32_768;
/** Stands for all kinds of descriptor after the first so many. */
const OTHER_KINDS = 'others';

function firstNames(directory: string, most: number): string[] {
  const names: string[] = [];
  const entries = opendirSync(directory);
  try {
    for (let entry = entries.readSync(); entry !== null && names.length < most; entry = entries.readSync()) {
      names.push(entry.name);
    }
  } finally {
    entries.closeSync();
  }
  return names;
}

function leastFilters(pid: number): number {
  const tids = firstNames(`/proc/${pid}/task`, MOST_THREADS + 1);
  // Nobody looks at so many, so nothing is said of them.
  if (tids.length > MOST_THREADS) return 0;
  const counts = tids.map((tid) => {
    const text = readFileSync(`/proc/${pid}/task/${tid}/status`, 'latin1');
    if (!/^Seccomp:\s*2$/m.test(text)) return 0;
    // Kernels before 5.9 have no count; mode 2 means at least one.
    return Number(/^Seccomp_filters:\s*(\d+)$/m.exec(text)?.[1] ?? 1);
  });
  return Math.min(...counts);
}

function descriptorKind(pid: number, fd: string): string {
  const path = readlinkSync(`/proc/${pid}/fd/${fd}`);
  // libuv keeps one in reserve while it listens. The process's root is its sandbox, not ours.
  if (path === '/') return 'own root directory';
  return path.replace(/:\[\d+\]$/, '').replace(/ \(deleted\)$/, '');
}

function descriptorKinds(pid: number): Record<string, number> {
  const kinds: Record<string, number> = Object.create(null);
  for (const fd of firstNames(`/proc/${pid}/fd`, MOST_DESCRIPTORS)) {
    const found = descriptorKind(pid, fd);
    const isNew = !Object.hasOwn(kinds, found) && Object.keys(kinds).length >= MOST_KINDS;
    const kind = isNew ? OTHER_KINDS : found;
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

const LIMITS: Readonly<Record<string, string>> = {
  'Max data size': 'dataBytes',
  'Max file size': 'fileBytes',
  'Max open files': 'openFiles',
  'Max processes': 'processes',
  'Max core file size': 'coreBytes',
  'Max locked memory': 'lockedBytes',
};

function limitsOf(pid: number): Record<string, number | null> {
  const limits: Record<string, number | null> = {};
  for (const line of readFileSync(`/proc/${pid}/limits`, 'latin1').split('\n')) {
    const name = LIMITS[line.slice(0, 26).trim()];
    if (name === undefined) continue;
    const soft = line.slice(26).trim().split(/\s+/)[0] ?? '';
    limits[name] = soft === 'unlimited' ? null : Number(soft);
  }
  return limits;
}

function kilobytes(pid: number, field: string): number {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  return 1024 * Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
}

/**
 * Looks at a process from outside (proc(5)). Needs root.
 * @throws Errno or Node's own error when the process is gone
 */
export function containmentOf(pid: number): Containment {
  const state = processState(pid);
  const {effective, permitted, inheritable, ambient, bounding} = state.capabilities;
  // The bounding set alone gives nothing to a process with no_new_privs and no capabilities.
  const usable = effective | permitted | inheritable | ambient | (state.noNewPrivs ? 0n : bounding);
  const own = NAMESPACES.filter(
    (name) => readlinkSync(`/proc/${pid}/ns/${name}`) !== readlinkSync(`/proc/self/ns/${name}`),
  );
  return {
    pid,
    uid: state.uids[0],
    gid: state.gids[0],
    capabilities: bitsOf(usable),
    noNewPrivs: state.noNewPrivs,
    seccompFilters: leastFilters(pid),
    threads: state.threads,
    ownNamespaces: own,
    sharedNamespaces: NAMESPACES.filter((name) => !own.includes(name)),
    descriptors: descriptorKinds(pid),
    visibleFiles: visibleFiles(pid),
    limits: limitsOf(pid),
    residentBytes: kilobytes(pid, 'VmRSS'),
    dataBytes: kilobytes(pid, 'VmData'),
  };
}

function visibleFiles(pid: number): string[] {
  return beginningOf(`/proc/${pid}/mountinfo`, MOST_MOUNT_BYTES)
    .split('\n')
    .map((line) => line.split(' ')[4])
    .filter((place) => place !== undefined);
}

/** The whole lines in the first bytes of a file of /proc. */
function beginningOf(path: string, most: number): string {
  using file = openFd(path, O_RDONLY);
  const bytes = Buffer.alloc(most);
  let length = 0;
  for (let got = 1; got > 0 && length < most; length += got) {
    got = readSync(file.fd, bytes, length, most - length, null);
  }
  const end = length < most ? length : bytes.lastIndexOf(0x0a) + 1;
  return bytes.toString('utf8', 0, end);
}
