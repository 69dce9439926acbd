import type {ContainmentPoint} from '../policy/index.js';
import {SOURCE_PLACE} from './command-sandbox.js';
import type {Containment} from './containment.js';
import {FUSE_STAND_IN, loneName, OWN_ROOT, UNIX_SOCKET} from './process-descriptors.js';
import type {SealPoint} from './seal.js';

/** What a server may have because of its mount, and what it said of itself. */
export interface Expected {
  /** Who mounted; undefined where nobody knows. */
  readonly callerUid: number | undefined;
  /** Whether the server was started in a sandbox by the mount command, so that its parent is bubblewrap. */
  readonly embedded: boolean;
  /** Whether a relay stands between it and the kernel, so that it has a socket where others have the fuse device. */
  readonly observed?: boolean | undefined;
  /** It is a program of others, policy's command: what it sees of files is what it was granted. */
  readonly foreign?: boolean;
  /** Policy grants that program places in the network, so that it may have sockets which lead there. */
  readonly network?: boolean | undefined;
  /** The mount's image or device, absolute; and the loop device around it. */
  readonly sourcePath: string | undefined;
  /** Inode number of a source that is a file, decimal: by that a command's own mount of it is known. */
  readonly sourceInode?: string | undefined;
  readonly loopDevice: string | undefined;
  /** Further sources, absolute, and the loop devices around them. */
  readonly members?:
    | ReadonlyArray<{readonly path: string; readonly loopDevice?: string | undefined}>
    | undefined;
  readonly readOnly: boolean;
  /** It was told of queues, and may hold one io_uring, which it made before its lock-down. */
  readonly queues?: boolean | undefined;
  /** Filters of system calls that it had from its start, before its own. Default 0. */
  readonly firstFilters?: number | undefined;
  /** FUSE connection of the mount; undefined before it is attached. */
  readonly connection: number | undefined;
  /** What the server said of its lock-down, before it had seen the image. */
  readonly reported: {readonly landlock: number; readonly systemCalls: number} | undefined;
}

type Verdict = Omit<SealPoint, 'point'>;
type Judge = (held: Containment, expected: Expected) => Verdict;

/** Verified, unless something speaks against it. */
function verdict(source: string, against: ReadonlyArray<string | false>, found: string): Verdict {
  const reasons = against.filter((reason) => reason !== false);
  if (reasons.length > 0) return {state: 'missing', detail: reasons.join(', '), source};
  return {state: 'verified', detail: found, source};
}

/** Characters of a name that are shown. Names of what a process holds are its own choice. */
const LONGEST_NAME = 200;

/** The first few of a list that may be long, fit for a terminal. */
function some(values: ReadonlyArray<string | number>): string {
  const shown = values.slice(0, 4).map((value) =>
    String(value)
      .slice(0, LONGEST_NAME)
      .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd'),
  );
  return `${shown.join(', ')}${values.length > 4 ? ` and ${values.length - 4} more` : ''}`;
}

/** Who runs beside it and does not belong to it. A program of others may be several processes, in a pid namespace that is theirs. */
function others({neighbours, kin, parentPid}: Containment, {embedded, foreign}: Expected): readonly number[] {
  if (foreign === true) return neighbours.filter((pid) => !kin.includes(pid));
  return embedded ? neighbours.filter((pid) => pid !== parentPid) : neighbours;
}

const user: Judge = (held, expected) => {
  const {uid, gid, uids, gids, groups, account} = held;
  const strangers = others(held, expected);
  const foreignGroups = groups.filter((group) => group !== gid);
  return verdict(
    '/proc/PID/status, /etc/passwd',
    [
      uids.includes(0) && 'it has the user id of root',
      gids.includes(0) && 'it has the group id of root',
      (uids.length > 1 || gids.length > 1) && 'it can change between several user or group ids',
      expected.callerUid !== 0 && uid === expected.callerUid && 'it runs as the user who mounted',
      account !== undefined && uid !== 0 && `user ${uid} is an account (${account})`,
      foreignGroups.length > 0 && `it is in the groups ${some(foreignGroups)}`,
      strangers.length > 0 && `user ${uid} runs other processes too (${some(strangers)})`,
    ],
    `user ${uid}, which is nobody's account, and nothing else runs under it`,
  );
};

