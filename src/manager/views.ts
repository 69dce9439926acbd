import type {CachesAnswer, OperationNumbers, StatsAnswer} from '../control/index.js';
import type {Containment} from '../launch/containment.js';
import type {MountRecord} from '../launch/mount-record.js';
import {latencyOf} from './latency.js';
import type {CacheStats, CachesView, ContainmentView, MountStats, MountView, Tracing} from './model.js';
import {missesOf} from './samples.js';
import type {TracedNumbers} from './tracing/request-tracer.js';
import type {WatchedMount} from './watched-mount.js';

/** The kernel's count of waiting requests changes all the time: even in lists it is as good as new. */
const KERNEL_MS = 2_000;

function containmentView(
  held: Containment,
  reported: MountRecord['reported'],
): NonNullable<MountView['containment']> {
  const view: ContainmentView = {
    uid: held.uid,
    capabilities: [...held.capabilities],
    noNewPrivs: held.noNewPrivs,
    seccompFilters: held.seccompFilters,
    ownNamespaces: [...held.ownNamespaces],
    sharedNamespaces: [...held.sharedNamespaces],
    descriptors: {...held.descriptors},
    visibleMounts: [...held.visibleFiles],
    limits: {...held.limits},
    cgroup: {
      path: held.cgroup.path,
      sharedWith: [...held.cgroup.sharedWith],
      memoryBytes: held.cgroup.memoryBytes,
      tasks: held.cgroup.tasks,
    },
    code: {...held.code, files: [...held.code.files]},
    reported: reported ?? null,
  };
  return view;
}

/** The user who mounted, which the kernel shows among the options of every FUSE mount. */
function mounterOf(superOptions: readonly string[]): number | null {
  const value = superOptions.map((option) => /^user_id=(\d+)$/.exec(option)?.[1]).find(Boolean);
  return value === undefined ? null : Number(value);
}

/** Everything known of a mount. @param maxAgeMs how old the look at its server may be */
export function mountView(mount: WatchedMount, maxAgeMs: number): MountView {
  const {entry, record, link, server} = mount;
  const look = mount.look(maxAgeMs);
  const containment = look?.containment;
  return {
    id: mount.id,
    mountId: entry.id,
    ours: record !== undefined,
    source: entry.source,
    target: entry.target,
    places: mount.places.map(({target}) => target),
    type: entry.fsType,
    options: [...new Set([...entry.options, ...entry.superOptions])],
    callerUid: record?.callerUid ?? mounterOf(entry.superOptions),
    since: record?.since ?? null,
    rule: record?.rule === undefined ? null : `${record.rule.file}:${record.rule.line}`,
    readOnly: entry.options.includes('ro') || entry.superOptions.includes('ro'),
    loopDevice: record?.loopDevice ?? null,
    members: (record?.members ?? []).map(({path, loopDevice = null}) => ({path, loopDevice})),
    blockSize: record?.blockSize ?? null,
    iomap: record?.iomap ?? 'unknown',
    // What servers of others use, nobody tells.
    transport: link?.state?.transport ?? 'unknown',
    serverPid: server?.pid ?? null,
    unit: containment?.cgroup.unit ?? null,
    connected: link?.connected ?? false,
    waiting: mount.waiting(maxAgeMs > KERNEL_MS ? KERNEL_MS : 0) ?? null,
    frozen: link?.state?.frozen ?? false,
    shutDown: link?.state?.shutDown ?? false,
    health: mount.health,
    containment: containment === undefined ? null : containmentView(containment, record?.reported),
    seal: look === undefined ? null : look.seal.map((point) => ({...point})),
  };
}

function operationsOf(counted: Readonly<Record<string, OperationNumbers>>): MountStats['operations'] {
  const operations: MountStats['operations'] = {};
  for (const [name, counts] of Object.entries(counted)) {
    const {count, errors, errorsByErrno, bytesIn, bytesOut} = counts;
    operations[name] = {
      count,
      errors,
      errorsByErrno: {...errorsByErrno},
      bytesIn,
      bytesOut,
      latencySeconds: latencyOf(counts),
    };
  }
  return operations;
}

/** What the server counted, and what the kernel tells of it. @param maxAgeMs how old the kernel's word may be */
export function statsView(mount: WatchedMount, answer: StatsAnswer, maxAgeMs: number): MountStats {
  return {
    operations: operationsOf(answer.operations),
    iomap: answer.iomap === undefined ? null : {...answer.iomap},
    ...(answer.refused === undefined ? {} : {refused: {...answer.refused}}),
    queueDepth: answer.queueDepth,
    waiting: mount.waiting(maxAgeMs) ?? null,
    countedBy: answer.refused === undefined ? 'server' : 'relay',
    tracing: null,
    kernel: mount.kernel(maxAgeMs) ?? null,
    process: mount.process(maxAgeMs) ?? null,
  };
}

/** What can be seen from outside of a server that tells nothing. @param maxAgeMs how old the kernel's word may be */
export function outsideStatsView(
  mount: WatchedMount,
  {numbers, tracing}: {numbers: TracedNumbers | undefined; tracing: Pick<Tracing, 'state' | 'reason'>},
  maxAgeMs: number,
): MountStats {
  const waiting = mount.waiting(maxAgeMs);
  return {
    operations: operationsOf(numbers?.operations ?? {}),
    iomap: null,
    queueDepth: waiting ?? 0,
    waiting: waiting ?? null,
    countedBy: 'kernel',
    tracing: {...tracing, seconds: (numbers?.tracedMs ?? 0) / 1000, gaps: numbers?.gaps ?? 0},
    kernel: mount.kernel(maxAgeMs) ?? null,
    process: mount.process(maxAgeMs) ?? null,
  };
}

/** What the server's caches counted, with rates of the last minute from the samples that were taken. */
export function cachesView(mount: WatchedMount, {caches}: CachesAnswer, at: number): CachesView {
  const view: Record<string, CacheStats> = {};
  for (const [name, counts] of Object.entries(caches)) {
    const {hits, misses, evictions} = counts;
    view[name] = {
      capacityBytes: counts.capacityBytes,
      bytes: counts.bytes,
      entries: counts.entries,
      dirty: counts.dirty,
      hits,
      misses: {...misses},
      evictions: {...evictions},
      hitRate: mount.samples.hitRates(name).rates(at, {hits, misses: missesOf(misses)}),
    };
  }
  return {caches: view};
}
