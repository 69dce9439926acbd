import {expect, test} from 'vitest';
import {newCacheCounters} from '../../../src/block/index.js';
import {GenerationCache} from '../../../src/ext4/generation-cache.js';
import {RangeSet} from '../../../src/ext4/range-set.js';

test('a generation cache never holds more than its limit', () => {
  const cache = new GenerationCache<number>(100);
  for (let key = 0; key < 10_000; key++) {
    cache.set(key, key);
    expect(cache.size).toBeLessThanOrEqual(100);
    cache.get(key >> 1);
  }
});

test('a generation cache keeps what is used and forgets what is not', () => {
  const cache = new GenerationCache<string>(100);
  cache.set(-1, 'used');
  cache.set(-2, 'not used');
  for (let key = 0; key < 1000; key++) {
    cache.set(key, 'passing');
    expect(cache.get(-1)).toBe('used');
  }
  expect(cache.get(-2)).toBeUndefined();
  cache.clear();
  expect(cache.get(-1)).toBeUndefined();
});

test('a generation cache counts weights', () => {
  const cache = new GenerationCache<number>(100, {weigh: (weight) => weight});
  for (let key = 0; key < 50; key++) cache.set(key, 25);
  expect(cache.size).toBeLessThanOrEqual(4);
});

test('a generation cache tells hits from misses, and why they are misses', () => {
  const counters = newCacheCounters();
  const cache = new GenerationCache<string>(4, {bytesPerWeight: 10, counters});
  const ask = (key: number) => cache.get(key) ?? cache.set(key, 'x');
  for (const key of [1, 1, 2, 3, 4, 5]) ask(key);
  // The young generation is full at 2: 1 and 2 went when 5 came.
  expect(counters).toMatchObject({hits: 1, missesCold: 5, evictions: 2, entries: 3, bytes: 30});
  ask(1);
  ask(5);
  expect(counters).toMatchObject({hits: 2, missesCold: 5, missesEvicted: 1, evictions: 2, entries: 4});
  cache.clear();
  expect(counters).toMatchObject({dropped: 4, entries: 0, bytes: 0, capacityBytes: 40});
  for (const key of [1, 2, 9]) ask(key);
  expect(counters).toMatchObject({hits: 2, missesCold: 6, missesEvicted: 2, missesInvalidated: 1});
});

test('a generation cache does not evict what is asked for just then', () => {
  const counters = newCacheCounters();
  const cache = new GenerationCache<number>(4, {counters});
  for (const key of [1, 2, 3, 4]) cache.set(key, key);
  expect(cache.get(1)).toBe(1);
  expect(cache.get(1)).toBe(1);
  expect(counters).toMatchObject({hits: 2, evictions: 1, entries: 3});
});

test('a range set answers as a plain set does', () => {
  const ranges: number[] = [];
  const plain = new Set<number>();
  let random = 7;
  for (let i = 0; i < 60; i++) {
    random = (random * 48_271) % 0x7fffffff;
    const start = random % 1000;
    const length = 1 + (random % 13);
    ranges.push(start, start + length);
    for (let n = start; n < start + length; n++) plain.add(n);
  }
  const set = new RangeSet(ranges);
  expect(set.size).toBe(plain.size);
  for (let first = 0; first < 1020; first++) {
    for (const count of [1, 2, 5, 20]) {
      let any = false;
      for (let n = first; n < first + count; n++) any ||= plain.has(n);
      expect([first, count, set.overlaps(first, count)]).toEqual([first, count, any]);
    }
  }
  expect(new RangeSet([]).overlaps(0, 2 ** 40)).toBe(false);
});
