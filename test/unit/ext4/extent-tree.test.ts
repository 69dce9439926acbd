import {describe, expect, test} from 'vitest';
import {crc32c} from '../../../src/ext4/checksum.js';
import {checkExtentNode, decodeExtentHeader} from '../../../src/ext4/extent-tree.js';
import {BLOCKS, type Extent, extentNode, fixtureInode, type Index, MapFixture} from './map-fixture.js';
import {hex} from './memory-image.js';

const HOLE = 0;
const WRITTEN = 1;
const UNWRITTEN = 2;

describe('extent header', () => {
  const rest = '00'.repeat(48);
  // magic entries max depth generation
  const invalid: Array<[what: string, hex: string, code: string]> = [
    ['a node shorter than its header', '0af3 0100', 'extent-node-short'],
    ['another magic', `ffff 0100 0400 0000 00000000${rest}`, 'extent-magic'],
    ['a tree deeper than five', `0af3 0100 0400 0600 00000000${rest}`, 'extent-depth'],
    ['more entries than the node says to hold', `0af3 0500 0400 0000 00000000${rest}`, 'extent-count'],
    ['a capacity beyond its room', `0af3 0100 0500 0000 00000000${rest}`, 'extent-capacity'],
    ['no capacity', `0af3 0000 0000 0000 00000000${rest}`, 'extent-capacity'],
    ['an index without entries', `0af3 0000 0400 0100 00000000${rest}`, 'extent-index-empty'],
  ];
  test.each(invalid)('%s', (_what, bytes, code) => {
    expect(() => decodeExtentHeader(hex(bytes), 12)).toThrow(
      expect.objectContaining({errno: 'EUCLEAN', code}),
    );
  });

  test('a sound one', () => {
    const node = hex(`0af3 0300 0400 0200 00000000${rest}`);
    expect(decodeExtentHeader(node, 12)).toEqual({entries: 3, capacity: 4, depth: 2});
    expect(decodeExtentHeader(hex(`0af3 0000 0400 0000 00000000${rest}`), 12).entries).toBe(0);
  });
});

describe('entries', () => {
  const check = (depth: number, entries: Array<Extent | Index>): void => {
    const node = extentNode(depth, entries, 60);
    checkExtentNode(node, 0, node.length, 12, (_ino, first, count) => {
      return first > 0 && first + count <= BLOCKS;
    });
  };
  const invalid: Array<[what: string, depth: number, entries: Array<Extent | Index>, code: string]> = [
    ['an extent of no blocks', 0, [[0, 0, 100]], 'extent-length'],
    ['an extent that ends at 2^32', 0, [[2 ** 32 - 2, 2, 100]], 'extent-length'],
    ['an extent beyond the end', 0, [[0, 2, BLOCKS - 1]], 'extent-blocks'],
    ['an extent at block 0', 0, [[0, 1, 0]], 'extent-blocks'],
    [
      'extents that overlap',
      0,
      [
        [0, 5, 100],
        [4, 1, 200],
      ],
      'extent-order',
    ],
    [
      'extents out of order',
      0,
      [
        [9, 1, 100],
        [4, 1, 200],
      ],
      'extent-order',
    ],
    [
      'an unwritten extent that overlaps',
      0,
      [
        [0, -32767, 100],
        [32766, 1, 200],
      ],
      'extent-order',
    ],
    [
      'two children for the same block',
      1,
      [
        [0, 100],
        [0, 101],
      ],
      'extent-order',
    ],
    ['a child beyond the end', 1, [[0, BLOCKS]], 'extent-blocks'],
  ];
  test.each(invalid)('%s', (_what, depth, entries, code) => {
    expect(() => check(depth, entries)).toThrow(expect.objectContaining({errno: 'EUCLEAN', code}));
  });

  test('the limits themselves are allowed', () => {
    check(0, [
      [0, 32768, 1],
      [32768, -32767, 40000],
      [2 ** 32 - 2, 1, BLOCKS - 1],
    ]);
    check(2, [
      [0, 1],
      [1, BLOCKS - 1],
    ]);
  });
});

