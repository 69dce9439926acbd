import {expect, test} from 'vitest';
import {MAP, NONE} from '../../support/kernel-sim/bits.js';
import type {Mapping} from '../../support/kernel-sim/mapping.js';
import {MappingTree, RECORD_SIZE} from '../../support/kernel-sim/mapping-tree.js';
import {mapped, unmapped} from '../../support/kernel-sim/scripted-server.js';
import {Random} from '../../support/random.js';

const BLOCKS = 60;
const UNLIMITED = Number.POSITIVE_INFINITY;

/** What a tree says of each block: `type:address`, or nothing. */
function blocks(tree: MappingTree): string[] {
  return Array.from({length: BLOCKS}, (_, block) => {
    const pos = BigInt(block * 512);
    const found = tree.find(pos);
    if (found === undefined) return '';
    return `${found.type}:${found.addr === NONE ? '-' : found.addr + pos - found.offset}`;
  });
}

/** Whether records are in order, not empty, and apart. */
function inOrder(records: readonly Mapping[]): boolean {
  return records.every(({offset, length}, i) => {
    const next = records[i + 1];
    return length > 0n && (next === undefined || offset + length <= next.offset);
  });
}

test('upserts and removals in random places say of each block what was said last', () => {
  const random = new Random(11);
  for (let round = 0; round < 30; round++) {
    const tree = new MappingTree();
    const model: string[] = new Array(BLOCKS).fill('');
    for (let step = 0; step < 60; step++) {
      const start = random.below(BLOCKS);
      const count = 1 + random.below(Math.min(12, BLOCKS - start));
      const kind = random.below(4);
      if (kind === 0) tree.remove(BigInt(start * 512), BigInt((start + count) * 512));
      else {
        const type = random.pick([MAP.MAPPED, MAP.UNWRITTEN, MAP.HOLE]);
        // Addresses that sometimes continue what is before.
        const addr = (start + 100 * random.below(2)) * 512;
        tree.upsert(
          type === MAP.HOLE
            ? unmapped(type, BigInt(start * 512), BigInt(count * 512))
            : mapped(start * 512, count * 512, addr, type),
          UNLIMITED,
        );
        for (let i = 0; i < count; i++) {
          model[start + i] = type === MAP.HOLE ? `${type}:-` : `${type}:${addr + i * 512}`;
        }
      }
      if (kind === 0) model.fill('', start, start + count);
      expect(blocks(tree)).toEqual(model);
      expect(inOrder(tree.records())).toBe(true);
    }
  }
});

test('neighbours that continue each other are one record, others are not', () => {
  const tree = new MappingTree();
  tree.upsert(mapped(0, 4096, 8192), UNLIMITED);
  tree.upsert(mapped(8192, 4096, 16_384), UNLIMITED);
  tree.upsert(mapped(4096, 4096, 12_288), UNLIMITED);
  expect(tree.size).toBe(1);
  tree.upsert(mapped(12_288, 4096, 40_960), UNLIMITED);
  tree.upsert({...mapped(16_384, 4096, 45_056), flags: 1}, UNLIMITED);
  tree.upsert({...mapped(20_480, 4096, 49_152), dev: 2}, UNLIMITED);
  expect(tree.size).toBe(4);
});

test('a full tree is emptied as a whole, and then holds what was put in', () => {
  const tree = new MappingTree();
  const limit = 8 * RECORD_SIZE;
  const emptied = Array.from({length: 10}, (_, i) => tree.upsert(mapped(i * 8192, 4096, i * 4096), limit));
  expect(emptied.filter(Boolean)).toHaveLength(1);
  expect(emptied[8]).toBe(true);
  expect(tree.size).toBe(2);
});
