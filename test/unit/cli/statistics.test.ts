import {describe, expect, test} from 'vitest';
import {statsBetween} from '../../../src/cli/stats/difference.js';
import {statsReport} from '../../../src/cli/stats/report.js';
import {textWidth} from '../../../src/cli/terminal/text.js';
import {picture} from '../../../src/cli/top/picture.js';
import {type Row, rowsBetween, type Sample} from '../../../src/cli/top/rows.js';
import {type SortKey, sortRows} from '../../../src/cli/top/sorting.js';
import {IOMAP_NUMBERS, type IomapNumbers} from '../../../src/control/messages.js';
import {latencyOf} from '../../../src/manager/latency.js';
import type {CacheStats, MountStats, OperationStats} from '../../../src/manager/model.js';
import {mountView} from '../admin/fake-manager.js';

/** Counts of requests that took these times, in microseconds. */
function timed(microseconds: number[], errors: Record<string, number> = {}): OperationStats {
  const buckets = new Array<number>(24).fill(0);
  for (const one of microseconds) {
    const bucket = Math.min(23, 32 - Math.clz32(one));
    buckets[bucket] = buckets[bucket]! + 1;
  }
  const totalNs = 1000 * microseconds.reduce((sum, one) => sum + one, 0);
  return {
    count: microseconds.length,
    errors: Object.values(errors).reduce((sum, count) => sum + count, 0),
    errorsByErrno: errors,
    bytesIn: 40 * microseconds.length,
    bytesOut: 100 * microseconds.length,
    latencySeconds: latencyOf({buckets, totalNs, maxNs: 1000 * Math.max(0, ...microseconds)}),
  };
}

function stats(operations: Record<string, OperationStats>, cpuSeconds = 1): MountStats {
  const process = {
    ...{
      cpuSeconds,
      userSeconds: cpuSeconds,
      systemSeconds: 0,
      residentBytes: 50 * 2 ** 20,
      privateBytes: 2 ** 20,
    },
    ...{minorFaults: 1, majorFaults: 0, threads: 9, processes: 1, openFiles: 20},
    ...{voluntarySwitches: 1, involuntarySwitches: 0, io: null},
  };
  return {
    operations,
    iomap: null,
    queueDepth: 2,
    waiting: null,
    process,
    countedBy: 'server',
    tracing: null,
    kernel: null,
  };
}

const fast = new Array<number>(100).fill(10);
const slow = new Array<number>(50).fill(3000);

describe('what came between two looks', () => {
  test('counts, errors and bytes are the differences', () => {
    const before = stats({READ: timed(fast, {EIO: 1}), LOOKUP: timed(fast)});
    const after = stats({READ: timed([...fast, ...slow], {EIO: 3, ENOENT: 1}), LOOKUP: timed(fast)});
    const {operations} = statsBetween(before, after);
    expect(Object.keys(operations)).toEqual(['READ']);
    expect(operations['READ']).toMatchObject({
      ...{count: 50, errors: 3, errorsByErrno: {EIO: 2, ENOENT: 1}, bytesIn: 2000, bytesOut: 5000},
    });
  });

  test('times are those of the new requests alone', () => {
    const before = stats({READ: timed(slow)});
    const after = stats({READ: timed([...slow, ...fast])});
    const {latencySeconds} = statsBetween(before, after).operations['READ']!;
    // 10 µs lie in the bucket from 8 to 16 µs.
    for (const share of ['p50', 'p90', 'p99', 'max'] as const) {
      expect(latencySeconds[share]).toBeGreaterThanOrEqual(8e-6);
      expect(latencySeconds[share]).toBeLessThanOrEqual(16e-6);
    }
    expect(latencySeconds.mean).toBeCloseTo(10e-6, 9);
    expect(latencySeconds.buckets.at(-1)?.count).toBe(100);
  });

  test('a kind of request that is new counts from nothing', () => {
    const after = stats({READ: timed([...fast, ...slow])});
    const between = statsBetween(stats({}), after).operations['READ']!;
    expect(between.count).toBe(150);
    expect(between.latencySeconds.p50).toBeLessThan(1e-4);
    expect(between.latencySeconds.p90).toBeGreaterThan(1e-3);
    expect(between.latencySeconds.max).toBeCloseTo(0.003, 6);
  });
});