describe('a tree', () => {
  test('of one node gives runs with what is between them', () => {
    const f = new MapFixture();
    const inode = fixtureInode(
      extentNode(
        0,
        [
          [10, 5, 1000],
          [15, -5, 2000],
          [100, 32768, 2 ** 33],
        ],
        60,
      ),
      true,
    );
    const rows: Array<[block: number, state: number, physical: number, length: number]> = [
      [0, HOLE, 0, 10],
      [9, HOLE, 0, 1],
      [10, WRITTEN, 1000, 5],
      [14, WRITTEN, 1004, 1],
      [15, UNWRITTEN, 2000, 5],
      [20, HOLE, 0, 80],
      [100, WRITTEN, 2 ** 33, 32768],
      [32867, WRITTEN, 2 ** 33 + 32767, 1],
      [32868, HOLE, 0, 2 ** 32 - 32868],
      [2 ** 32 - 1, HOLE, 0, 1],
      [11, WRITTEN, 1001, 4],
    ];
    for (const [block, ...run] of rows) expect([block, ...f.find(inode, block)]).toEqual([block, ...run]);
    expect(f.map.physical(inode, 12)).toBe(1002);
    expect(f.map.physical(inode, 16)).toBe(0);
    expect(f.find(inode, 2 ** 32)[0]).toBe(HOLE);
  });

  test('without any entry is one hole', () => {
    expect(new MapFixture().find(fixtureInode(extentNode(0, [], 60), true), 7)).toEqual([
      HOLE,
      0,
      2 ** 32 - 7,
    ]);
  });

  test('of full depth is walked, each node read once', () => {
    const f = new MapFixture();
    // A chain of nodes 51 to 54, and a leaf 55 with two extents.
    for (let level = 4; level > 0; level--) f.blocks.set(55 - level, extentNode(level, [[8, 56 - level]]));
    f.blocks.set(
      55,
      extentNode(0, [
        [8, 2, 700],
        [11, 1, 800],
      ]),
    );
    const inode = fixtureInode(extentNode(5, [[8, 51]], 60), true);
    expect(f.find(inode, 0)).toEqual([HOLE, 0, 8]);
    expect(f.reads).toBe(0);
    expect(f.find(inode, 9)).toEqual([WRITTEN, 701, 1]);
    expect(f.find(inode, 10)).toEqual([HOLE, 0, 1]);
    expect(f.find(inode, 12)).toEqual([HOLE, 0, 2 ** 32 - 12]);
    expect(f.reads).toBe(5);
  });

  const leaf: Extent[] = [[0, 4, 700]];
  const invalid: Array<[what: string, child: Uint8Array, code: string]> = [
    ['of its own level', extentNode(1, [[0, 50]]), 'extent-level'],
    ['of a higher level', extentNode(3, [[0, 50]]), 'extent-level'],
    ['that begins elsewhere', extentNode(0, [[1, 4, 700]]), 'extent-parent'],
    [
      'that reaches into the next one',
      extentNode(0, [
        [0, 4, 700],
        [4, 97, 900],
      ]),
      'extent-range',
    ],
    ['that is no node', new Uint8Array(1024), 'extent-magic'],
  ];
  test.each(invalid)('with a child %s is refused', (_what, child, code) => {
    const f = new MapFixture();
    f.blocks.set(50, child);
    const inode = fixtureInode(
      extentNode(
        1,
        [
          [0, 50],
          [100, 51],
        ],
        60,
      ),
      true,
    );
    expect(() => f.find(inode, 0)).toThrow(expect.objectContaining({errno: 'EUCLEAN', code}));
  });

  test('that shares a block with another file, or with itself, is looked at anew', () => {
    const f = new MapFixture();
    f.blocks.set(50, extentNode(0, leaf));
    const first = fixtureInode(extentNode(1, [[0, 50]], 60), true, 12);
    const second = fixtureInode(
      extentNode(
        1,
        [
          [0, 50],
          [100, 50],
        ],
        60,
      ),
      true,
      13,
    );
    expect(f.find(first, 3)).toEqual([WRITTEN, 703, 1]);
    expect(f.find(second, 50)).toEqual([HOLE, 0, 50]);
    expect(() => f.find(second, 100)).toThrow(expect.objectContaining({code: 'extent-parent'}));
    expect(f.find(first, 50)).toEqual([HOLE, 0, 2 ** 32 - 50]);
  });

  test('has checksums in its blocks, made for this inode', () => {
    const f = new MapFixture(true);
    const child = extentNode(0, leaf);
    f.blocks.set(50, child);
    const inode = fixtureInode(extentNode(1, [[0, 50]], 60), true);
    const bad = {errno: 'EBADMSG', code: 'extent-checksum'};
    expect(() => f.find(inode, 0)).toThrow(expect.objectContaining(bad));
    new DataView(child.buffer).setUint32(1020, crc32c(inode.checksumSeed, child, 0, 1020), true);
    expect(f.find(inode, 1)).toEqual([WRITTEN, 701, 3]);
    const other = {...fixtureInode(extentNode(1, [[0, 50]], 60), true, 13), checksumSeed: 99};
    expect(() => f.find(other, 0)).toThrow(expect.objectContaining(bad));
  });

  test('too large for the cache is read again and stays right', () => {
    const f = new MapFixture();
    const leaves = 84;
    // 84 leaves under each of 84 nodes, 84 extents each: more than the cache holds.
    const tops: Index[] = [];
    for (let top = 0; top < 84; top++) {
      const children: Index[] = [];
      for (let child = 0; child < leaves; child++) {
        const first = (top * leaves + child) * 168;
        const extents = Array.from({length: 84}, (_, i): Extent => [first + i * 2, 1, 1_000_000 + first + i]);
        f.blocks.set(10_000 + top * leaves + child, extentNode(0, extents));
        children.push([first, 10_000 + top * leaves + child]);
      }
      f.blocks.set(100 + top, extentNode(1, children));
      tops.push([top * leaves * 168, 100 + top]);
    }
    f.blocks.set(99, extentNode(2, tops));
    const inode = fixtureInode(extentNode(3, [[0, 99]], 60), true);
    for (let round = 0; round < 2; round++) {
      for (let block = 0; block < 84 * leaves * 168; block += 997) {
        const within = block % 168;
        const first = block - within;
        const expected = within % 2 === 0 ? [WRITTEN, 1_000_000 + first + within / 2, 1] : [HOLE, 0, 1];
        expect(f.find(inode, block)).toEqual(expected);
      }
    }
  });
});