const capabilities: Judge = ({capabilities: usable, boundingCapabilities}) =>
  verdict(
    '/proc/PID/status',
    [usable.length > 0 && `it has capabilities (${some(usable)})`],
    boundingCapabilities.length === 0
      ? 'none, and none to be had'
      : 'none, and its bounding set is of no use without new privileges',
  );

const noNewPrivileges: Judge = ({noNewPrivs}) =>
  verdict(
    '/proc/PID/status',
    [!noNewPrivs && 'what it executes may give it privileges'],
    'nothing that it executes gives it privileges',
  );

const seccomp: Judge = ({seccompFilters, threads}, {reported, firstFilters = 0}) => {
  const count = seccompFilters === 1 ? 'a filter' : `${seccompFilters} filters`;
  const calls = reported === undefined ? '' : ` (${reported.systemCalls} system calls pass, by its own word)`;
  return verdict(
    '/proc/PID/task/*/status',
    [
      seccompFilters <= firstFilters &&
        `not every thread has a system-call filter${firstFilters > 0 ? ' of its own' : ''}`,
    ],
    `${count} on each of ${threads} threads${calls}`,
  );
};

/** No kernel shows a process's landlock domain to others, root included: the server's word is all there is. */
const landlock: Judge = (_, {reported, foreign = false}) => {
  if (reported === undefined) {
    return {state: 'missing', detail: 'it reports none, and the kernel does not show it', source: 'nothing'};
  }
  const source = 'report of the server before it saw the image';
  if (reported.landlock === 0) {
    const detail = foreign ? 'none: its mount namespace alone says what it sees' : 'the kernel has none';
    return {state: 'missing', detail, source};
  }
  if (foreign) {
    return {state: 'reported', detail: `ABI ${reported.landlock} holds its network`, source};
  }
  return {state: 'reported', detail: `everything is taken away that ABI ${reported.landlock} knows`, source};
};

const namespaces: Judge = ({ownNamespaces, sharedNamespaces}) =>
  verdict(
    '/proc/PID/ns',
    [sharedNamespaces.length > 0 && `it shares ${some(sharedNamespaces)} with the machine`],
    `its own ${ownNamespaces.join(' ')}`,
  );

/** Descriptors that lead to nothing: events, memory, pipes, unix sockets that were given to it or that it was given to listen on. */
const HARMLESS = new Set([
  '/dev/null',
  '/dev/fuse',
  'anon_inode:[eventpoll]',
  'anon_inode:[eventfd]',
  'anon_inode:[signalfd]',
  'anon_inode:[timerfd]',
  'pipe',
  UNIX_SOCKET,
  OWN_ROOT,
]);

/** What else a program of others may hold, which leads to nothing but itself. */
const FOREIGN_HARMLESS = new Set([
  FUSE_STAND_IN,
  '/dev/zero',
  '/dev/full',
  '/dev/random',
  '/dev/urandom',
  'anon_inode:inotify',
  'anon_inode:[pidfd]',
]);

/** What a program of others holds of a network that it was granted: its own network namespace, landlock and the filter say where they lead. */
const OF_NETWORK = new Set(['TCP', 'TCPv6', 'UDP', 'UDPv6'].map((protocol) => `${protocol} socket`));

/** What a ring for requests is called. Nobody can see from outside what it may do; after the lock-down no other can be made. */
const RING = 'anon_inode:[io_uring]';

