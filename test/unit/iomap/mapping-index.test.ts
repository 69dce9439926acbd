import {describe, expect, test} from 'vitest';
import {MAPPING, MAPPING_FLAG, Mapping, type MappingFields, NO_ADDRESS} from '../../../src/iomap/mapping.js';
import {MappingIndex} from '../../../src/iomap/mapping-index.js';
import {compareWithModel, listOf, type ModelShape, type RangeIndex} from '../../support/mapping-model.js';

/** One file of an index, among others that must not change. */
function fileOf(index: MappingIndex, file: number): RangeIndex {
  return {
    get count() {
      return index.countOf(file);
    },
    find: (position, out) => index.find(file, position, out),
    insert: (mapping) => index.insert(file, mapping, 1),
    remove: (start, end) => void index.remove(file, start, end),
    each: (from, out, visit) => index.each(file, from, out, visit),
  };
}

/** An index with neighbours before and after file 5, whose entries lie in the same chunks. */
function crowded(): {index: MappingIndex; check: () => void} {
  const index = new MappingIndex();
  const mapping = new Mapping();
  const others: MappingFields[] = [];
  for (let i = 0; i < 20; i++) {
    mapping.place(MAPPING.MAPPED, i * 8192, 4096, i * 65536);
    others.push({offset: i * 8192, length: 4096, addr: i * 65536, type: MAPPING.MAPPED, flags: 0, dev: 1});
    for (const file of [4, 6]) index.insert(file, mapping, 1);
  }
  const check = (): void => {
    for (const file of [4, 6]) expect(listOf(fileOf(index, file))).toEqual(others);
  };
  return {index, check};
}

const SMALL: ModelShape = {units: 40, base: 0, unit: 4096, operations: 40, longest: 12};
const shapes: ReadonlyArray<[what: string, cases: number, shape: ModelShape]> = [
  ['short files', 1500, SMALL],
  ['single bytes', 500, {...SMALL, unit: 1}],
  [
    'up to the last offset, 2^53 - 1',
    500,
    {...SMALL, base: Number.MAX_SAFE_INTEGER - 40 * 2 ** 40, unit: 2 ** 40},
  ],
  ['from 0 to 2^53 - 40', 500, {...SMALL, unit: Math.floor(Number.MAX_SAFE_INTEGER / 40)}],
  ['many chunks', 12, {units: 3000, base: 0, unit: 4096, operations: 4000, longest: 4}],
  ['many chunks, large ranges', 12, {units: 3000, base: 0, unit: 4096, operations: 2500, longest: 400}],
];

describe('an index holds what a map of single units holds, and in as few mappings', () => {
  test.each(shapes)('%s: %d cases', (_what, cases, shape) => {
    for (let seed = 1; seed <= cases; seed++) {
      const {index, check} = crowded();
      compareWithModel(seed, fileOf(index, 5), shape);
      check();
    }
  });
});

function mapped(offset: number, length: number, addr: number, flags = 0): Mapping {
  const mapping = new Mapping();
  mapping.place(MAPPING.MAPPED, offset, length, addr, {flags});
  return mapping;
}

describe('memory', () => {
  test('is what is in use: it grows with the mappings and is given back with them', () => {
    const index = new MappingIndex();
    const empty = index.bytes;
    for (let i = 0; i < 100_000; i++) index.insert(1, mapped(i * 8192, 4096, i * 12_288), 1);
    // In order: chunks are full.
    expect(index.bytes / index.count).toBeLessThan(36);
    index.remove(1, 0, 90_000 * 8192);
    expect(index.count).toBe(10_000);
    expect(index.bytes / index.count).toBeLessThan(46);
    index.remove(1, 0, Infinity);
    expect(index.bytes).toBeLessThanOrEqual(empty + 1024);
  });

  test('of what comes in reverse is no more', () => {
    const index = new MappingIndex();
    for (let i = 100_000; i > 0; i--) index.insert(1, mapped(i * 8192, 4096, i * 12_288), 1);
    expect(index.bytes / index.count).toBeLessThan(36);
  });

  test('is not kept by a few that stay here and there', () => {
    const index = new MappingIndex();
    for (let i = 0; i < 100_000; i++) index.insert(1, mapped(i * 8192, 4096, i * 12_288), 1);
    for (let i = 0; i < 100_000; i++) if (i % 50 !== 0) index.remove(1, i * 8192, i * 8192 + 4096);
    expect(index.count).toBe(2000);
    expect(index.bytes / index.count).toBeLessThan(200);
  });
});

describe('neighbours', () => {
  test('that are one are held as one, whichever comes first', () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [0, 2, 1],
      [1, 2, 0],
    ]) {
      const index = new MappingIndex();
      for (const i of order) index.insert(1, mapped(i * 4096, 4096, 1_000_000 + i * 4096), 1);
      expect(listOf(fileOf(index, 1))).toEqual([
        {offset: 0, length: 12_288, addr: 1_000_000, type: MAPPING.MAPPED, flags: 0, dev: 1},
      ]);
    }
  });

  test('are two where no I/O may go across', () => {
    const index = new MappingIndex();
    index.insert(1, mapped(0, 4096, 8192, MAPPING_FLAG.BOUNDARY), 1);
    index.insert(1, mapped(4096, 4096, 12_288, MAPPING_FLAG.BOUNDARY), 1);
    expect(index.count).toBe(2);
  });

  test('of different files are two, although key follows key', () => {
    const index = new MappingIndex();
    index.insert(1, mapped(4096, 4096, 8192), 1);
    index.insert(2, mapped(8192, 4096, 12_288), 1);
    expect([index.countOf(1), index.countOf(2)]).toEqual([1, 1]);
  });
});

test('type, flags and device come back as they went in', () => {
  const index = new MappingIndex();
  const out = new Mapping();
  const rows: MappingFields[] = [
    {offset: 0, length: 1, addr: NO_ADDRESS, type: MAPPING.PURE_OVERWRITE, flags: 0x3ff, dev: 16_383},
    {offset: 1, length: 1, addr: Number.MAX_SAFE_INTEGER - 1, type: MAPPING.UNWRITTEN, flags: 1, dev: 1},
    {offset: Number.MAX_SAFE_INTEGER - 1, length: 1, addr: 0, type: MAPPING.MAPPED, flags: 0, dev: 0},
  ];
  for (const row of rows) index.insert(9, row, 1);
  for (const row of rows) {
    expect(index.find(9, row.offset, out)).toBe(true);
    expect({...out}).toEqual(row);
  }
  expect(index.find(9, 2, out)).toBe(false);
});
