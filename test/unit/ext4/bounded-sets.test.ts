import {expect, test} from 'vitest';
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
  const cache = new GenerationCache<number>(100, (weight) => weight);
  for (let key = 0; key < 50; key++) cache.set(key, 25);
  expect(cache.size).toBeLessThanOrEqual(4);
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
