import {describe, expect, test} from 'vitest';
import {restrictToDevice} from '../../../src/ext4/device-range.js';
import {FileMapping} from '../../../src/ext4/file-mapping.js';
import type {Inode} from '../../../src/ext4/inode.js';
import {INODE_FLAG, MODE_TYPE} from '../../../src/ext4/inode-flags.js';
import {LAST_OFFSET, NO_ADDRESS, newFileRange, RANGE, type Reach} from '../../../src/ext4/map-range.js';
import type {OpenedContext} from '../../../src/ext4/opened-context.js';
import {RangeSet} from '../../../src/ext4/range-set.js';
import {Random} from '../../support/random.js';
import {BLOCK_SIZE as B, type Extent, extentNode, fixtureInode, MapFixture, pointers} from './map-fixture.js';

const FAR_END = LAST_OFFSET - (LAST_OFFSET % B);

/** An extent tree with leaves of the given extents, each in a block of its own. */
function treeOf(leaves: Extent[][]): {fixture: MapFixture; inode: Inode} {
  const fixture = new MapFixture();
  for (const [i, leaf] of leaves.entries()) fixture.blocks.set(50 + i, extentNode(0, leaf));
  const root = extentNode(
    1,
    leaves.map((leaf, i) => [leaf[0]![0], 50 + i]),
    60,
  );
  return {fixture, inode: {...fixtureInode(root, true), mode: MODE_TYPE.regular} as Inode};
}

function ask(
  {fixture, inode}: ReturnType<typeof treeOf>,
  offset: number,
  length: number,
  reach: Reach,
): [kind: number, offset: number, length: number, address: number] {
  const out = newFileRange();
  fixture.ranges.mapRange(inode, offset, length, reach, out);
  return [out.kind, out.offset, out.length, out.address];
}

// Blocks 0-3 at 100, 4-5 at 104 (from another leaf), hole at 6-9, unwritten at 10-11, written at 12 right behind it on disk, hole from 13 on.
const file = treeOf([
  [
    [0, 2, 100],
    [2, 2, 102],
  ],
  [[4, 2, 104]],
  [
    [10, -2, 200],
    [12, 1, 202],
  ],
]);

