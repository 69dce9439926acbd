import {ftruncateSync} from 'node:fs';
import {expect, test} from 'vitest';
import {readProcessMemfd} from '../../../src/launch/process-memfd.js';
import {COUNTERS_SIZE, foreignCounters, reportCounters} from '../../../src/server/shared-counters.js';
import {createMemfd} from '../../../src/sys/memfd.js';

const NAME = 'fuseward-counters-test';
const read = (): ArrayBuffer | undefined => readProcessMemfd(process.pid, NAME, COUNTERS_SIZE);

/** Every number in a value, however deep. */
function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

test('memory that its owner cuts short is no memory: it is read and not mapped', () => {
  using memfd = createMemfd(NAME, new Uint8Array(COUNTERS_SIZE).fill(1));
  expect(read()?.byteLength).toBe(COUNTERS_SIZE);
  ftruncateSync(memfd.fd, COUNTERS_SIZE - 1);
  expect(read()).toBeUndefined();
  ftruncateSync(memfd.fd, 0);
  expect(read()).toBeUndefined();
  ftruncateSync(memfd.fd, 2 ** 40);
  expect(read()?.byteLength, 'what lies behind is not looked at').toBe(COUNTERS_SIZE);
});

test.each([0xff, 0x7f, 0x80, 0x55])('counters full of bytes %i are told as numbers', (byte) => {
  const memory = new ArrayBuffer(COUNTERS_SIZE);
  new Uint8Array(memory).fill(byte);
  const counters = foreignCounters(memory);
  const report = reportCounters(counters);
  for (const value of numbersIn([report, counters.state()])) {
    expect(Number.isFinite(value), String(value)).toBe(true);
    expect(value).toBeGreaterThanOrEqual(0);
  }
  // What goes into JSON comes out the same: nothing has become null.
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
});
