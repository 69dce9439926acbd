import {readFileSync, readlinkSync, readSync} from 'node:fs';
import {Errno} from '../sys/errno.js';
import {O_RDONLY, openFd} from '../sys/fd.js';
import {type ProcessState, parseStatus, processStart, processState} from '../sys/process-state.js';
import {firstNames} from './first-names.js';
import {cgroupOf, type ProcessCgroup} from './process-cgroup.js';
import {codeOf, type ProcessCode} from './process-code.js';
import {descriptorsOf, type ProcessDescriptor} from './process-descriptors.js';
import {accountOf, type ProcessUsers, processUsers} from './process-users.js';
import {ancestorsOf, pidNamespaceOf} from './sandbox-processes.js';

/** Kinds of namespace that can set a process apart, as in /proc/PID/ns. */
const NAMESPACES = ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup'] as const;

/** How a process is held, as the kernel tells it from outside. Nothing here is the process's own word. */
export interface Containment {
  readonly pid: number;
  /** When it started, in clock ticks since boot: all that is told here is of the process with this id and this start. */
  readonly start: string;
  readonly uid: number;
  readonly gid: number;
  /** Every user id that one of its threads has, real, effective, saved or for files; `uid` is among them. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /** The account with that user id in /etc/passwd. */
  readonly account: string | undefined;
  readonly parentPid: number;
  /** Other processes under that user id. */
  readonly neighbours: readonly number[];
  /** Those among them that it belongs together with: its ancestors, and who is in its own pid namespace. */
  readonly kin: readonly number[];
  /** Capabilities it could use now or get by executing something: all sets together. */
  readonly capabilities: readonly number[];
  /** Those in the bounding set, which alone gives nothing to a process with no_new_privs. */
  readonly boundingCapabilities: readonly number[];
  /** On every one of its threads. */
  readonly noNewPrivs: boolean;
  /** System-call filters on every one of its threads; the least of them, 0 for a process with very many threads. */
  readonly seccompFilters: number;
  readonly threads: number;
  /** Namespaces that are neither ours nor those of the machine's first process. */
  readonly ownNamespaces: readonly string[];
  readonly sharedNamespaces: readonly string[];
  /** Open descriptors, the first 1024 of them, by what they are: `/dev/fuse`, `/dev/loop0`, `anon_inode:[eventpoll]`, `unix socket`, … */
  readonly descriptors: Readonly<Record<string, number>>;
  /** Paths among them that are open for writing. */
  readonly writableFiles: readonly string[];
  /** Kinds among them that lie in what it sees of files anyway. */
  readonly visibleDescriptors: readonly string[];
  /** FUSE connections of the fuse devices among them; undefined where the kernel does not tell (before 6.17). */
  readonly connections: readonly number[] | undefined;
  /** What it sees of the machine's files: mounts in its own mount namespace. */
  readonly visibleFiles: readonly string[];
  /** Soft limits by name, as in /proc/PID/limits; null is unlimited. */
  readonly limits: Readonly<Record<string, number | null>>;
  /** The same limits as the process itself could raise them. */
  readonly hardLimits: Readonly<Record<string, number | null>>;
  readonly cgroup: ProcessCgroup;
  /** What it can execute. */
  readonly code: ProcessCode;
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
/** Processes of one user that are each looked at again. */
const FEW = 16;
const MOST_MOUNT_BYTES = 32_768;
/** Stands for all kinds of descriptor after the first so many. */
const OTHER_KINDS = 'others';

/**
 * The state of each thread. Undefined for a process with very many: nobody looks at so many, so nothing is said of them. One
 * that ends meanwhile is left out.
 */
function threadsOf(pid: number): ProcessState[] | undefined {
  const tids = firstNames(`/proc/${pid}/task`, MOST_THREADS + 1);
  if (tids.length > MOST_THREADS) return undefined;
  return tids.flatMap((tid) => {
    try {
      return [parseStatus(readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8'))];
    } catch {
      return [];
    }
  });
}

/** Kernels before 5.9 have no count of filters; mode 2 means at least one. */
function filtersOn({seccomp, seccompFilters}: ProcessState): number {
  return seccomp === 2 ? (seccompFilters ?? 1) : 0;
}

function countByKind(descriptors: readonly ProcessDescriptor[]): Record<string, number> {
  const kinds: Record<string, number> = Object.create(null);
  for (const {kind: found} of descriptors) {
    const isNew = !Object.hasOwn(kinds, found) && Object.keys(kinds).length >= MOST_KINDS;
    const kind = isNew ? OTHER_KINDS : found;
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

function connectionsOf(descriptors: readonly ProcessDescriptor[]): number[] | undefined {
  const connections = descriptors.flatMap(({connection}) => (connection === undefined ? [] : [connection]));
  return connections.length === 0 ? undefined : connections;
}

/** Every value in these lists, once. */
function distinct(lists: ReadonlyArray<readonly number[]>): number[] {
  return [...new Set(lists.flat())];
}

const LIMITS: Readonly<Record<string, string>> = {
  'Max data size': 'dataBytes',
  'Max file size': 'fileBytes',
  'Max open files': 'openFiles',
  'Max processes': 'processes',
  'Max core file size': 'coreBytes',
  'Max locked memory': 'lockedBytes',
};

function limitsOf(pid: number): Pick<Containment, 'limits' | 'hardLimits'> {
  const limits: Record<string, number | null> = {};
  const hardLimits: Record<string, number | null> = {};
  const number = (text = ''): number | null => (text === 'unlimited' ? null : Number(text));
  for (const line of readFileSync(`/proc/${pid}/limits`, 'utf8').split('\n')) {
    const name = LIMITS[line.slice(0, 26).trim()];
    if (name === undefined) continue;
    const [soft, hard] = line.slice(26).trim().split(/\s+/);
    limits[name] = number(soft);
    hardLimits[name] = number(hard);
  }
  return {limits, hardLimits};
}

function memoryOf(pid: number): Pick<Containment, 'residentBytes' | 'dataBytes'> {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (field: string): number =>
    1024 * Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
  return {residentBytes: bytes('VmRSS'), dataBytes: bytes('VmData')};
}

function isShared(pid: number, namespace: string): boolean {
  const own = readlinkSync(`/proc/${pid}/ns/${namespace}`);
  return ['self', '1'].some((other) => {
    try {
      return readlinkSync(`/proc/${other}/ns/${namespace}`) === own;
    } catch {
      // A first process that we may not look at, in a container; our own namespaces then stand for its.
      return false;
    }
  });
}

/**
 * Looks at a process from outside (proc(5)). Needs root. It takes some milliseconds, a quarter of it for the processes of the
 * same user.
 * @param users who runs under which user id, where the caller knows; else all processes are looked at
 * @throws Errno or Node's own error when the process is gone, or its id is another's before everything was looked at
 */
export function containmentOf(pid: number, users?: () => ProcessUsers): Containment {
  return withDescriptors(heldOf(pid, users));
}

/** A look without descriptors. */
export type Held = Omit<Containment, keyof DescriptorFacts>;

/** Looks at everything but descriptors: what does not change any more once a process has locked itself down. @throws as `containmentOf` */
export function heldOf(pid: number, users?: () => ProcessUsers): Held {
  const start = processStart(pid);
  const state = processState(pid);
  const threads = threadsOf(pid);
  const states = [state, ...(threads ?? [])];
  const noNewPrivs = states.every((each) => each.noNewPrivs);
  const sets = states.map(({capabilities}) => capabilities);
  const usable = sets.reduce((all, each) => {
    // The bounding set alone gives nothing to a process with no_new_privs and no capabilities.
    const gained = noNewPrivs ? 0n : each.bounding;
    return all | each.effective | each.permitted | each.inheritable | each.ambient | gained;
  }, 0n);
  const shared = NAMESPACES.filter((name) => isShared(pid, name));
  const [uid, gid] = [state.uids[0], state.gids[0]];
  const neighbours = neighboursOf(pid, uid, (users ?? processUsers)());
  const seen: Omit<Held, 'start'> = {
    pid,
    uid,
    gid,
    uids: distinct(states.map(({uids}) => uids)),
    gids: distinct(states.map(({gids}) => gids)),
    groups: distinct(states.map(({groups}) => groups)),
    account: accountOf(uid),
    parentPid: state.parentPid,
    neighbours: neighbours.slice(0, MOST_KINDS),
    kin: kinAmong(neighbours, {pid, uid, ownPidNamespace: !shared.includes('pid')}),
    capabilities: bitsOf(usable),
    boundingCapabilities: bitsOf(sets.reduce((all, {bounding}) => all | bounding, 0n)),
    noNewPrivs,
    seccompFilters: threads === undefined ? 0 : Math.min(...states.map(filtersOn)),
    threads: state.threads,
    ownNamespaces: NAMESPACES.filter((name) => !shared.includes(name)),
    sharedNamespaces: shared,
    visibleFiles: visibleFiles(pid),
    ...limitsOf(pid),
    cgroup: cgroupOf(pid),
    code: codeOf(pid),
    ...memoryOf(pid),
  };
  if (start === undefined || processStart(pid) !== start) {
    throw new Errno('ESRCH', 'read', `/proc/${pid}`);
  }
  return {...seen, start};
}

/** Completes a look with the descriptors that the process has now. @throws as `containmentOf` */
export function withDescriptors(seen: Held): Containment {
  const now = {...seen, ...descriptorFacts(seen.pid)};
  if (processStart(seen.pid) !== seen.start) throw new Errno('ESRCH', 'read', `/proc/${seen.pid}`);
  return now;
}

/** What of a look is about descriptors. */
type DescriptorFacts = Pick<
  Containment,
  'descriptors' | 'writableFiles' | 'visibleDescriptors' | 'connections'
>;

function descriptorFacts(pid: number): DescriptorFacts {
  const descriptors = descriptorsOf(pid, MOST_DESCRIPTORS);
  return {
    descriptors: countByKind(descriptors),
    writableFiles: distinctPaths(descriptors.filter(({writable}) => writable)),
    visibleDescriptors: distinctPaths(descriptors.filter(({visible}) => visible)),
    connections: connectionsOf(descriptors),
  };
}

function distinctPaths(descriptors: readonly ProcessDescriptor[]): string[] {
  const paths = descriptors.map(({kind}) => kind).filter((kind) => kind.startsWith('/'));
  return [...new Set(paths)].slice(0, MOST_KINDS);
}

/** Others who run under the same user id and so could reach it, or it them. */
function neighboursOf(pid: number, uid: number, users: ProcessUsers): number[] {
  const others = (users.get(uid) ?? []).filter((other) => other !== pid);
  // What the caller knows may be a moment old, and bubblewrap's own process has ended since. Many can only be root's.
  return others.length > FEW ? others : others.filter((other) => runsAs(other, uid));
}

function runsAs(pid: number, uid: number): boolean {
  try {
    const {state, uids} = processState(pid);
    return uids.includes(uid) && state !== 'Z' && state !== 'X';
  } catch {
    return false;
  }
}

function kinAmong(
  neighbours: readonly number[],
  {pid, uid, ownPidNamespace}: {pid: number; uid: number; ownPidNamespace: boolean},
): number[] {
  if (neighbours.length === 0) return [];
  const ancestors = ancestorsOf(pid, uid);
  const namespace = ownPidNamespace ? pidNamespaceOf(pid) : undefined;
  return neighbours.filter(
    (other) => ancestors.includes(other) || (namespace !== undefined && pidNamespaceOf(other) === namespace),
  );
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