const descriptors: Judge = (held, expected) => {
  const {sourcePath, sourceInode, loopDevice, members = []} = expected;
  const {readOnly, connection, observed, queues, foreign = false, network = false} = expected;
  const own = new Set([
    sourcePath,
    loopDevice,
    foreign && sourceInode !== undefined ? loneName(sourceInode) : undefined,
    ...members.flatMap((each) => [each.path, each.loopDevice]),
  ]);
  const granted = (kind: string): boolean =>
    foreign &&
    ((network && OF_NETWORK.has(kind)) ||
      FOREIGN_HARMLESS.has(kind) ||
      held.visibleDescriptors.includes(kind));
  const ofMount = (kind: string): boolean =>
    own.has(kind) || (foreign && (kind === SOURCE_PLACE || kind.startsWith(`${SOURCE_PLACE}/`)));
  const kinds = Object.keys(held.descriptors);
  const strange = kinds.filter(
    (kind) =>
      !HARMLESS.has(kind) &&
      !(kind === RING && queues === true && held.descriptors[kind] === 1) &&
      !kind.startsWith('/memfd:') &&
      !ofMount(kind) &&
      !granted(kind),
  );
  const written = held.writableFiles.filter(ofMount);
  const other = connection !== undefined && held.connections?.some((each) => each !== connection) === true;
  const count = Object.values(held.descriptors).reduce((sum, each) => sum + each, 0);
  return verdict(
    '/proc/PID/fd, fdinfo',
    [
      observed !== true &&
        !kinds.includes('/dev/fuse') &&
        'it holds no fuse device, so it is not the one who serves the mount',
      observed === true && kinds.includes('/dev/fuse') && 'it holds a fuse device though it is observed',
      other && 'it holds the fuse device of another mount',
      strange.length > 0 && `it holds ${some(strange)}`,
      readOnly && written.length > 0 && `it may write to ${some(written)} though the mount is read-only`,
    ],
    foreign
      ? `${count} open, of known kinds; of files nothing but the source and what is in its sandbox`
      : `${count} open, of known kinds; of files nothing but the image`,
  );
};

/** More than these is no bound to speak of. Ours have 64 descriptors and 32 threads. */
const MOST_FILES = 4096;
const MOST_TASKS = 4096;

const limits: Judge = ({hardLimits, cgroup}, {readOnly, foreign = false}) => {
  const {openFiles, processes, dataBytes, fileBytes, coreBytes} = hardLimits;
  const above = (value: number | null | undefined, most: number): boolean => (value ?? Infinity) > most;
  return verdict(
    '/proc/PID/limits',
    [
      above(openFiles, MOST_FILES) && `more than ${MOST_FILES} descriptors`,
      above(processes, MOST_TASKS) && above(cgroup.tasks, MOST_TASKS) && `more than ${MOST_TASKS} processes`,
      (dataBytes ?? cgroup.memoryBytes) === null && 'memory without end',
      // What writes to the files of a mount has no end but theirs.
      fileBytes == null && (readOnly || !foreign) && 'files without end',
      coreBytes !== 0 && 'core dumps',
    ].map((reason) => reason !== false && `it may have ${reason}`),
    [
      `${openFiles} descriptors`,
      `${Math.min(processes ?? Infinity, cgroup.tasks ?? Infinity)} processes and threads`,
      `${inWords(Math.min(dataBytes ?? Infinity, cgroup.memoryBytes ?? Infinity))} of memory`,
      fileBytes == null ? 'files as large as their file system lets them be' : `files of ${fileBytes} bytes`,
      'no core dump',
    ].join(', '),
  );
};

function inWords(bytes: number): string {
  return bytes >= 2 ** 30 ? `${+(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.floor(bytes / 2 ** 20)} MiB`;
}

const cgroup: Judge = (held, expected) => {
  const {path, sharedWith, memoryBytes, tasks} = held.cgroup;
  const {dataBytes} = held.hardLimits;
  const kin = expected.foreign === true ? held.kin : [held.parentPid];
  const strangers = expected.embedded ? sharedWith.filter((pid) => !kin.includes(pid)) : sharedWith;
  const bound = dataBytes == null ? '' : `; RLIMIT_DATA of ${inWords(dataBytes)} holds instead`;
  const isRoot = path === '/';
  return verdict(
    '/proc/PID/cgroup, /sys/fs/cgroup',
    [
      (isRoot || strangers.length > 0) && `it has no control group of its own${bound}`,
      !isRoot &&
        strangers.length === 0 &&
        memoryBytes === null &&
        `its control group has no memory limit${bound}`,
      !isRoot && strangers.length === 0 && tasks === null && 'its control group has no limit of tasks',
    ],
    `${memoryBytes === null ? '' : `${inWords(memoryBytes)} of memory and `}${tasks} tasks in a control group of its own`,
  );
};

/** What is asked at each point. */
export const JUDGES: Readonly<Record<ContainmentPoint, Judge>> = {
  user,
  capabilities,
  'no-new-privileges': noNewPrivileges,
  seccomp,
  landlock,
  namespaces,
  descriptors,
  limits,
  cgroup,
};
