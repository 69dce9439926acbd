import {describe, expect, test} from 'vitest';
import {MAP, OPF} from '../../support/kernel-sim/bits.js';
import type {FaultKind} from '../../support/kernel-sim/faults.js';
import {iomapBegin} from '../../support/kernel-sim/iomap.js';
import type {KernelOptions, SimKernel} from '../../support/kernel-sim/kernel.js';
import type {Mapping} from '../../support/kernel-sim/mapping.js';
import {resolve} from '../../support/kernel-sim/namespace.js';
import {OP} from '../../support/kernel-sim/opcodes.js';
import {OpenFile} from '../../support/kernel-sim/open-file.js';
import {mapped, unmapped} from '../../support/kernel-sim/scripted-server.js';
import {DEVICE_SIZE, stage} from './fixture.js';

/** Each check of the simulated kernel, with a server that does just that wrong. */

type Change = Partial<Mapping>;

interface Row {
  what: string;
  read?: Change;
  write?: Change;
  op?: number;
  fault: FaultKind;
  errno?: string;
  version?: KernelOptions['version'];
}

const rows: Row[] = [
  {what: 'an unknown type', read: {type: 9}, fault: 'map-type'},
  {what: 'an unknown type in the slot that a read does not use', write: {type: 77}, fault: 'map-type'},
  {
    what: 'PURE_OVERWRITE in the read slot',
    read: {...unmapped(MAP.PURE_OVERWRITE, 0n, 8192n)},
    fault: 'map-slot',
  },
  {what: 'NOCACHE in the read slot', read: {...unmapped(MAP.NOCACHE, 0n, 8192n)}, fault: 'map-slot'},
  {what: 'NOCACHE in the write slot', write: {type: MAP.NOCACHE}, fault: 'map-slot'},
  {what: 'RETRY_CACHE in the write slot', write: {type: MAP.RETRY_CACHE}, fault: 'map-slot'},
  {what: 'a flag that only the kernel sets', read: {flags: 1 << 9}, fault: 'map-flags'},
  {what: 'an unknown flag', write: {flags: 1 << 12}, fault: 'map-flags'},
  {what: 'length 0', read: {length: 0n}, fault: 'map-zero-length'},
  {what: 'length 0 of PURE_OVERWRITE', write: {length: 0n}, fault: 'map-zero-length'},
  {what: 'an end beyond 64 bits', read: {length: (1n << 64n) - 4096n, offset: 4096n}, fault: 'map-overflow'},
  {what: 'an offset beyond the largest file', read: {offset: 1n << 63n}, fault: 'map-beyond-maxbytes'},
  {what: 'an offset inside a block', read: {offset: 512n}, fault: 'map-alignment'},
  {what: 'a length that is no number of blocks', read: {length: 8191n}, fault: 'map-alignment'},
  {what: 'an unaligned write slot', write: {length: 100n}, fault: 'map-alignment'},
  {what: 'a mapping behind the position', read: {offset: 8192n}, fault: 'map-not-covering'},
  {what: 'PURE_OVERWRITE elsewhere', write: {offset: 8192n}, fault: 'map-not-covering'},
  {what: 'an address for a hole', read: {type: MAP.HOLE, dev: 0}, fault: 'map-address'},
  {what: 'a device for a hole', read: {...unmapped(MAP.HOLE, 0n, 8192n), dev: 1}, fault: 'map-device'},
  {what: 'an address for inline data', read: {type: MAP.INLINE, dev: 0}, fault: 'map-address'},
  {what: 'no address for data', read: {addr: (1n << 64n) - 1n}, fault: 'map-address'},
  {what: 'no device for data', read: {dev: 0}, fault: 'map-device'},
  {what: 'a device that was never registered', read: {dev: 2}, fault: 'map-cookie'},
  {
    what: 'such a device in the write slot',
    op: OPF.WRITE,
    write: mapped(0, 8192, 0, MAP.MAPPED),
    fault: 'map-cookie',
  },
  {what: 'an address inside a sector', read: {addr: 100n}, fault: 'map-address-alignment'},
  {what: 'an end beyond the device', read: {addr: BigInt(DEVICE_SIZE - 4096)}, fault: 'map-device-end'},
  {what: 'an address far beyond the device', read: {addr: 1n << 62n}, fault: 'map-device-end'},
  {
    what: 'flags with PURE_OVERWRITE, later kernels',
    write: {flags: 1},
    fault: 'map-special-flags',
    version: 'post-v7',
  },
  {
    what: 'inline data of two blocks, later kernels',
    read: {...unmapped(MAP.INLINE, 0n, 8192n)},
    fault: 'map-inline-length',
    version: 'post-v7',
  },
  {
    what: 'blocks for an atomic write without the promise, later kernels',
    op: OPF.WRITE | OPF.DIRECT | OPF.ATOMIC,
    fault: 'map-atomic',
    errno: 'EIO',
    version: 'post-v7',
  },
];

function begin(kernel: SimKernel, op: number): string {
  kernel.mount();
  const inode = resolve(kernel, 'file');
  try {
    iomapBegin(kernel, inode, 0, 4096, op);
    return 'fine';
  } catch (error) {
    return (error as {code: string}).code;
  }
}

