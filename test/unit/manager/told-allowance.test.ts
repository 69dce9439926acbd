import {expect, test} from 'vitest';
import {ToldAllowance} from '../../../src/manager/told-allowance.js';

test('the first twenty are told, the others kept back and counted when there is room again', () => {
  const allowance = new ToldAllowance();
  const taken = Array.from({length: 30}, (_, index) => allowance.take(1_000 + index));
  expect(taken).toEqual([...Array(20).fill(0), ...Array(10).fill(undefined)]);
  expect(allowance.take(31_000)).toBe(10);
  expect(allowance.take(31_001)).toBeUndefined();
  expect(allowance.take(61_000)).toBe(1);
});

test('a day of two events a second leaves room for those of others', () => {
  const allowance = new ToldAllowance();
  let told = 0;
  for (let at = 0; at < 8 * 3_600_000; at += 500) if (allowance.take(at) !== undefined) told++;
  expect(told).toBeLessThan(1_000);
});

test('long silence gives no more than the first twenty', () => {
  const allowance = new ToldAllowance();
  allowance.take(0);
  const taken = Array.from({length: 25}, () => allowance.take(1e9));
  expect(taken.filter((each) => each !== undefined)).toHaveLength(20);
});
