import {describe, expect, test} from 'vitest';
import {fixtureInode, MapFixture, pointers} from './map-fixture.js';

const HOLE = 0;
const WRITTEN = 1;
const PER_BLOCK = 256;
const SINGLE = 12;
const DOUBLE = SINGLE + PER_BLOCK;
const TRIPLE = DOUBLE + PER_BLOCK ** 2;
const END = TRIPLE + PER_BLOCK ** 3;

describe('a map of indirect blocks', () => {
  const f = new MapFixture();
  f.blocks.set(50, pointers([500, 501, 502, 0, 900, 0, 0, 600, 602]));
  f.blocks.set(51, pointers([0, 60]));
  f.blocks.set(60, pointers([700, 701]));
  f.blocks.set(52, pointers([...new Array<number>(255).fill(0), 53]));
  f.blocks.set(53, pointers([...new Array<number>(255).fill(0), 54]));
  f.blocks.set(54, pointers([...new Array<number>(255).fill(0), 999]));
  const inode = fixtureInode(pointers([100, 101, 0, 103, 0, 0, 0, 0, 0, 0, 0, 300, 50, 51, 52], 60), false);

  const rows: Array<[what: string, block: number, state: number, physical: number, length: number]> = [
    ['direct neighbours are one run', 0, WRITTEN, 100, 2],
    ['a direct hole', 2, HOLE, 0, 1],
    ['a hole up to the last direct block', 4, HOLE, 0, 7],
    ['the last direct block', 11, WRITTEN, 300, 1],
    ['the first of the single indirect block', SINGLE, WRITTEN, 500, 3],
    ['a hole in it', SINGLE + 3, HOLE, 0, 1],
    ['one alone', SINGLE + 4, WRITTEN, 900, 1],
    ['not neighbours', SINGLE + 7, WRITTEN, 600, 1],
    ['a hole to its end', SINGLE + 9, HOLE, 0, PER_BLOCK - 9],
    ['a missing block under the double one', DOUBLE, HOLE, 0, PER_BLOCK],
    ['a block under the double one', DOUBLE + PER_BLOCK + 1, WRITTEN, 701, 1],
    ['the rest of the double one', DOUBLE + 2 * PER_BLOCK, HOLE, 0, PER_BLOCK ** 2 - 2 * PER_BLOCK],
    ['what is missing under the triple one', TRIPLE, HOLE, 0, PER_BLOCK ** 3 - PER_BLOCK ** 2],
    ['the very last block', END - 1, WRITTEN, 999, 1],
  ];
  test.each(rows)('%s', (_what, block, ...run) => {
    expect(f.find(inode, block)).toEqual(run);
  });

  test('ends after the triple indirect block', () => {
    expect(f.find(inode, END)[0]).toBe(HOLE);
    expect(f.find(inode, END)[2]).toBeGreaterThan(0);
  });

  test('without indirect blocks is one hole each', () => {
    const empty = fixtureInode(pointers([], 60), false, 13);
    expect(f.find(empty, 5)).toEqual([HOLE, 0, 7]);
    expect(f.find(empty, SINGLE + 6)).toEqual([HOLE, 0, PER_BLOCK - 6]);
    expect(f.find(empty, DOUBLE)).toEqual([HOLE, 0, PER_BLOCK ** 2]);
    expect(f.find(empty, TRIPLE)).toEqual([HOLE, 0, PER_BLOCK ** 3]);
  });
});

describe('block numbers outside the file system', () => {
  const outside = 0xffffffff;
  const allowed = (_ino: number, first: number): boolean => first < outside;
  const places: Array<[what: string, block: number, top: number[]]> = [
    ['direct', 3, [1, 2, 3, outside]],
    ['of the single indirect block', SINGLE, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, outside]],
    ['in the single indirect block', SINGLE + 5, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50]],
    ['in the double indirect block', DOUBLE, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50]],
    ['in the triple indirect block', TRIPLE, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50]],
  ];
  test.each(places)('%s', (_what, block, top) => {
    const f = new MapFixture(false, allowed);
    f.blocks.set(50, pointers([9, outside]));
    const inode = fixtureInode(pointers(top, 60), false);
    expect(() => f.find(inode, block)).toThrow(
      expect.objectContaining({errno: 'EUCLEAN', code: 'indirect-blocks'}),
    );
  });

  test('are refused in the inode when it is read, the direct ones', () => {
    const f = new MapFixture(false, allowed);
    const check = (values: number[]) => () => f.map.checkRoot(12, 0, pointers(values, 60), 0);
    expect(check([0, 0, outside])).toThrow(expect.objectContaining({code: 'indirect-blocks'}));
    expect(check([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, outside])).not.toThrow();
  });
});
