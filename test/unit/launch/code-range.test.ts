import {expect, test} from 'vitest';
import {dataLimit, fitsInto} from '../../../src/launch/code-range.js';

const MIB = 2 ** 20;

test.each([
  ['20.19.0', false, 256, 256],
  ['22.23.5', false, 1024, 1024],
  ['24.0.0', false, 256, 768],
  ['26.12.1', false, 1024, 1536],
  ['26.12.1', true, 256, 256],
])('Node %s (jitless %s) with %i MiB is limited to %i MiB of data', (node, jitless, memory, limit) => {
  expect(dataLimit({memoryBytes: memory * MIB, jitless}, node)).toBe(limit * MIB);
});

test.each([
  ['20.19.0', false, 256, true],
  ['24.0.0', false, 256, false],
  ['24.0.0', false, 640, true],
  ['24.0.0', true, 256, true],
])('Node %s (jitless %s) starts within %i MiB: %s', (node, jitless, memory, fits) => {
  expect(fitsInto({memoryBytes: memory * MIB, jitless}, node)).toBe(fits);
});
