import {expect, test} from 'vitest';
import {firstFilterProgram} from '../../../src/launch/first-filter.js';
import {syscallNumber} from '../../../src/sys/syscall-numbers.js';
import {runFilter} from '../sys/bpf-machine.js';

const ALLOW = 0x7fff0000;
const ENOSYS = 0x00050026;
const X64 = 0xc000003e;
const SETUP = syscallNumber('io_uring_setup', 'x64')!;

function verdict(nr: number, ...args: number[]): number {
  const words = [0, 1, 2, 3, 4, 5].map((index) => BigInt(args[index] ?? 0));
  return runFilter(firstFilterProgram('x64').bytes, {nr, arch: X64, args: words});
}

test('the runtime gets no io_uring, a server that asks for an odd number of entries does', () => {
  for (const entries of [0, 2, 64, 256, 4096]) expect(verdict(SETUP, entries, 0x1000)).toBe(ENOSYS);
  for (const entries of [1, 9, 33, 257]) expect(verdict(SETUP, entries, 0x1000)).toBe(ALLOW);
});

test('nothing else is taken from a program', () => {
  for (let nr = 0; nr < 500; nr++) if (nr !== SETUP) expect(verdict(nr, 64)).toBe(ALLOW);
});
