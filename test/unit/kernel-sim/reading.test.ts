import {describe, expect, test} from 'vitest';
import {MAP} from '../../support/kernel-sim/bits.js';
import type {KernelOptions} from '../../support/kernel-sim/kernel.js';
import {resolve} from '../../support/kernel-sim/namespace.js';
import {OP} from '../../support/kernel-sim/opcodes.js';
import {O_DIRECT, OpenFile} from '../../support/kernel-sim/open-file.js';
import {bmap, EXTENT, fiemap, swapExtents} from '../../support/kernel-sim/reports.js';
import {mapped, unmapped} from '../../support/kernel-sim/scripted-server.js';
import {Random} from '../../support/random.js';
import {inWords, type Stage, stage} from './fixture.js';

/** Reading and reports through mappings, against what the scripted layout means. */

const SIZE = 40_000;

/** Data, a hole, unwritten blocks, data that continue and data elsewhere; the size ends inside a block. */
function scene(blockSize: number, options: KernelOptions = {}): Stage & {file: OpenFile; wanted: Buffer} {
  const made = stage(blockSize, options);
  const layout = [
    mapped(0, 8192, 65_536),
    mapped(16_384, 4096, 16_384, MAP.UNWRITTEN),
    mapped(20_480, 4096, 131_072),
    mapped(24_576, 4096, 135_168),
    mapped(32_768, 12_288, 8192),
  ];
  made.server.files.set('file', {nodeid: 5n, size: SIZE, mappings: layout});
  const wanted = Buffer.alloc(SIZE);
  for (const {offset, length, addr, type} of layout) {
    if (type === MAP.MAPPED) made.device.copy(wanted, Number(offset), Number(addr), Number(addr + length));
  }
  made.kernel.mount();
  return {...made, wanted, file: OpenFile.open(made.kernel, resolve(made.kernel, 'file'))};
}

describe.each([512, 1024, 4096])('with blocks of %i', (blockSize) => {
  test('random reads are those of the layout, through the page cache and past it', () => {
    const {kernel, file, wanted} = scene(blockSize);
    const direct = OpenFile.open(kernel, file.inode, O_DIRECT);
    const random = new Random(3);
    for (let i = 0; i < 200; i++) {
      const pos = random.below(SIZE + 5000);
      const target = Buffer.alloc(random.below(20_000), 0xff);
      const count = (i % 2 === 0 ? file : direct).read(target, pos);
      expect(target.subarray(0, count).equals(wanted.subarray(pos, pos + target.length))).toBe(true);
      if (i % 20 === 0) file.inode.pages.reclaim();
    }
    expect(kernel.faults.lines()).toEqual([]);
  });

  test('holes, extents and blocks are told', () => {
    const {kernel, file} = scene(blockSize);
    const {inode} = file;
    expect([0, 8191, 8192, 21_000, 30_000].map((pos) => file.seekData(pos))).toEqual([
      0, 8191, 20_480, 21_000, 32_768,
    ]);
    expect([0, 8192, 17_000, 20_480, 33_000].map((pos) => file.seekHole(pos))).toEqual([
      8192,
      8192,
      17_000,
      28_672,
      SIZE,
    ]);
    expect(() => file.seekData(SIZE)).toThrow('ENXIO');
    expect(fiemap(kernel, inode).map(({logical, length, flags}) => [logical, length, flags])).toEqual([
      [0n, 8192n, 0],
      [16_384n, 4096n, EXTENT.UNWRITTEN],
      [20_480n, 4096n, 0],
      [24_576n, 4096n, 0],
      [32_768n, 12_288n, EXTENT.LAST],
    ]);
    expect(bmap(kernel, inode, 8192 / blockSize)).toBe(0);
    expect(bmap(kernel, inode, 21_504 / blockSize)).toBe((131_072 + 1024 - (1024 % blockSize)) / blockSize);
    expect(() => swapExtents(kernel, inode)).toThrow('EINVAL');
  });
});

