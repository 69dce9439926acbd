import type {OperationStats} from './model.js';

/** What a server counted of one operation's times: see `fuse/counters.ts` for the buckets. */
export interface Latencies {
  /** Requests by bucket: the first is below 1 µs, number k from 2^(k-1) to 2^k µs, the last takes the rest. */
  readonly buckets: readonly number[];
  readonly totalNs: number;
  readonly maxNs: number;
}

/** Upper bound of a bucket in seconds. */
function upperBound(bucket: number): number {
  return 2 ** bucket / 1e6;
}

/**
 * Where a share of all requests was done, in seconds: linear inside the bucket in which that share is reached, and never
 * above the longest time that was seen.
 */
function percentile(buckets: readonly number[], total: number, share: number, max: number): number {
  let below = 0;
  const wanted = total * share;
  for (const [index, count] of buckets.entries()) {
    if (count > 0 && below + count >= wanted) {
      const from = index === 0 ? 0 : upperBound(index - 1);
      const to = index === buckets.length - 1 ? Math.max(from, max) : upperBound(index);
      return Math.min(max, from + ((wanted - below) / count) * (to - from));
    }
    below += count;
  }
  return max;
}

/** Percentiles and a cumulative histogram as Prometheus has it, in seconds. All 0 where nothing was timed. */
export function latencyOf({buckets, totalNs, maxNs}: Latencies): OperationStats['latencySeconds'] {
  const timed = buckets.reduce((sum, count) => sum + count, 0);
  const max = maxNs / 1e9;
  const at = (share: number): number => (timed === 0 ? 0 : percentile(buckets, timed, share, max));
  let sum = 0;
  return {
    mean: timed === 0 ? 0 : totalNs / timed / 1e9,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    max,
    buckets: buckets.map((count, index) => {
      sum += count;
      return {le: index === buckets.length - 1 ? -1 : upperBound(index), count: sum};
    }),
  };
}
