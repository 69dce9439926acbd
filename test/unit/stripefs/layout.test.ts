import assert from 'node:assert/strict';
import {describe, expect, test} from 'vitest';
import type {BlockSource} from '../../../src/block/index.js';
import {
  Allocation,
  decodeSuperblock,
  type Extent,
  HOLE,
  Layout,
  type Piece,
  spansOf,
  Volume,
} from '../../../src/stripefs/index.js';
import {Random} from '../../support/random.js';
import {bytesOf, document, file, type Json} from '../../support/stripefs/document.js';

/** Where each byte lies, by dealing out chunks one after the other: `member:address`, or `hole`. */
function byteMap(extents: readonly Extent[]): string[] {
  const map: string[] = [];
  for (const {length, chunk, strips} of extents) {
    const next = strips.map(({offset}) => offset);
    for (let done = 0, turn = 0; done < length; turn++) {
      const size = strips.length < 2 ? length : Math.min(chunk, length - done);
      const which = turn % Math.max(1, strips.length);
      for (let byte = 0; byte < size; byte++) {
        map.push(strips.length === 0 ? 'hole' : `${strips[which]!.member}:${next[which]!++}`);
      }
      done += size;
    }
  }
  return map;
}

function randomExtents(random: Random): Extent[] {
  return Array.from({length: 1 + random.below(4)}, () => {
    const strips = Array.from({length: random.below(5)}, () => ({
      member: random.below(4),
      offset: 512 * random.below(64),
    }));
    return {length: 512 * (1 + random.below(12)), chunk: 512 << random.below(3), strips};
  });
}

const SEED = 20_261_129;

describe('the formula', () => {
  test('says of every byte what dealing out the chunks says, in 100 layouts', () => {
    const random = new Random(SEED);
    const piece: Piece = {member: HOLE, address: 0, length: 0};
    for (let round = 0; round < 100; round++) {
      const extents = randomExtents(random);
      const layout = new Layout(extents);
      const map = byteMap(extents);
      assert.equal(layout.length, map.length);
      for (let offset = 0; offset < map.length; offset += 1 + random.below(97)) {
        layout.locate(offset, piece);
        assert.ok(piece.length > 0 && offset + piece.length <= map.length);
        for (const at of [0, piece.length - 1, random.below(piece.length)]) {
          const said = piece.member === HOLE ? 'hole' : `${piece.member}:${piece.address + at}`;
          assert.equal(said, map[offset + at], `byte ${offset + at} of ${JSON.stringify(extents)}`);
        }
      }
    }
  });

  test('and its spans are the bytes that it gives out', () => {
    const random = new Random(SEED + 1);
    for (let round = 0; round < 100; round++) {
      const [extent] = randomExtents(random) as [Extent];
      const spans = spansOf(extent);
      const said = spans.flatMap(({member, start, end}) =>
        Array.from({length: end - start}, (_, byte) => `${member}:${start + byte}`),
      );
      const map = extent.strips.length === 0 ? [] : byteMap([extent]);
      assert.deepEqual(said.sort(), map.sort(), JSON.stringify(extent));
    }
  });

  test('knows the ends of what is larger than any table', () => {
    const chunk = 2 ** 16;
    const length = 2 ** 52;
    const strips = [0, 1, 2].map((member) => ({member, offset: member * 4096}));
    const layout = new Layout([{length, chunk, strips}]);
    const piece: Piece = {member: HOLE, address: 0, length: 0};
    for (const offset of [0, length - 1, 2 ** 40 + 12_345, 2 ** 51 + 1]) {
      layout.locate(offset, piece);
      // In whole numbers of any size.
      const number = BigInt(offset) / BigInt(chunk);
      assert.equal(piece.member, Number(number % 3n));
      assert.equal(
        BigInt(piece.address),
        BigInt(piece.member * 4096) + (number / 3n) * BigInt(chunk) + (BigInt(offset) % BigInt(chunk)),
      );
      assert.equal(piece.length, chunk - (offset % chunk));
    }
  });
});

/** A member with bytes that tell where they are, which counts how it is read. */
class Numbered implements BlockSource {
  size: number;
  reads = 0;
  readonly #seed: number;

  constructor(seed: number, size: number) {
    this.#seed = seed;
    this.size = size;
  }

