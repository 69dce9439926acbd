import type {CacheStats, CachesView, MountStats, MountView} from '../../manager/model.js';
import {CommandError} from '../command.js';
import type {MountSource} from '../mount-source.js';
import {statesOf} from '../mount-states.js';
import {statsBetween} from '../stats/difference.js';

/** One look at one mount. Statistics are missing of servers that do not answer, caches also of those that are not ours. */
export interface MountSample {
  readonly mount: MountView;
  readonly stats: MountStats | undefined;
  readonly caches: CachesView | undefined;
}

/** One look at all of them. */
export interface Sample {
  /** Milliseconds of a clock that is not set. */
  readonly at: number;
  readonly mounts: ReadonlyMap<string, MountSample>;
}

/** What one mount did between two looks. What is not known is undefined. */
export interface Row {
  readonly id: string;
  readonly target: string;
  readonly health: string;
  readonly healthy: boolean;
  readonly requestsPerSecond: number | undefined;
  readonly errorsPerSecond: number | undefined;
  readonly readPerSecond: number | undefined;
  readonly writtenPerSecond: number | undefined;
  /** Of the requests between the two looks. */
  readonly p99Seconds: number | undefined;
  /** Share of hits of the block cache between the two looks, or if it was not asked then, of the last that are known. */
  readonly hitShare: number | undefined;
  readonly queueDepth: number | undefined;
  readonly cpuShare: number | undefined;
  readonly residentBytes: number | undefined;
}

/** What a source does not tell about one mount does not spoil the picture of the others. */
async function orNothing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** Looks at all mounts. @throws UnreachableError when the manager went away */
export async function look(source: MountSource): Promise<Sample> {
  const mounts = await source.mounts();
  const samples = await Promise.all(
    mounts.map(async (mount): Promise<[string, MountSample]> => {
      const [stats, caches] = await Promise.all([
        mount.ours || source.managed ? orNothing(source.stats(mount.id)) : undefined,
        mount.ours ? orNothing(source.caches(mount.id)) : undefined,
      ]);
      // A connection's number may be used again for another mount.
      return [`${mount.id}/${mount.mountId}`, {mount, stats, caches}];
    }),
  );
  return {at: performance.now(), mounts: new Map(samples)};
}

function hitShare(before: CacheStats | undefined, after: CacheStats | undefined): number | undefined {
  if (after === undefined) return undefined;
  const asked = (cache: CacheStats): number =>
    cache.hits + Object.values(cache.misses).reduce((sum, count) => sum + count, 0);
  const lookups = before === undefined ? 0 : asked(after) - asked(before);
  if (before !== undefined && lookups > 0) return Math.max(0, after.hits - before.hits) / lookups;
  return after.hitRate.last10s ?? after.hitRate.all ?? undefined;
}

function rowOf(before: MountSample | undefined, after: MountSample, seconds: number): Row {
  const {mount, stats, caches} = after;
  const {id, target, health} = mount;
  const [state = health] = statesOf(mount);
  const between =
    before?.stats === undefined || stats === undefined ? undefined : statsBetween(before.stats, stats);
  const operations = Object.entries(between?.operations ?? {});
  const rate = (count: (name: string, of: MountStats['operations'][string]) => number): number | undefined =>
    between && operations.reduce((sum, [name, counts]) => sum + count(name, counts), 0) / seconds;
  const slowest = operations.map(([, {latencySeconds}]) => latencySeconds.p99);
  const cpu = (sample: MountSample | undefined): number | undefined => sample?.stats?.process?.cpuSeconds;
  const isCounted = stats?.tracing?.state !== 'unsupported';
  const cpuBefore = cpu(before);
  const cpuAfter = cpu(after);
  return {
    id,
    target,
    health: state,
    healthy: (health === 'ok' || health === 'unknown') && !mount.shutDown,
    // Of requests that nobody counts there is no rate, not even 0.
    requestsPerSecond: isCounted ? rate((_, {count}) => count) : undefined,
    errorsPerSecond: isCounted ? rate((_, {errors}) => errors) : undefined,
    readPerSecond: isCounted ? rate((name, {bytesOut}) => (name === 'READ' ? bytesOut : 0)) : undefined,
    writtenPerSecond: isCounted ? rate((name, {bytesIn}) => (name === 'WRITE' ? bytesIn : 0)) : undefined,
    p99Seconds: slowest.length === 0 ? undefined : Math.max(...slowest),
    hitShare: hitShare(before?.caches?.caches['block'], caches?.caches['block']),
    queueDepth: stats?.queueDepth,
    cpuShare:
      cpuBefore === undefined || cpuAfter === undefined
        ? undefined
        : Math.max(0, cpuAfter - cpuBefore) / seconds,
    residentBytes: stats?.process?.residentBytes,
  };
}

/** What happened between two looks, a row for each mount that is there at the second. */
export function rowsBetween(before: Sample, after: Sample): Row[] {
  const seconds = Math.max(0.001, (after.at - before.at) / 1000);
  return [...after.mounts].map(([key, sample]) => rowOf(before.mounts.get(key), sample, seconds));
}
