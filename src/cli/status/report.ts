import type {CacheNumbers, ServerState} from '../../control/messages.js';
import type {Containment} from '../../launch/containment.js';
import type {MountStatus} from '../../launch/mount-status.js';
import type {ContainmentView, MountStats, MountView} from '../../manager/model.js';
import type {CounterReport} from '../../server/shared-counters.js';
import {printable} from '../terminal/text.js';
import {formatBytes, formatSeconds, formatShare} from '../terminal/units.js';

/** Lines of the server's log that are shown. */
const LOG_LINES = 10;
/** Characters of each. */
const LOG_WIDTH = 500;

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
  hung: 'hung: the server does not answer',
  dead: 'dead: the server is gone and everything on the mount fails; unmount it',
  aborted: 'aborted: the connection was cut and everything on the mount fails; unmount it',
  unknown: 'unknown: not one of our servers, and the kernel does not tell',
};

function list(values: readonly (string | number)[]): string {
  return values.length === 0 ? 'none' : values.map((value) => printable(String(value))).join(' ');
}

/** How the server is held. The two shapes differ in a name. */
function seal(containment: Containment | ContainmentView, reported: MountStatus['record']): string[] {
  const {capabilities, ownNamespaces, sharedNamespaces, seccompFilters, noNewPrivs} = containment;
  const mounts =
    'visibleFiles' in containment ? containment.visibleFiles.length : containment.visibleMounts.length;
  const word = 'reported' in containment ? containment.reported : reported?.reported;
  const filter = word ? ` (by its own word ${word.systemCalls} system calls allowed)` : '';
  const shared = sharedNamespaces.length === 0 ? '' : `; shares ${list(sharedNamespaces)} with us`;
  const open = Object.entries(containment.descriptors).map(([kind, count]) =>
    count === 1 ? printable(kind) : `${count}× ${printable(kind)}`,
  );
  const limits = Object.entries(containment.limits).map(([name, value]) => `${name} ${value ?? 'unlimited'}`);
  return [
    "containment, by the kernel's word:",
    `  capabilities:   ${list(capabilities)}`,
    `  new privileges: ${noNewPrivs ? 'never' : 'possible'}`,
    `  own namespaces: ${list(ownNamespaces)}${shared}`,
    `  seccomp:        ${seccompFilters > 0 ? `on in every thread${filter}` : 'not in every thread'}`,
    `  landlock:       ${word ? `ABI ${word.landlock}, by its own word` : 'not known'}`,
    `  sees:           ${ownNamespaces.includes('mnt') ? `${mounts} mounts of its own, and none of ours` : 'the same mounts as we do'}`,
    `  open:           ${open.join(', ')}`,
    `  limits:         ${limits.join(', ')}`,
  ];
}

function serverLines({status, managed, privileged}: Knowledge): string[] {
  const local = status?.containment;
  if (local !== undefined) {
    const {pid, uid, residentBytes, threads} = local;
    const memory = `${formatBytes(residentBytes)} resident, ${threads} threads`;
    return [`server: process ${pid}, user ${uid}, ${memory}`, ...seal(local, status?.record)];
  }
  const told = managed?.mount.containment ?? undefined;
  if (told !== undefined) {
    return [`server: process ${managed?.mount.serverPid ?? '?'}, user ${told.uid}`, ...seal(told, undefined)];
  }
  if (!privileged) return ['server: only root can look at it'];
  return status?.record === undefined
    ? ['server: not one of ours, and the kernel does not tell which process it is']
    : ['server: gone; everything on the mount fails, and "fuseward umount" ends it'];
}

function managerLines({managed, state}: Knowledge): string[] {
  if (managed === undefined) return [];
  const {health, connected, frozen, ours} = managed.mount;
  const channel = connected ? 'connected to the server' : 'no channel to the server';
  // The server's own memory tells it with their age, where we may look.
  const queued = state === undefined ? managed.stats?.queueDepth : undefined;
  const queue = queued === undefined ? [] : [`${queued} requests at the server`];
  const facts = [...(ours ? [channel] : []), ...queue, ...(frozen ? ['changes are held (frozen)'] : [])];
  return [`health: ${HEALTH_WORDS[health]}`, ...(facts.length === 0 ? [] : [`manager: ${facts.join(', ')}`])];
}

/** How many requests it works on and for how long, which is what tells a slow server from an idle one. */
function stateLines(state: ServerState | undefined): string[] {
  if (state === undefined) return [];
  const {queueDepth, oldestMs, held, frozen, shutDown} = state;
  const age = queueDepth > 0 ? `, the oldest for ${formatSeconds(Math.max(0, oldestMs) / 1000)}` : '';
  const holding = frozen ? `, changes are held (frozen), ${held} of them` : '';
  const end = shutDown ? ', and everything is answered with EIO (shutdown)' : '';
  return [`at the server: ${queueDepth} requests${age}${holding}${end}`];
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

function logLines(log: string): string[] {
  if (log === '') return [];
  const lines = log.trim().split('\n').slice(-LOG_LINES);
  return ['server log (its own words):', ...lines.map((line) => `  ${printable(line.slice(0, LOG_WIDTH))}`)];
}

/** Where the mount is and what it is of, by the kernel's table and what the mount command noted. */
function mountLines(status: MountStatus): string[] {
  const {record, loop, waiting} = status;
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
    facts.join(', '),
    `options: ${printable(status.options.join(','))}`,
    `kernel: connection ${status.connectionId}, ${waits}`,
    ...(record?.rule === undefined ? [] : [`allowed by: ${printable(record.rule.file)}:${record.rule.line}`]),
  ];
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
