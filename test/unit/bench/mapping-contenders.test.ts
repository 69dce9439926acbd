import {describe, expect, test} from 'vitest';
import {CONTENDERS} from '../../../bench/mapping/contenders.js';
import {MAPPING, Mapping} from '../../../src/iomap/mapping.js';
import {compareWithModel, type ModelShape} from '../../support/mapping-model.js';
import {Random} from '../../support/random.js';

/** What the bench compares are indexes of the same thing: a wrong one may be as fast as it likes. */
const SMALL: ModelShape = {units: 40, base: 0, unit: 4096, operations: 40, longest: 12};
const shapes: ReadonlyArray<[what: string, cases: number, shape: ModelShape]> = [
  ['short files', 150, SMALL],
  [
    'up to the last offset, 2^53 - 1',
    50,
    {...SMALL, base: Number.MAX_SAFE_INTEGER - 40 * 2 ** 40, unit: 2 ** 40},
  ],
  ['several nodes', 2, {units: 3000, base: 0, unit: 4096, operations: 3000, longest: 4}],
  ['several nodes, large ranges', 3, {units: 3000, base: 0, unit: 4096, operations: 1000, longest: 400}],
];

describe.each(CONTENDERS)('$name', ({make}) => {
  test.each(shapes)('%s', (_what, cases, shape) => {
    for (let seed = 1; seed <= cases; seed++) compareWithModel(seed, make(), shape);
  });

  test('finds each of 20,000 at distances that no line describes, put in in random order, until all are gone again', () => {
    const random = new Random(9);
    const index = make();
    const mapping = new Mapping();
    const out = new Mapping();
    const offsets: number[] = [];
    for (let i = 0, at = 0; i < 20_000; i++) {
      offsets.push(at);
      at += 8192 * (1 + 2 ** random.below(24));
    }
    const order = [...offsets.keys()].sort(() => random.u32() - 2 ** 31);
    for (const i of order) {
      mapping.place(MAPPING.MAPPED, offsets[i]!, 4096, i * 12_288);
      index.insert(mapping);
    }
    expect(index.count).toBe(20_000);
    let wrong = 0;
    for (const [i, offset] of offsets.entries()) {
      if (!index.find(offset + 4095, out) || out.addr !== i * 12_288) wrong++;
      if (index.find(offset + 4096, out)) wrong++;
    }
    expect(wrong).toBe(0);
    for (const i of order.reverse()) index.remove(offsets[i]!, offsets[i]! + 1e9);
    expect([index.count, index.find(offsets[0]!, out)]).toEqual([0, false]);
  });
});
