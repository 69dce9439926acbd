import type {MountStats, OperationStats} from '../../manager/model.js';

type Latency = OperationStats['latencySeconds'];
type Bucket = Latency['buckets'][number];

/** Seconds of a bucket's upper bound; the last one has none, and the longest time stands in for it. */
function bound({le}: Bucket, max: number): number {
  return le < 0 ? max : Math.min(le, max);
}

/** Where a share of the requests was done: linear in the bucket in which it is reached. Buckets are cumulative. */
function percentile(buckets: readonly Bucket[], share: number, max: number): number {
  const wanted = share * (buckets.at(-1)?.count ?? 0);
  let from = 0;
  let below = 0;
  for (const bucket of buckets) {
    const to = bound(bucket, max);
    if (bucket.count > below && bucket.count >= wanted) {
      return from + ((wanted - below) / (bucket.count - below)) * (to - from);
    }
    from = to;
    below = bucket.count;
  }
  return 0;
}

function latencyBetween(before: OperationStats | undefined, after: OperationStats): Latency {
  const {latencySeconds: now} = after;
  const earlier = new Map(before?.latencySeconds.buckets.map(({le, count}) => [le, count]));
  const buckets = now.buckets.map(({le, count}) => ({
    le,
    count: Math.max(0, count - (earlier.get(le) ?? 0)),
  }));
  const timed = buckets.at(-1)?.count ?? 0;
  // The longest time is known since the mount was made; here the bound of the highest bucket that grew must do.
  const highest = buckets.find(({count}) => count === timed);
  const max = timed === 0 || highest === undefined ? 0 : bound(highest, now.max);
  const total = now.mean * (now.buckets.at(-1)?.count ?? 0);
  const totalBefore =
    before === undefined
      ? 0
      : before.latencySeconds.mean * (before.latencySeconds.buckets.at(-1)?.count ?? 0);
  return {
    mean: timed === 0 ? 0 : Math.max(0, total - totalBefore) / timed,
    p50: percentile(buckets, 0.5, max),
    p90: percentile(buckets, 0.9, max),
    p99: percentile(buckets, 0.99, max),
    max,
    buckets,
  };
}

function countsBetween(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after)
      .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
      .filter(([, count]) => count > 0),
  );
}

/** What a kernel asked that reads by itself; what did not grow is 0. */
function iomapBetween(before: MountStats['iomap'], after: MountStats['iomap']): MountStats['iomap'] {
  if (after === null) return null;
  const grown = Object.entries(after).map(([name, count]) => [
    name,
    Math.max(0, count - (before?.[name] ?? 0)),
  ]);
  return Object.fromEntries(grown);
}

/**
 * What was asked between two looks at one server. The queue and the process are as they are now. Times are from the histogram:
 * right to a factor of two at worst.
 */
export function statsBetween(before: MountStats, after: MountStats): MountStats {
  const operations: Record<string, OperationStats> = {};
  for (const [name, now] of Object.entries(after.operations)) {
    const earlier = before.operations[name];
    const count = now.count - (earlier?.count ?? 0);
    if (count <= 0) continue;
    operations[name] = {
      count,
      errors: Math.max(0, now.errors - (earlier?.errors ?? 0)),
      errorsByErrno: countsBetween(earlier?.errorsByErrno ?? {}, now.errorsByErrno),
      bytesIn: Math.max(0, now.bytesIn - (earlier?.bytesIn ?? 0)),
      bytesOut: Math.max(0, now.bytesOut - (earlier?.bytesOut ?? 0)),
      latencySeconds: latencyBetween(earlier, now),
    };
  }
  const refused = after.refused && {refused: countsBetween(before.refused ?? {}, after.refused)};
  return {...after, operations, iomap: iomapBetween(before.iomap, after.iomap), ...refused};
}