describe('a BEGIN answer', () => {
  for (const {what, read = {}, write = {}, op = 0, fault, errno = 'EUCLEAN', version = 'v7'} of rows) {
    test(`with ${what} is ${fault}`, () => {
      const {server, kernel} = stage(4096, {version});
      server.files.set('file', {nodeid: 5n, size: 8192, mappings: [mapped(0, 8192, 4096)]});
      server.answer = (pair) => {
        const cookie = what.startsWith('such a device') ? {...write, dev: 7} : write;
        pair[0] = {...pair[0], ...read};
        pair[1] = {...pair[1], ...cookie};
      };
      expect(begin(kernel, op)).toBe(errno);
      expect(kernel.faults.kinds()).toEqual([fault]);
    });
  }

  test('without a fault is taken', () => {
    const {server, kernel} = stage();
    server.files.set('file', {nodeid: 5n, size: 8192, mappings: [mapped(0, 8192, 4096)]});
    expect(begin(kernel, 0)).toBe('fine');
    expect(kernel.faults.lines()).toEqual([]);
  });

  test('of another size is EIO', () => {
    for (const size of [0, 63, 65]) {
      const {server, kernel} = stage();
      server.files.set('file', {nodeid: 5n, size: 8192, mappings: []});
      server.handlers.set(OP.IOMAP_BEGIN, () => new Uint8Array(size));
      expect(begin(kernel, 0)).toBe('EIO');
      expect(kernel.faults.kinds()).toEqual(['reply-size']);
    }
  });
});

describe('replies as such', () => {
  const sent: Array<[what: string, bytes: (unique: bigint) => Buffer[], fault: FaultKind]> = [
    ['less than a header', () => [Buffer.alloc(15)], 'reply-header'],
    ['a length that is another', (unique) => [reply(unique, 0, 0, 17)], 'reply-header'],
    ['a positive error', (unique) => [reply(unique, 5)], 'reply-header'],
    ['an error beyond 511', (unique) => [reply(unique, -512)], 'reply-header'],
    ['an error with a body', (unique) => [reply(unique, -5, 8)], 'reply-error-with-body'],
    ['an answer to nothing', (unique) => [reply(unique + 100n, 0)], 'reply-unknown'],
    ['two answers', (unique) => [reply(unique, 0), reply(unique, 0)], 'reply-unknown'],
  ];
  for (const [what, bytes, fault] of sent) {
    test(`${what} is ${fault}`, () => {
      const {server, kernel} = stage();
      kernel.start();
      server.handlers.set(OP.STATFS, () => {
        for (const message of bytes(server.unique)) server.kernel!.reply(message);
        return undefined;
      });
      kernel.connection.submit(OP.STATFS, 1n);
      kernel.connection.settle(0);
      expect(kernel.faults.kinds()).toEqual([fault]);
    });
  }
});

function reply(unique: bigint, error: number, bodySize = 0, length = 16 + bodySize): Buffer {
  const message = Buffer.alloc(16 + bodySize);
  message.writeUInt32LE(length, 0);
  message.writeInt32LE(error, 4);
  message.writeBigUInt64LE(unique, 8);
  return message;
}

describe('attributes', () => {
  test('iomap without the right to all changes is told, and no inode with iomap', () => {
    const {server, kernel} = stage();
    server.files.set('file', {nodeid: 5n, size: 1, mappings: [], flags: 0b1000});
    kernel.mount();
    expect(resolve(kernel, 'file').iomap).toBe(false);
    expect(kernel.faults.kinds()).toEqual(['attr-iomap-without-exclusive']);
  });

  test('bits that change in an inode’s life are told, and change nothing', () => {
    const {server, kernel} = stage();
    const file = {nodeid: 5n, size: 1, mappings: [], flags: 0b1100};
    server.files.set('file', file);
    kernel.mount();
    resolve(kernel, 'file');
    file.flags = 0;
    expect(resolve(kernel, 'file').iomap).toBe(true);
    expect(kernel.faults.kinds()).toEqual(['attr-flags-changed']);
  });

  test('v6 has another bit and no right to all changes', () => {
    for (const [flags, iomap] of [
      [0b100, true],
      [0b1000, false],
    ] as const) {
      const {server, kernel} = stage(4096, {version: 'v6'});
      server.files.set('file', {nodeid: 5n, size: 1, mappings: [], flags});
      kernel.mount();
      expect(resolve(kernel, 'file').iomap).toBe(iomap);
    }
  });

  test('an open file with iomap can’t be a stream', () => {
    const {server, kernel} = stage();
    server.files.set('file', {nodeid: 5n, size: 1, mappings: []});
    server.handlers.set(OP.OPEN, () => {
      const body = new Uint8Array(16);
      body[8] = 1 << 4;
      return body;
    });
    kernel.mount();
    const inode = resolve(kernel, 'file');
    expect(() => OpenFile.open(kernel, inode)).toThrow('EINVAL');
    expect(kernel.faults.kinds()).toEqual(['open-flags']);
  });
});