  byteAt(position: number): number {
    return (position * 31 + (position >>> 8) * 7 + this.#seed * 101) & 0xff;
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    this.reads++;
    const count = Math.max(0, Math.min(length, this.size - position));
    for (let byte = 0; byte < count; byte++) target[targetOffset + byte] = this.byteAt(position + byte);
    return count;
  }
}

const STRIPED: Json = {
  type: 'striped',
  length: 4096,
  chunk: 1024,
  strips: [
    {member: 0, offset: 512},
    {member: 1, offset: 0},
  ],
};
const EXTENTS: Json[] = [
  STRIPED,
  {type: 'hole', length: 1024},
  {type: 'linear', length: 512, member: 1, offset: 8192},
];

function volume(
  size = 5600,
  extents = EXTENTS,
): {volume: Volume; sources: Numbered[]; node: ReturnType<Volume['node']>} {
  const superblock = decodeSuperblock(bytesOf(document([file('f', size, extents)])));
  const sources = [new Numbered(1, 1 << 20), new Numbered(2, 1 << 20)];
  const opened = Volume.open(
    superblock,
    new Map([
      ['a.img', sources[0]!],
      ['b.img', sources[1]!],
    ]),
  );
  return {volume: opened, sources, node: opened.node(2)};
}

describe('reading', () => {
  test('any part of a file, each chunk by one read, to its end and no further', () => {
    const {volume: opened, sources, node} = volume();
    const whole = new Uint8Array(8192).fill(0xee);
    assert.equal(opened.read(node, 0, whole), 5600);
    assert.deepEqual(
      sources.map(({reads}) => reads),
      [2, 3],
    );
    const expected = byteMap(opened.layout(node).extents).map((place) => {
      if (place === 'hole') return 0;
      const [member, address] = place.split(':').map(Number) as [number, number];
      return sources[member]!.byteAt(address);
    });
    assert.deepEqual([...whole.subarray(0, 5600)], expected.slice(0, 5600));
    assert.ok(whole.subarray(5600).every((byte) => byte === 0xee));
    const random = new Random(SEED + 2);
    for (let round = 0; round < 200; round++) {
      const offset = random.below(6000);
      const part = new Uint8Array(1 + random.below(3000));
      const count = opened.read(node, offset, part);
      assert.deepEqual(
        [...part.subarray(0, count)],
        expected.slice(offset, Math.min(5600, offset + part.length)),
      );
    }
  });

  test('fails with EIO where a member became shorter, and only there', () => {
    const {volume: opened, sources, node} = volume();
    sources[1]!.size = 1024;
    assert.equal(opened.read(node, 0, new Uint8Array(3072)), 3072);
    assert.throws(() => opened.read(node, 0, new Uint8Array(4096)), {errno: 'EIO', code: 'member-short'});
  });

  test('is refused from the beginning with a member that is too small, or not there', () => {
    const superblock = decodeSuperblock(bytesOf(document([])));
    const a = new Numbered(1, 1 << 20);
    const open = (b: Numbered | undefined) => () =>
      Volume.open(
        superblock,
        new Map(Object.entries({'a.img': a, ...(b === undefined ? {} : {'b.img': b})})),
      );
    assert.throws(open(undefined), {code: 'member-missing', details: {member: 'b.img'}});
    assert.throws(open(new Numbered(2, (1 << 20) - 1)), {code: 'member-small'});
    assert.doesNotThrow(open(new Numbered(2, 1 << 21)));
  });

  test('finds data and holes', () => {
    const {volume: opened, node} = volume();
    const seek = (offset: number, wanted: 'data' | 'hole'): number | string => {
      try {
        return opened.seek(node, offset, wanted);
      } catch (error) {
        return (error as {errno: string}).errno;
      }
    };
    expect(
      [0, 4095, 4096, 5119, 5120, 5599, 5600].map((offset) => [seek(offset, 'data'), seek(offset, 'hole')]),
    ).toEqual([
      [0, 4096],
      [4095, 4096],
      [5120, 4096],
      [5120, 5119],
      [5120, 5600],
      [5599, 5600],
      ['ENXIO', 'ENXIO'],
    ]);
    const hole = volume(1000, [
      {type: 'hole', length: 512},
      {type: 'hole', length: 512},
    ]);
    assert.equal(hole.volume.seek(hole.node, 3, 'hole'), 3);
    assert.throws(() => hole.volume.seek(hole.node, 0, 'data'), {errno: 'ENXIO'});
  });
});

test('what is given out to files is theirs alone, and all of the members', () => {
  const random = new Random(SEED + 3);
  const space = new Allocation({blockSize: 512, chunk: 2048, members: 3});
  const used = new Map<string, number>();
  for (let n = 0; n < 40; n++) {
    const size = random.below(9000);
    const extents = space.extentsFor(size);
    assert.equal(new Layout(extents).length, Math.ceil(size / 512) * 512);
    for (const place of byteMap(extents)) used.set(place, (used.get(place) ?? 0) + 1);
  }
  assert.ok([...used.values()].every((count) => count === 1));
  assert.equal(
    used.size,
    space.sizes.reduce((sum, size) => sum + size, 0),
  );
});