describe('a kernel that reads by itself', () => {
  const iomap = Object.fromEntries(IOMAP_NUMBERS.map((name) => [name, 0])) as IomapNumbers;
  const before = {...stats({}), iomap: {...iomap, beginRead: 5, upserts: 4}};
  const after = {...stats({}), iomap: {...iomap, beginRead: 12, upserts: 4, retries: 2}};

  test('what it asked between two looks are the differences', () => {
    expect(statsBetween(before, after).iomap).toMatchObject({beginRead: 7, upserts: 0, retries: 2});
    expect(statsBetween(stats({}), after).iomap).toMatchObject({beginRead: 12});
    expect(statsBetween(before, stats({})).iomap).toBeNull();
  });

  test('has a line of its own, and others have none', () => {
    const lines = (of: MountStats) => statsReport(of, 80).filter((line) => line.startsWith('iomap'));
    expect(lines(after)[0]).toMatch(
      /^iomap: mappings for 12 reads, 0 writes, .*; 4 kept by the kernel \(0 refused, 2 looked up/,
    );
    expect(lines(stats({}))).toEqual([]);
  });
});

describe('the report of one mount', () => {
  test('what was never timed has no times', () => {
    const untimed = {...timed([]), count: 4};
    expect(statsReport(stats({FORGET: untimed}), 80)[1]).toMatch(/^FORGET +4 +0 +- +- +- +- +0 +0$/);
  });

  test('without requests it says so', () => {
    expect(statsReport(stats({}), 80)[0]).toBe('No requests.');
  });
});

describe('the lines of top', () => {
  const cache = (hits: number, cold: number): CacheStats => ({
    ...{capacityBytes: 1, bytes: 1, entries: 1, dirty: 0, hits},
    misses: {cold, evicted: 0, invalidated: 0, bypassed: 0},
    evictions: {capacity: 0, dropped: 0},
    hitRate: {last10s: 0.25, last1m: null, all: null},
  });
  const sample = (at: number, of: MountStats | undefined, block?: CacheStats): Sample => ({
    at,
    mounts: new Map([['7/407', {mount: mountView('7'), stats: of, caches: block && {caches: {block}}}]]),
  });

  test('are rates of the time between two looks', () => {
    const before = sample(1000, stats({READ: timed(fast, {EIO: 2})}, 1), cache(100, 10));
    const after = sample(3000, stats({READ: timed([...fast, ...slow], {EIO: 6})}, 1.5), cache(130, 20));
    expect(rowsBetween(before, after)).toEqual([
      expect.objectContaining({
        ...{id: '7', target: '/mnt/7', health: 'ok', healthy: true},
        ...{requestsPerSecond: 25, errorsPerSecond: 2, readPerSecond: 2500, writtenPerSecond: 0},
        ...{hitShare: 0.75, queueDepth: 2, cpuShare: 0.25, residentBytes: 50 * 2 ** 20},
      }),
    ]);
  });

  test('a cache that was not asked has the rate of before', () => {
    const [row] = rowsBetween(sample(0, stats({}), cache(1, 1)), sample(1000, stats({}), cache(1, 1)));
    expect(row?.hitShare).toBe(0.25);
  });

  test('a mount that tells nothing, or is new, has no rates', () => {
    const [silent] = rowsBetween(sample(0, undefined), sample(1000, undefined));
    expect(silent).toMatchObject({requestsPerSecond: undefined, cpuShare: undefined, hitShare: undefined});
    const [fresh] = rowsBetween({at: 0, mounts: new Map()}, sample(1000, stats({READ: timed(fast)})));
    expect(fresh).toMatchObject({requestsPerSecond: undefined, residentBytes: 50 * 2 ** 20});
  });

  const row = (target: string, more: Partial<Row> = {}): Row => ({
    ...{id: '1', target, health: 'ok', healthy: true},
    ...{requestsPerSecond: 1, errorsPerSecond: 0, readPerSecond: 0, writtenPerSecond: 0},
    ...{p99Seconds: undefined, hitShare: 1, queueDepth: 0, cpuShare: 0, residentBytes: 1},
    ...more,
  });

  test('are sorted by what was chosen, then by name; what is not known comes last', () => {
    const rows = [
      row('/c'),
      row('/b', {requestsPerSecond: undefined}),
      row('/a'),
      row('/d', {requestsPerSecond: 2}),
    ];
    expect(sortRows(rows, 'ops').map(({target}) => target)).toEqual(['/d', '/a', '/c', '/b']);
    expect(sortRows(rows, 'name').map(({target}) => target)).toEqual(['/a', '/b', '/c', '/d']);
  });

  const many = Array.from({length: 60}, (_, index) => row(`/mnt/some/long/path/to/a/mount/point/${index}`));
  const heading = {left: 'fuseward', right: '12:00:00'};
  for (const [columns, rows] of [
    [200, 50],
    [80, 24],
    [40, 10],
    [20, 5],
    [9, 3],
    [1, 1],
  ] as const) {
    test(`fit a screen of ${columns} columns and ${rows} lines`, () => {
      for (const sort of ['ops', 'written', 'name'] as SortKey[]) {
        const lines = picture(many, {heading, sort, size: {columns, rows}});
        expect(lines).toHaveLength(rows);
        for (const line of lines) {
          // biome-ignore lint/suspicious/noControlCharactersInRegex: styles take no columns.
          expect(textWidth(line.replace(/\x1b\[\d*m/g, ''))).toBeLessThanOrEqual(columns);
        }
        if (rows >= 5) expect(lines.at(-2)).toBe(`and ${60 - (rows - 4)} more`.slice(0, columns));
      }
    });
  }

  test('a mount that is not well stands out', () => {
    const lines = picture([row('/a'), row('/b', {health: 'dead', healthy: false})], {
      heading,
      sort: 'ops',
      size: {columns: 80, rows: 10},
    });
    expect(lines.filter((line) => line.includes('\x1b[1m'))).toEqual([expect.stringContaining('/b')]);
  });
});
