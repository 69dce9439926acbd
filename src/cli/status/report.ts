import type {CacheNumbers, ServerState} from '../../control/messages.js';
import type {Containment} from '../../launch/containment.js';
import type {MountRecord} from '../../launch/mount-record.js';
import type {MountStatus} from '../../launch/mount-status.js';
import {type Seal, type SealState, sealLine} from '../../launch/seal.js';
import type {ContainmentView, MountStats, MountView} from '../../manager/model.js';
import type {CounterReport} from '../../server/shared-counters.js';
import {loadLines} from '../stats/report.js';
import {printable} from '../terminal/text.js';
import {formatBytes, formatSeconds, formatShare} from '../terminal/units.js';
import {logLines} from './log-lines.js';

/** All that is known of a mount: by the kernel, by the server's counters, by the manager. */
export interface Knowledge {
  readonly status: MountStatus | undefined;
  readonly counters: CounterReport | undefined;
  /** What the server is at, by its own word too. */
  readonly state: ServerState | undefined;
  readonly managed: {readonly mount: MountView; readonly stats: MountStats | undefined} | undefined;
  /** Whether we are root and so can look at a server. */
  readonly privileged: boolean;
}

const HEALTH_WORDS: Readonly<Record<MountView['health'], string>> = {
  ok: 'ok',
  slow: 'slow: a request is older than it should be',
  hung: 'hung: the server does not answer, or gets no further with its requests',
  dead: 'dead: the server is gone and everything on the mount fails; unmount it',
  aborted: 'aborted: the connection was cut and everything on the mount fails; unmount it',
  unknown: 'unknown: its server can not be asked, and the kernel does not tell',
};

function list(values: readonly (string | number)[]): string {
  return values.length === 0 ? 'none' : values.map((value) => printable(String(value))).join(' ');
}

/** What the server has open, sees and can run, in the kernel's words. The two shapes differ in a name. */
function factLines(containment: Containment | ContainmentView): string[] {
  const {ownNamespaces, code} = containment;
  const mounts =
    'visibleFiles' in containment ? containment.visibleFiles.length : containment.visibleMounts.length;
  const open = Object.entries(containment.descriptors).map(([kind, count]) =>
    count === 1 ? printable(kind) : `${count}× ${printable(kind)}`,
  );
  const limits = Object.entries(containment.limits).map(([name, value]) => `${name} ${value ?? 'unlimited'}`);
  const files = code.files.map((path) => path.slice(path.lastIndexOf('/') + 1));
  const writable = code.writable === 0 ? 'no memory' : `${code.writable} pieces of memory`;
  return [
    `  sees:   ${ownNamespaces.includes('mnt') ? `${mounts} mounts of its own, and none of ours` : 'the same mounts as we do'}`,
    `  open:   ${open.join(', ')}`,
    `  limits: ${limits.join(', ')}`,
    `  runs:   ${list(files)}; ${writable} writable and executable`,
  ];
}

const MARKS: Readonly<Record<SealState, string>> = {verified: '+', reported: '~', missing: '-'};
/** Characters of a point's sentence; some of its words may be a server's choice, like the names of what it holds. */
const DETAIL_WIDTH = 300;

/** What is known of each point of containment: a line for all, then one for each. */
function sealLines(seal: Seal | undefined): string[] {
  if (seal === undefined) return [];
  const points = seal.map(({point, state, detail, source}) => {
    const said = printable(detail).slice(0, DETAIL_WIDTH);
    return `  ${MARKS[state]} ${state.padEnd(8)} ${point.padEnd(17)} ${said} (${printable(source)})`;
  });
  return [`seal: ${printable(sealLine(seal)).slice(0, 2 * DETAIL_WIDTH)}`, ...points];
}

function serverLines({status, managed, privileged}: Knowledge): string[] {
  const local = status?.containment;
  const told = managed?.mount.containment ?? undefined;
  const seal = sealLines(status?.seal ?? managed?.mount.seal ?? undefined);
  if (local !== undefined) {
    const {pid, uid, residentBytes, threads, cgroup} = local;
    const memory = `${formatBytes(residentBytes)} resident, ${threads} threads`;
    return [
      `server: process ${pid}, user ${uid}, ${memory}${inUnit(cgroup.unit)}`,
      ...seal,
      ...factLines(local),
    ];
  }
  if (told !== undefined) {
    const {serverPid, unit} = managed!.mount;
    return [
      `server: process ${serverPid ?? '?'}, user ${told.uid}${inUnit(unit)}`,
      ...seal,
      ...factLines(told),
    ];
  }
  if (!privileged) return ['server: only root can look at it'];
  if (seal.length > 0) return ["server: it can't be looked at", ...seal];
  return status?.record === undefined
    ? ['server: not one of ours, and the kernel does not tell which process it is']
    : ['server: gone; everything on the mount fails, and "fuseward umount" ends it'];
}

function inUnit(unit: string | null | undefined): string {
  return unit == null ? '' : `, unit ${printable(unit)}`;
}

