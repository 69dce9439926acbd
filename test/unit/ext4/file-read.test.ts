import {describe, expect, test} from 'vitest';
import type {BlockSource} from '../../../src/block/index.js';
import {FileReader} from '../../../src/ext4/file-read.js';
import type {Inode} from '../../../src/ext4/inode.js';
import {INODE_FLAG} from '../../../src/ext4/inode-flags.js';
import {seek} from '../../../src/ext4/seek.js';
import {BLOCK_SIZE, extentNode, fixtureInode, MapFixture, pointers} from './map-fixture.js';

/** Each byte is made from its position, so that a wrong place shows. */
function byteAt(position: number): number {
  return ((position * 31) % 251) + 1;
}

class PatternSource implements BlockSource {
  readonly size = 2 ** 40;
  readonly reads: Array<[position: number, length: number]> = [];
  /** Where the medium ends. */
  end = 2 ** 40;

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    this.reads.push([position, length]);
    const count = Math.max(0, Math.min(length, this.end - position));
    for (let i = 0; i < count; i++) target[targetOffset + i] = byteAt(position + i);
    return count;
  }
}

// Blocks: 0-1 at 100, 2 at 102 (its neighbour), 3 hole, 4-5 unwritten, 6 at 300, 7 at 200, 8-9 hole.
const size = 9 * BLOCK_SIZE + 100;
const inode: Inode = fixtureInode(extentNode(1, [[0, 50]], 60), true, 12, size);
function fixture(): {source: PatternSource; reader: FileReader; map: MapFixture} {
  const map = new MapFixture();
  map.blocks.set(
    50,
    extentNode(0, [
      [0, 2, 100],
      [2, 1, 102],
      [4, -2, 400],
      [6, 1, 300],
      [7, 1, 200],
    ]),
  );
  const source = new PatternSource();
  return {source, map, reader: new FileReader(source, map.ranges)};
}

function expected(): Uint8Array {
  const all = new Uint8Array(size);
  for (const [block, disk] of [
    [0, 100],
    [1, 101],
    [2, 102],
    [6, 300],
    [7, 200],
  ] as const) {
    for (let i = 0; i < BLOCK_SIZE; i++) all[block * BLOCK_SIZE + i] = byteAt(disk * BLOCK_SIZE + i);
  }
  return all;
}

describe('reading', () => {
  test('gives the same bytes from any place in any length, and touches no others', () => {
    const {reader} = fixture();
    const all = expected();
    for (let position = 0; position < size + 10; position += 311) {
      for (const length of [0, 1, 7, 1023, 1024, 1025, 4096, 20_000]) {
        const target = new Uint8Array(length + 20).fill(0xee);
        const count = reader.read(inode, position, target, 10, length);
        expect(count).toBe(Math.max(0, Math.min(length, size - position)));
        expect(target.subarray(10, 10 + count)).toEqual(all.subarray(position, position + count));
        expect(target.subarray(0, 10).every((byte) => byte === 0xee)).toBe(true);
        expect(target.subarray(10 + count).every((byte) => byte === 0xee)).toBe(true);
      }
    }
  });

  test('neighbours on disk come in with one read, holes and unwritten extents with none', () => {
    const {reader, source} = fixture();
    reader.read(inode, 100, new Uint8Array(size), 0, size);
    expect(source.reads).toEqual([
      [100 * BLOCK_SIZE + 100, 3 * BLOCK_SIZE - 100],
      [300 * BLOCK_SIZE, BLOCK_SIZE],
      [200 * BLOCK_SIZE, BLOCK_SIZE],
    ]);
  });

  test('on and on parses the map once', () => {
    const {reader, map} = fixture();
    for (let position = 0; position < size; position += 100)
      reader.read(inode, position, new Uint8Array(100), 0, 100);
    expect(map.reads).toBe(1);
  });

  test('at and after the end gives nothing', () => {
    const {reader, source} = fixture();
    for (const position of [size, size + 1, 2 ** 52])
      expect(reader.read(inode, position, new Uint8Array(9), 0, 9)).toBe(0);
    expect(source.reads).toEqual([]);
  });

  test('a source that has become shorter is an error, not zeros', () => {
    const {reader, source} = fixture();
    source.end = 101 * BLOCK_SIZE;
    expect(() => reader.read(inode, 0, new Uint8Array(size), 0, size)).toThrow(
      expect.objectContaining({errno: 'EIO', code: 'data-missing'}),
    );
  });
});

describe('seek', () => {
  const B = BLOCK_SIZE;
  // What lseek(2) answers on an ext4 of the kernel for such a file.
  const rows: Array<[offset: number, data: number | undefined, hole: number | undefined]> = [
    [0, 0, 3 * B],
    [5, 5, 3 * B],
    [3 * B - 1, 3 * B - 1, 3 * B],
    [3 * B, 6 * B, 3 * B],
    [3 * B + 9, 6 * B, 3 * B + 9],
    [4 * B, 6 * B, 4 * B],
    [7 * B, 7 * B, 8 * B],
    [8 * B, undefined, 8 * B],
    [size - 1, undefined, size - 1],
    [size, undefined, undefined],
    [2 ** 50, undefined, undefined],
    [-1, undefined, undefined],
  ];
  test.each(rows)('from %d: data at %s, hole at %s', (offset, data, hole) => {
    const {map} = fixture();
    for (const [whence, found] of [
      ['data', data],
      ['hole', hole],
    ] as const) {
      const ask = (): number => seek(map.ranges, inode, offset, whence);
      if (found === undefined) expect(ask).toThrow(expect.objectContaining({errno: 'ENXIO'}));
      else expect(ask()).toBe(found);
    }
  });

  test('a file that is data to its end has a hole there', () => {
    const {map} = fixture();
    expect(seek(map.ranges, {...inode, size: 3 * B - 7}, 1, 'hole')).toBe(3 * B - 7);
  });

  test('a map that uses its blocks over and over is answered in bounded time', () => {
    const map = new MapFixture();
    // Every block of the tree is the same one, so 1 KiB makes 2^24 runs. The hole after them is not found.
    map.blocks.set(50, pointers(new Array<number>(256).fill(50)));
    const file = fixtureInode(pointers(new Array<number>(15).fill(50), 60), false, 12, 2 ** 25 * B);
    expect(seek(map.ranges, file, 0, 'hole')).toBe(file.size);
    expect(seek(map.ranges, file, 16_843_000 * B, 'hole')).toBe((12 + 256 + 256 ** 2 + 256 ** 3) * B);
    expect(map.map.work).toBeLessThan(2 ** 28);
  });

  test('inline data is data', () => {
    const {map} = fixture();
    const inline = {...inode, size: 50, flags: INODE_FLAG.inlineData};
    expect(seek(map.ranges, inline, 7, 'data')).toBe(7);
    expect(seek(map.ranges, inline, 7, 'hole')).toBe(50);
  });
});
