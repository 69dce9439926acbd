import {describe, expect, test} from 'vitest';
import type {FaultKind} from '../../support/kernel-sim/faults.js';
import type {KernelOptions} from '../../support/kernel-sim/kernel.js';
import {resolve} from '../../support/kernel-sim/namespace.js';
import {OP, opName} from '../../support/kernel-sim/opcodes.js';
import {stage} from './fixture.js';

/** The first exchange: what is offered, and what of the answers is refused. */

test('CONFIG comes right after INIT, and before everything else', () => {
  const {kernel} = stage();
  const sent = kernel.during(() => kernel.mount());
  expect(sent.map(({opcode}) => opName(opcode))).toEqual(['INIT', 'IOMAP_CONFIG', 'GETATTR']);
  expect(kernel.iomapOn).toBe(true);
  expect(kernel.devices.all()).toMatchObject([{cookie: 1, blockSize: 4096}]);
  expect(kernel.faults.lines()).toEqual([]);
});

test.each([
  ['a kernel without iomap', {version: 'none'}],
  ['a connection that was not approved', {approved: false}],
] as Array<[string, KernelOptions]>)('%s does not offer it', (_, options) => {
  const {kernel, server} = stage(4096, options);
  server.files.set('file', {nodeid: 5n, size: 1, mappings: [], flags: 0});
  const sent = kernel.during(() => kernel.mount());
  expect(sent.map(({opcode}) => opName(opcode))).toEqual(['INIT', 'GETATTR']);
  expect(resolve(kernel, 'file').iomap).toBe(false);
});

test('a smaller minor number is told: no inode would have iomap', () => {
  const {kernel, server} = stage();
  server.minor = 45;
  kernel.start();
  expect(kernel.faults.kinds()).toEqual(['init-minor']);
});

/** A CONFIG reply with these bytes at these places. */
function config(size: number, ...patches: Array<[at: number, ...bytes: number[]]>): Uint8Array {
  const body = new Uint8Array(size);
  for (const [at, ...bytes] of patches) body.set(bytes, at);
  return body;
}

describe('a CONFIG reply', () => {
  const refused: Array<[what: string, body: Uint8Array, fault: FaultKind, options?: KernelOptions]> = [
    ['longer than the struct', config(105), 'config-size'],
    ['longer than before v7', config(100), 'config-size', {version: 'v6'}],
    ['with an unknown flag', config(100, [1, 1]), 'config-flags'],
    ['with a cache limit before v7', config(96, [0, 0x40]), 'config-flags', {version: 'v6'}],
    ['with something in the padding', config(100, [58, 1]), 'config-padding'],
    ['with a long uuid', config(100, [0, 0x02], [56, 17]), 'config-uuid'],
    [
      'with a block size that is no power of two',
      config(100, [0, 0x04], [60, 0xff, 0x0f]),
      'config-blocksize',
    ],
    ['with a block size of 256', config(100, [0, 0x04], [60, 0, 1]), 'config-blocksize'],
    ['with times of no granularity', config(100, [0, 0x10]), 'config-time', {version: 'post-v7'}],
    [
      'with files beyond 2^63',
      config(100, [0, 0x20], [88, 0, 0, 0, 0, 0, 0, 0, 0x80]),
      'config-maxbytes',
      {version: 'post-v7'},
    ],
  ];
  for (const [what, body, fault, options] of refused) {
    test(`${what} is refused: ${fault}`, () => {
      const {kernel, server} = stage(4096, options);
      server.handlers.set(OP.IOMAP_CONFIG, () => body);
      expect(() => kernel.start()).toThrow(/E(INVAL|IO)$/);
      expect(kernel.faults.kinds()).toContain(fault);
    });
  }

  test('may be short, or ENOSYS: everything has a default', () => {
    for (const answer of [config(8), config(96), config(100), config(104), 38]) {
      const {kernel, server} = stage();
      server.handlers.set(OP.IOMAP_CONFIG, () => answer);
      kernel.start();
      expect(kernel.superblock).toEqual({blockSize: 4096, maxbytes: 2n ** 63n - 1n, cacheLimit: 262_144});
    }
  });

  test('sets a cache limit within bounds', () => {
    for (const [bytes, limit] of [
      [[0, 0, 0, 0], 262_144],
      [[1, 0, 0, 0], 256],
      [[0, 8, 0, 0], 2048],
      [[0xff, 0xff, 0xff, 0xff], 2_097_152],
    ] as const) {
      const {kernel, server} = stage();
      server.handlers.set(OP.IOMAP_CONFIG, () => config(100, [0, 0x40], [96, ...bytes]));
      kernel.start();
      expect(kernel.cacheLimit).toBe(limit);
    }
  });
});