function managerLines({managed, state}: Knowledge): string[] {
  if (managed === undefined) return [];
  const {health, connected, frozen, shutDown, ours} = managed.mount;
  const channel = connected ? 'connected to the server' : 'no channel to the server';
  // The server's own memory tells it with their age, where we may look.
  const {stats} = managed;
  const told = state === undefined && stats?.countedBy !== 'kernel';
  const queued = told ? stats?.queueDepth : undefined;
  const queue = queued === undefined ? [] : [`${queued} requests at the server`];
  const facts = [
    ...[...(ours ? [channel] : []), ...queue],
    ...(frozen ? ['changes are held (frozen)'] : []),
    ...(shutDown ? ['everything is answered with EIO (shutdown)'] : []),
  ];
  return [
    `health: ${HEALTH_WORDS[health]}`,
    ...(facts.length === 0 ? [] : [`manager: ${facts.join(', ')}`]),
    ...(stats?.countedBy === 'kernel' ? outsideLines(stats) : []),
  ];
}

/** What can be told of a server that tells nothing itself: its requests as far as they were traced, and what it uses. */
function outsideLines(stats: MountStats): string[] {
  const requests = Object.entries(stats.operations)
    .sort(([, a], [, b]) => b.count - a.count)
    .map(
      ([name, {count, errors}]) => `${printable(name)} ${count}${errors === 0 ? '' : ` (${errors} errors)`}`,
    );
  return [...(requests.length === 0 ? [] : [`traced: ${requests.join(', ')}`]), ...loadLines(stats)];
}

/** How many requests it works on and for how long, which is what tells a slow server from an idle one. */
function stateLines(state: ServerState | undefined): string[] {
  if (state === undefined) return [];
  const {queueDepth, oldestMs, held, frozen, shutDown, transport} = state;
  const way = transport === 'io_uring' ? ', by io_uring' : '';
  const age = queueDepth > 0 ? `, the oldest for ${formatSeconds(Math.max(0, oldestMs) / 1000)}` : '';
  const holding = frozen ? `, changes are held (frozen), ${held} of them` : '';
  const end = shutDown ? ', and everything is answered with EIO (shutdown)' : '';
  return [`at the server: ${queueDepth} requests${way}${age}${holding}${end}`];
}

function cacheLine(name: string, {hits, misses}: CacheNumbers): string {
  const missed = Object.entries(misses).filter(([, count]) => count > 0);
  const asked = missed.reduce((sum, [, count]) => sum + count, hits);
  const rate = asked === 0 ? '' : `, ${formatShare(hits / asked)} hits`;
  const reasons =
    missed.length === 0 ? '' : `; misses: ${missed.map((reason) => reason.join(' ')).join(', ')}`;
  return `${name} cache: ${asked} look-ups${rate}${reasons}`;
}

function counterLines(report: CounterReport | undefined): string[] {
  if (report === undefined) return [];
  const requests = Object.entries(report.requests)
    .sort(([, a], [, b]) => b.count - a.count)
    .map(([name, {count, errors}]) => `${name} ${count}${errors === 0 ? '' : ` (${errors} errors)`}`);
  return [
    `requests: ${requests.join(', ') || 'none yet'}`,
    ...Object.entries(report.caches).map(([name, numbers]) => cacheLine(name, numbers)),
  ];
}

/** Where the mount is and what it is of, by the kernel's table and what the mount command noted. */
function mountLines(status: MountStatus): string[] {
  const {record, loop, waiting} = status;
  const others = status.places.filter((each) => each !== status.target);
  const facts = [
    `type ${printable(status.fsType)}`,
    ...(loop === undefined ? [] : [`${loop.device} on ${printable(loop.backingFile)}`]),
    ...(record?.blockSize === undefined ? [] : [`block size ${record.blockSize}`]),
    ...(record === undefined ? [] : [`iomap ${printable(record.iomap)}`, `since ${printable(record.since)}`]),
  ];
  const waits =
    waiting === undefined
      ? 'waiting requests are not known, because fusectl is not mounted'
      : `${waiting} requests waiting`;
  return [
    `${printable(status.target)}: ${printable(record?.source ?? status.source)}`,
    ...(others.length === 0 ? [] : [`also mounted on: ${others.map(printable).join(', ')}`]),
    facts.join(', '),
    ...memberLines(record?.members ?? []),
    `options: ${printable(status.options.join(','))}`,
    `kernel: connection ${status.connectionId}, ${waits}`,
    ...(record?.rule === undefined ? [] : [`allowed by: ${printable(record.rule.file)}:${record.rule.line}`]),
  ];
}

/** What else the file system lies on. */
function memberLines(members: NonNullable<MountRecord['members']>): string[] {
  if (members.length === 0) return [];
  const each = members.map(({path, loopDevice}) =>
    loopDevice === undefined ? path : `${path} (${loopDevice})`,
  );
  return [`members: ${printable(each.join(', '))}`];
}

/** The same by the manager's word, for a mount that can't be seen from here. */
function managedMountLines({target, source, type, options, id, waiting, since}: MountView): string[] {
  return [
    `${printable(target)}: ${printable(source)} (not in our own mount table; told by the manager)`,
    [`type ${printable(type)}`, ...(since === null ? [] : [`since ${printable(since)}`])].join(', '),
    `options: ${printable(options.join(','))}`,
    `kernel: connection ${printable(id)}, ${waiting === null ? 'waiting requests are not known' : `${waiting} requests waiting`}`,
  ];
}

/** Everything that is known, for people. */
export function statusReport(known: Knowledge): string[] {
  const {status, managed} = known;
  return [
    ...(status !== undefined ? mountLines(status) : managed ? managedMountLines(managed.mount) : []),
    ...managerLines(known),
    ...serverLines(known),
    ...stateLines(known.state),
    ...counterLines(known.counters),
    ...logLines(status?.log ?? ''),
  ];
}