describe('a range', () => {
  const rows: Array<[what: string, offset: number, length: number, reach: Reach, ReturnType<typeof ask>]> = [
    ['is one piece of extents of several leaves', 0, 1, 'far', [RANGE.written, 0, 6 * B, 100 * B]],
    [
      'begins with the block of what was asked for',
      2 * B + 7,
      1,
      'far',
      [RANGE.written, 2 * B, 4 * B, 102 * B],
    ],
    [
      'that was asked for begins with its byte and ends with its byte',
      2 * B + 7,
      5,
      'asked',
      [RANGE.written, 2 * B + 7, 5, 102 * B + 7],
    ],
    [
      'that was asked for ends where what follows is different',
      5 * B + 1,
      9 * B,
      'asked',
      [RANGE.written, 5 * B + 1, B - 1, 105 * B + 1],
    ],
    [
      'that was asked for goes across leaves',
      3 * B + 1,
      2 * B,
      'asked',
      [RANGE.written, 3 * B + 1, 2 * B, 103 * B + 1],
    ],
    ['of one piece of the map is not joined', 1, 1, 'piece', [RANGE.written, 1, 2 * B - 1, 100 * B + 1]],
    ['of a hole', 7 * B + 1, 1, 'far', [RANGE.hole, 7 * B, 3 * B, NO_ADDRESS]],
    ['of a hole that was asked for', 7 * B + 1, 2, 'asked', [RANGE.hole, 7 * B + 1, 2, NO_ADDRESS]],
    [
      'unwritten is not joined with written behind it on disk',
      10 * B,
      1,
      'far',
      [RANGE.unwritten, 10 * B, 2 * B, 200 * B],
    ],
    [
      'behind the last block is a hole for good',
      20 * B + 5,
      1,
      'far',
      [RANGE.hole, 20 * B, FAR_END - 20 * B, NO_ADDRESS],
    ],
    [
      'behind what a map can have is a hole, too',
      2 ** 32 * B + 5,
      1,
      'far',
      [RANGE.hole, 2 ** 32 * B, FAR_END - 2 ** 32 * B, NO_ADDRESS],
    ],
    ['at the last offset', LAST_OFFSET - 1, 1, 'asked', [RANGE.hole, LAST_OFFSET - 1, 1, NO_ADDRESS]],
  ];
  test.each(rows)('%s', (_what, offset, length, reach, expected) => {
    expect(ask(file, offset, length, reach)).toEqual(expected);
  });

  test('of a hole over many empty indirect blocks is one', () => {
    const fixture = new MapFixture();
    for (let i = 0; i < 256; i++) fixture.blocks.set(1000 + i, pointers(i === 255 ? [0, 77] : [0]));
    fixture.blocks.set(60, pointers(Array.from({length: 256}, (_, i) => 1000 + i)));
    const blocks = new Array<number>(15).fill(0);
    blocks[13] = 60;
    const inode = {...fixtureInode(pointers(blocks, 60), false), mode: MODE_TYPE.regular} as Inode;
    const first = 12 + 256;
    expect(ask({fixture, inode}, 0, 1, 'far')).toEqual([
      RANGE.hole,
      0,
      (first + 255 * 256 + 1) * B,
      NO_ADDRESS,
    ]);
    expect(ask({fixture, inode}, (first + 255 * 256 + 1) * B, 1, 'far')[3]).toBe(77 * B);
    const end = first + 256 * 256;
    expect(ask({fixture, inode}, end * B, 1, 'far')).toEqual([
      RANGE.hole,
      end * B,
      FAR_END - end * B,
      NO_ADDRESS,
    ]);
  });

  test('ends before a damaged node, and who asks for what lies there is told', () => {
    const damaged = treeOf([[[0, 4, 100]], [[4, 2, 104]]]);
    damaged.fixture.blocks.set(51, new Uint8Array(B));
    for (const reach of ['far', 'asked'] as const) {
      expect(ask(damaged, 0, 6 * B, reach)).toEqual([RANGE.written, 0, 4 * B, 100 * B]);
      expect(() => ask(damaged, 4 * B, B, reach)).toThrow(expect.objectContaining({errno: 'EUCLEAN'}));
    }
  });

  test('of a map that uses its blocks over and over is found in bounded time, and covers what was asked for', () => {
    const fixture = new MapFixture();
    fixture.blocks.set(50, pointers(new Array<number>(256).fill(0)));
    const top = new Array<number>(256).fill(50);
    fixture.blocks.set(51, pointers(top));
    fixture.blocks.set(52, pointers(new Array<number>(256).fill(51)));
    const blocks = new Array<number>(15).fill(0);
    blocks[14] = 52;
    const inode = {...fixtureInode(pointers(blocks, 60), false), mode: MODE_TYPE.regular} as Inode;
    const [kind, offset, length] = ask({fixture, inode}, 0, 1, 'far');
    expect([kind, offset]).toEqual([RANGE.hole, 0]);
    expect(length).toBeGreaterThan(B);
    expect(fixture.map.work).toBeLessThan(2 ** 24 + 8 * B);
  });

  test('tells the same, whatever is asked for and however far it reaches', () => {
    const random = new Random(3);
    for (let n = 0; n < 200; n++) {
      const leaves: Extent[][] = [];
      const truth: number[] = [];
      let block = 0;
      let disk = 1000;
      for (let leaf = 0; leaf < 4; leaf++) {
        const extents: Extent[] = [];
        for (let i = 0; i < 5; i++) {
          if (random.below(2) === 0) block += random.below(3);
          if (random.below(3) === 0) disk += 1 + random.below(9);
          const length = 1 + random.below(4);
          const unwritten = random.below(4) === 0;
          extents.push([block, unwritten ? -length : length, disk]);
          for (let k = 0; k < length; k++) truth[block + k] = unwritten ? -(disk + k) : disk + k;
          block += length;
          disk += length;
        }
        leaves.push(extents);
      }
      const tree = treeOf(leaves);
      for (let m = 0; m < 30; m++) {
        const offset = random.below((block + 3) * B);
        const length = 1 + random.below(9 * B);
        for (const reach of ['asked', 'piece', 'far'] as const) {
          const [kind, from, count, address] = ask(tree, offset, length, reach);
          expect(from <= offset && offset < from + count).toBe(true);
          if (reach === 'asked') expect(from === offset && count <= length).toBe(true);
          // The last byte of the answer, and the first after it.
          for (const at of [from, Math.min(from + count - 1, (block + 3) * B)]) {
            const here = truth[Math.floor(at / B)] ?? 0;
            expect(kind).toBe(here === 0 ? RANGE.hole : here < 0 ? RANGE.unwritten : RANGE.written);
            if (here !== 0) expect(address + at - from).toBe(Math.abs(here) * B + (at % B));
          }
          if (reach !== 'far' || from + count >= (block + 3) * B) continue;
          const last = truth[(from + count) / B - 1] ?? 0;
          const next = truth[(from + count) / B] ?? 0;
          expect(last === 0 ? next !== 0 : next !== last + Math.sign(last)).toBe(true);
        }
      }
    }
  });
});

