import {describe, expect, test} from 'vitest';
import {latencyOf} from '../../../src/manager/latency.js';

/** Buckets as a server has them: 0 is below 1 µs, k is 2^(k-1) to 2^k µs. */
function buckets(counts: Record<number, number>): number[] {
  return Array.from({length: 24}, (_, index) => counts[index] ?? 0);
}

describe('latency', () => {
  test('of nothing is all zeros', () => {
    const latency = latencyOf({buckets: buckets({}), totalNs: 0, maxNs: 0});
    expect(latency).toMatchObject({mean: 0, p50: 0, p90: 0, p99: 0, max: 0});
    expect(latency.buckets.at(-1)).toEqual({le: -1, count: 0});
  });

  test('percentiles lie in the bucket where that share is reached', () => {
    // 90 requests between 8 and 16 µs, 9 between 512 and 1024 µs, 1 of 3 s in the 22nd bucket (2.1 to 4.2 s).
    const latency = latencyOf({
      buckets: buckets({4: 90, 10: 9, 22: 1}),
      totalNs: 3_010_000_000,
      maxNs: 3_000_000_000,
    });
    expect(latency.mean).toBeCloseTo(0.0301);
    expect(latency.p50).toBeGreaterThan(8e-6);
    expect(latency.p50).toBeLessThan(16e-6);
    expect(latency.p90).toBeCloseTo(16e-6);
    expect(latency.p99).toBeCloseTo(1024e-6);
    expect(latency.max).toBe(3);
  });

  test('no percentile is above the longest time', () => {
    const latency = latencyOf({buckets: buckets({4: 1}), totalNs: 9_000, maxNs: 9_000});
    expect([latency.p50, latency.p99, latency.max]).toEqual([9e-6, 9e-6, 9e-6]);
  });

  test('the last bucket has no upper bound but the longest time', () => {
    const latency = latencyOf({buckets: buckets({23: 2}), totalNs: 4e10, maxNs: 3e10});
    expect(latency.p99).toBeGreaterThan(4.19);
    expect(latency.p99).toBeLessThanOrEqual(30);
  });

  test('the histogram is cumulative with its bounds in seconds', () => {
    const {buckets: told} = latencyOf({buckets: buckets({0: 2, 1: 3, 23: 1}), totalNs: 1, maxNs: 1});
    expect(told.slice(0, 3)).toEqual([
      {le: 1e-6, count: 2},
      {le: 2e-6, count: 5},
      {le: 4e-6, count: 5},
    ]);
    expect(told.at(-1)).toEqual({le: -1, count: 6});
    expect(told).toHaveLength(24);
  });

  test('buckets that a server made up give numbers all the same', () => {
    for (const each of [[], [5], buckets({3: Number.MAX_SAFE_INTEGER})]) {
      const {mean, p50, p90, p99} = latencyOf({buckets: each, totalNs: 0, maxNs: 0});
      expect([mean, p50, p90, p99].every(Number.isFinite)).toBe(true);
    }
  });
});
