import {closeSync, mkdtempSync, openSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {preadBytes} from '../../../src/sys/raw-io.js';

let directory = '';
let fd = -1;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fuseward-raw-'));
  writeFileSync(join(directory, 'file'), 'abcdefgh');
  fd = openSync(join(directory, 'file'), 'r');
});
afterEach(() => {
  closeSync(fd);
  rmSync(directory, {recursive: true});
});

test('bytes at a position come to their place, and no further', () => {
  const memory = new Uint8Array(8).fill(0x2e);
  expect(preadBytes(fd, memory, 2, 3, 4)).toBe(3);
  expect(Buffer.from(memory).toString()).toBe('..efg...');
});

test('into a part of a buffer', () => {
  const whole = new Uint8Array(8).fill(0x2e);
  expect(preadBytes(fd, whole.subarray(3, 6), 1, 2, 0)).toBe(2);
  expect(Buffer.from(whole).toString()).toBe('....ab..');
});

test('as many as there are before the end', () => {
  expect(preadBytes(fd, new Uint8Array(8), 0, 8, 6)).toBe(2);
  expect(preadBytes(fd, new Uint8Array(8), 0, 8, 8)).toBe(0);
  expect(preadBytes(fd, new Uint8Array(8), 0, 8, 2 ** 45)).toBe(0);
});

test.each([
  [0, 9],
  [4, 5],
  [-1, 4],
  [0, -1],
  [Number.NaN, 4],
  [0, Number.NaN],
])('nothing is written outside of the memory: %d, %d', (offset, length) => {
  expect(() => preadBytes(fd, new Uint8Array(8), offset, length, 0)).toThrow(RangeError);
});

test('failures say what failed', () => {
  expect(() => preadBytes(fd, new Uint8Array(8), 0, 8, -1)).toThrow('pread fd');
  const closed = openSync(join(directory, 'file'), 'r');
  closeSync(closed);
  expect(() => preadBytes(closed, new Uint8Array(8), 0, 8, 0)).toThrow(
    expect.objectContaining({code: 'EBADF', errno: 9}),
  );
});