describe('what is told to who reads the device', () => {
  const view = {size: 1000 * B, blockSize: B, overlaid: RangeSet.of([103, 104, 104, 300])};
  const rows: Array<
    [what: string, range: [kind: number, length: number, address: number], expected: [number, number, number]]
  > = [
    [
      'ends before a block that the journal has newer',
      [RANGE.written, 6 * B, 100 * B],
      [RANGE.written, 3 * B, 100 * B],
    ],
    [
      'ends before it in the middle of a block, too',
      [RANGE.written, 6 * B, 100 * B + 9],
      [RANGE.written, 3 * B - 9, 100 * B + 9],
    ],
    [
      'has no address for such blocks',
      [RANGE.written, 6 * B, 103 * B + 9],
      [RANGE.overlaid, 2 * B - 9, NO_ADDRESS],
    ],
    ['goes on behind them', [RANGE.written, 6 * B, 105 * B], [RANGE.written, 6 * B, 105 * B]],
    [
      'is left as it is where nothing is read',
      [RANGE.unwritten, 6 * B, 100 * B],
      [RANGE.unwritten, 6 * B, 100 * B],
    ],
    ['ends with the device', [RANGE.written, 6 * B, 997 * B], [RANGE.written, 3 * B, 997 * B]],
    ['is nothing for a hole', [RANGE.hole, 6 * B, NO_ADDRESS], [RANGE.hole, 6 * B, NO_ADDRESS]],
  ];
  test.each(rows)('%s', (_what, [kind, length, address], expected) => {
    const range = {kind, offset: 0, length, address, runs: 1};
    restrictToDevice(range, view);
    expect([range.kind, range.length, range.address]).toEqual(expected);
  });

  test('never begins past the end of the device', () => {
    const range = {kind: RANGE.written, offset: 0, length: B, address: 1000 * B, runs: 1};
    expect(() => restrictToDevice(range, view)).toThrow(
      expect.objectContaining({errno: 'EIO', code: 'data-missing'}),
    );
  });
});

describe('the mapping of a file', () => {
  function mappingOf(
    tree: ReturnType<typeof treeOf>,
    overlaid: number[] = [],
    cut: number[] = [],
  ): FileMapping {
    const ctx = {ranges: tree.fixture.ranges, source: {size: 2 ** 40}} as unknown as OpenedContext;
    return new FileMapping(ctx, () => overlaid, new Set(cut));
  }

  test('of one that orphan recovery cuts off ends with its last block', () => {
    const out = newFileRange();
    const inode = {...file.inode, size: 3 * B + 5};
    const mapping = mappingOf(file, [], [inode.ino]);
    mapping.mapRange(inode, 0, 1, 'far', out);
    expect([out.kind, out.offset, out.length]).toEqual([RANGE.written, 0, 4 * B]);
    mapping.mapRange(inode, 4 * B, 1, 'far', out);
    expect([out.kind, out.offset, out.length]).toEqual([RANGE.hole, 4 * B, FAR_END - 4 * B]);
    mapping.mapRange(inode, 3 * B, 10 * B, 'asked', out);
    expect([out.kind, out.length]).toEqual([RANGE.written, B]);
    mapping.mapRange(inode, 12 * B, 3, 'asked', out);
    expect([out.kind, out.length, out.address]).toEqual([RANGE.hole, 3, NO_ADDRESS]);
  });

  test('is refused where the content is encrypted, and for what has none', () => {
    const out = newFileRange();
    const mapping = mappingOf(file);
    const encrypted = {...file.inode, flags: file.inode.flags | INODE_FLAG.encrypt};
    expect(() => mapping.mapRange(encrypted, 0, 1, 'far', out)).toThrow(
      expect.objectContaining({errno: 'ENOKEY'}),
    );
    const socket = {...file.inode, mode: MODE_TYPE.socket};
    expect(() => mapping.mapRange(socket, 0, 1, 'far', out)).toThrow(
      expect.objectContaining({errno: 'EINVAL'}),
    );
  });

  test('says whether it can be read from the device', () => {
    const inode = {...file.inode, size: 13 * B};
    expect(mappingOf(file).isReadable(inode)).toBe(true);
    expect(mappingOf(file, [99, 106, 200, 201]).isReadable(inode)).toBe(true);
    expect(mappingOf(file, [105]).isReadable(inode)).toBe(false);
    expect(mappingOf(file, [202]).isReadable(inode)).toBe(false);
    expect(mappingOf(file, [202]).isReadable({...inode, size: 12 * B})).toBe(true);
    expect(mappingOf(file, [105]).isReadable({...inode, flags: INODE_FLAG.inlineData})).toBe(true);
    expect(mappingOf(file).isReadable({...inode, flags: INODE_FLAG.encrypt})).toBe(false);
  });

  test('bmap counts in blocks of any size up to that of the file system', () => {
    const mapping = mappingOf(file, [105]);
    const rows: Array<[block: number, blockSize: number, found: number]> = [
      [1, B, 101],
      [3, 512, 203],
      [6, B, 0],
      [10, B, 0],
      [5, B, 0],
      [2 ** 40, B, 0],
      [LAST_OFFSET, B, 0],
    ];
    for (const [block, blockSize, found] of rows)
      expect(mapping.bmap(file.inode, block, blockSize)).toBe(found);
    for (const blockSize of [0, 1, 256, 768, 2 * B, 2 ** 31]) {
      expect(() => mapping.bmap(file.inode, 0, blockSize)).toThrow(
        expect.objectContaining({errno: 'EINVAL'}),
      );
    }
  });
});