test('which BEGIN is sent when', () => {
  const {kernel, file} = scene(4096);
  const {inode} = file;
  const words = (action: () => void): string[] => kernel.during(action).map(inWords);
  // Read-ahead asks for whole folios up to the end of the file.
  expect(words(() => file.read(Buffer.alloc(100), 4000))).toEqual(['BEGIN read 0+8192']);
  expect(words(() => file.read(Buffer.alloc(9000), 0))).toEqual(['BEGIN read 8192+4096']);
  expect(words(() => file.read(Buffer.alloc(8192), 16_384))).toEqual([
    'BEGIN read 16384+8192',
    'BEGIN read 20480+4096',
  ]);
  expect(words(() => file.read(Buffer.alloc(9000), 0))).toEqual([]);
  expect(words(() => OpenFile.open(kernel, inode, O_DIRECT).read(Buffer.alloc(4096), 4096))).toEqual([
    'BEGIN DIRECT 4096+4096',
  ]);
  expect(words(() => file.seekHole(0))).toEqual(['BEGIN REPORT 0+40000', 'BEGIN REPORT 8192+31808']);
  expect(words(() => bmap(kernel, inode, 1))).toEqual(['BEGIN REPORT 4096+4096']);
});

test.each([
  ['v7', [100, 50]],
  ['post-v7', [0, 4096]],
] as const)('inline data are READ from the server: %s', (version, [offset, size]) => {
  const {server, kernel} = stage(4096, {version});
  const text = Buffer.alloc(150, 'inline ');
  server.files.set('file', {nodeid: 5n, size: 150, mappings: [unmapped(MAP.INLINE, 0n, 4096n)]});
  const reads: number[][] = [];
  server.handlers.set(OP.READ, (_, body) => {
    const view = new DataView(body.buffer, body.byteOffset);
    const [from, length] = [Number(view.getBigUint64(8, true)), view.getUint32(16, true)];
    reads.push([from, length]);
    expect(view.getBigUint64(0, true)).toBe(0n);
    return text.subarray(from, from + length);
  });
  kernel.mount();
  const file = OpenFile.open(kernel, resolve(kernel, 'file'), O_DIRECT);
  const target = Buffer.alloc(50);
  expect(file.read(target, 100)).toBe(50);
  expect(target.equals(text.subarray(100))).toBe(true);
  expect(reads).toEqual([[offset, size]]);
});

test('a mapping out of the cache is looked up again where it changed in between', () => {
  const {server, kernel, file, device} = scene(4096);
  const none = unmapped(MAP.NOCACHE, 0n, 4096n);
  server.upsert(5n, mapped(0, 16_384, 65_536), none);
  let folios = 0;
  kernel.beforeFolio = () => {
    if (++folios === 3) server.upsert(5n, mapped(8192, 8192, 200_704), none);
  };
  const target = Buffer.alloc(16_384);
  file.read(target, 0);
  expect(target.subarray(0, 8192).equals(device.subarray(65_536, 73_728))).toBe(true);
  expect(target.subarray(8192).equals(device.subarray(200_704, 208_896))).toBe(true);
});

test('a mapping out of an answer is used to its end, whatever is pushed meanwhile', () => {
  const {server, kernel, file, device} = scene(4096);
  kernel.beforeFolio = () => server.upsert(5n, mapped(0, 8192, 200_704), unmapped(MAP.NOCACHE, 0n, 4096n));
  const target = Buffer.alloc(8192);
  file.read(target, 0);
  expect(target.equals(device.subarray(65_536, 73_728))).toBe(true);
});

test('a disk that is gone is EIO', () => {
  const {kernel, file} = scene(4096);
  kernel.devices.gone = true;
  expect(() => file.read(Buffer.alloc(10), 0)).toThrow('EIO');
  expect(file.read(Buffer.alloc(10), 9000)).toBe(10);
});
