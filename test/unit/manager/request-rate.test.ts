import {expect, test} from 'vitest';
import {RequestRate} from '../../../src/manager/request-rate.js';

test('so many at once, then so many a second, for each user', () => {
  let now = 0;
  const rate = new RequestRate({burst: 3, perSecond: 2}, () => now);
  const admitted = (uid: number, count: number): boolean[] =>
    Array.from({length: count}, () => rate.admits(uid));
  expect(admitted(1, 4)).toEqual([true, true, true, false]);
  expect(admitted(2, 1)).toEqual([true]);
  now = 400;
  expect(admitted(1, 1)).toEqual([false]);
  now = 1_500;
  expect(admitted(1, 4)).toEqual([true, true, true, false]);
  // Never more than the burst, however long nobody came.
  now = 1e9;
  expect(admitted(1, 4)).toEqual([true, true, true, false]);
});

test('users without number keep their limits and take no memory for ever', () => {
  let now = 0;
  const rate = new RequestRate({burst: 1, perSecond: 1}, () => now);
  for (let uid = 0; uid < 5_000; uid++) expect(rate.admits(uid)).toBe(true);
  expect(rate.admits(4_999)).toBe(false);
  now = 2_000;
  expect(rate.admits(4_999)).toBe(true);
});
