import {describe, expect, test} from 'vitest';
import {newCacheCounters} from '../../../src/block/index.js';
import {MAPPING, Mapping, type MappingFields} from '../../../src/iomap/mapping.js';
import {LEAST_LIMIT, MappingCache} from '../../../src/iomap/mapping-cache.js';
import {Random} from '../../support/random.js';

const MIB = 1 << 20;
const BLOCK = 4096;

/** A file of as many pieces as wanted, that is written nowhere: each block lies somewhere else, no two neighbours in one piece. */
function piece(block: number, out: Mapping): Mapping {
  out.place(MAPPING.MAPPED, block * BLOCK, BLOCK, ((block * 7919) % 2 ** 40) * BLOCK);
  return out;
}

/** One look-up by way of a cache; whether it was held. */
function ask(cache: MappingCache, ino: number, block: number, out: Mapping): boolean {
  const hit = cache.get(ino, block * BLOCK, out);
  if (!hit) cache.put(ino, piece(block, out));
  if (out.offset !== block * BLOCK) expect(out.offset).toBe(block * BLOCK);
  return hit;
}

const out = new Mapping();

describe('memory', () => {
  test('a million mappings of one file take what one file may have, and push nobody out', () => {
    const counters = newCacheCounters();
    const cache = new MappingCache({limit: 4 * MIB, fileLimit: MIB, counters});
    for (let ino = 100; ino < 1100; ino++) cache.put(ino, piece(ino, out));
    const before = process.memoryUsage().arrayBuffers;
    const extents = 300_000_000;
    let most = 0;
    for (let n = 0; n < 1_000_000; n++) {
      const block = n * 293;
      cache.put(7, piece(block, out));
      if (n % 997 !== 0) continue;
      most = Math.max(most, cache.bytes);
      expect(cache.get(7, block * BLOCK, out)).toBe(true);
    }
    expect(999_999 * 293).toBeLessThan(extents);
    expect(cache.sizeOf(7) * 33).toBeLessThanOrEqual(MIB);
    expect(cache.sizeOf(7) * 33).toBeGreaterThan(0.9 * MIB);
    expect(most).toBeLessThanOrEqual(2 * MIB);
    // What the runtime itself says that arrays take more than before.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * MIB);
    expect(counters).toMatchObject({bytes: cache.bytes, entries: cache.size, capacityBytes: 4 * MIB});
    expect(counters.evictions).toBe(1_000_000 - cache.sizeOf(7));
    for (let ino = 100; ino < 1100; ino++) expect(cache.get(ino, ino * BLOCK, out)).toBe(true);
  });

  test('of all files together stays within the limit, be they many or large', () => {
    for (const [files, blocks] of [
      [50_000, 1],
      [400, 300],
      [3, 40_000],
    ] as const) {
      const cache = new MappingCache({limit: MIB, fileLimit: MIB});
      let most = 0;
      for (let block = 0; block < blocks; block++) {
        for (let ino = 1; ino <= files; ino++) {
          cache.put(ino, piece(block, out));
          most = Math.max(most, cache.bytes);
        }
      }
      expect(most, `${files} files`).toBeLessThanOrEqual(MIB);
      expect(cache.size, `${files} files`).toBeGreaterThan(files === 50_000 ? 6000 : 15_000);
    }
  });

  test('follows a limit that changes, down to nothing', () => {
    const counters = newCacheCounters();
    const cache = new MappingCache({limit: 4 * MIB, fileLimit: 4 * MIB, counters});
    for (let block = 0; block < 100_000; block++) cache.put(1, piece(block, out));
    cache.setLimit(MIB);
    expect(cache.bytes).toBeLessThanOrEqual(MIB);
    expect(cache.size).toBeGreaterThan(5000);
    cache.setLimit(LEAST_LIMIT - 1);
    expect([cache.size, counters.entries]).toEqual([0, 0]);
    expect(cache.bytes).toBeLessThan(200_000);
    cache.put(1, piece(1, out));
    expect(cache.get(1, BLOCK, out)).toBe(false);
    expect(counters.missesBypassed).toBe(1);
  });

  test('is found also where everything is used all the time', () => {
    const cache = new MappingCache({limit: MIB, fileLimit: MIB});
    for (let round = 0; round < 12; round++) {
      for (let block = 0; block < 20_000; block++) ask(cache, 1, block, out);
    }
    for (let block = 20_000; block < 21_000; block++) {
      cache.put(1, piece(block, out));
      expect(cache.bytes).toBeLessThanOrEqual(MIB);
    }
  });
});

describe('what has to go', () => {
  test('is not what is used again and again, while a file of many pieces is read from end to end', () => {
    const cache = new MappingCache({limit: 2 * MIB, fileLimit: 2 * MIB});
    const random = new Random(5);
    const hot = 10_000;
    let asked = 0;
    let hits = 0;
    for (let n = 0; n < 200_000; n++) ask(cache, 2, random.below(hot), out);
    // Each piece of the other file is asked for four times in a row, as by reads of 1 KiB, and never again.
    for (let n = 0; n < 300_000; n++) {
      for (let again = 0; again < 4; again++) ask(cache, 1, n, out);
      if (n % 4 !== 0) continue;
      const hit = ask(cache, 2, random.below(hot), out);
      if (n < 100_000) continue;
      asked++;
      if (hit) hits++;
    }
    // Each hot one is used once while 40,000 others come in, and there is room for 55,000: by order of use three of four would be found.
    expect(hits / asked).toBeGreaterThan(0.97);
  });

  test('is rather what covers little than what covers much, and rather what was cheap to find', () => {
    const cache = new MappingCache({limit: MIB, fileLimit: MIB});
    const mapping = new Mapping();
    const kinds: ReadonlyArray<[ino: number, length: number, cost: number]> = [
      [1, BLOCK, 1],
      [2, 64 * MIB, 1],
      [3, BLOCK, 5000],
    ];
    for (let i = 0; i < 3000; i++) {
      for (const [ino, length, cost] of kinds) {
        mapping.place(MAPPING.MAPPED, i * 2 * length, length, i * 3 * length);
        cache.put(ino, mapping, cost);
      }
    }
    for (let block = 0; block < 20_000; block++) cache.put(9, piece(block, out));
    expect(cache.sizeOf(1)).toBe(0);
    expect(cache.sizeOf(2)).toBeGreaterThan(2900);
    expect(cache.sizeOf(3)).toBeGreaterThan(2900);
  });

  test('is what was hot once, when it is not any more', () => {
    const cache = new MappingCache({limit: MIB, fileLimit: MIB});
    for (let round = 0; round < 25; round++) {
      for (let block = 0; block < 10_000; block++) ask(cache, 2, block, out);
      for (let block = 0; block < 2000; block++) ask(cache, 1, round * 2000 + block, out);
    }
    expect(cache.sizeOf(2)).toBe(10_000);
    for (let block = 0; block < 200_000; block++) ask(cache, 1, block + 200_000, out);
    expect(cache.sizeOf(2)).toBe(0);
  });
});

describe('counters', () => {
  test('tell hits from misses, and why they are misses', () => {
    const counters = newCacheCounters();
    const cache = new MappingCache({limit: MIB, fileLimit: MIB, counters});
    expect(ask(cache, 1, 0, out)).toBe(false);
    expect(ask(cache, 1, 0, out)).toBe(true);
    expect(counters).toMatchObject({hits: 1, missesCold: 1, entries: 1});
    cache.invalidate(1, 0, BLOCK);
    expect(counters).toMatchObject({dropped: 1, entries: 0});
    expect(ask(cache, 1, 0, out)).toBe(false);
    expect(counters).toMatchObject({hits: 1, missesCold: 1, missesInvalidated: 1});
    for (let block = 1; counters.evictions === 0 || cache.get(1, 0, out); block++)
      cache.put(1, piece(block, out));
    expect(counters).toMatchObject({missesEvicted: 1});
    expect(cache.get(2, 0, out)).toBe(false);
    expect(counters).toMatchObject({missesCold: 2});
    cache.clear();
    expect(counters).toMatchObject({entries: 0, bytes: cache.bytes});
  });

  test('a miss in the middle of what was one mapping has its reason too', () => {
    const counters = newCacheCounters();
    const cache = new MappingCache({limit: MIB, counters});
    const mapping = new Mapping();
    mapping.place(MAPPING.MAPPED, 2 ** 40 + BLOCK, 2 ** 33, 0);
    cache.put(2 ** 50, mapping);
    cache.drop(2 ** 50);
    cache.get(2 ** 50, 2 ** 40 + 2 ** 32 + 12_345, out);
    expect(counters).toMatchObject({missesInvalidated: 1, missesCold: 0});
  });
});

test('a hit is never wrong, whatever was changed, forgotten and evicted', () => {
  const random = new Random(11);
  const cache = new MappingCache({limit: LEAST_LIMIT, fileLimit: LEAST_LIMIT / 4});
  const blocks = 20_000;
  /** The address of each block, 0 where none is known; by file. */
  const truth = [1, 2, 2 ** 45].map((ino) => ({ino, addr: new Float64Array(blocks)}));
  const mapping = new Mapping();
  let hits = 0;
  for (let n = 0; n < 150_000; n++) {
    const {ino, addr} = random.pick(truth);
    const first = random.below(blocks);
    const count = Math.min(blocks - first, 1 + random.below(30));
    const what = random.below(10);
    if (what === 0) {
      cache.invalidate(ino, first * BLOCK, count * BLOCK);
      addr.fill(0, first, first + count);
    } else if (what < 5) {
      const at = (1 + random.below(2 ** 30)) * BLOCK;
      mapping.place(MAPPING.MAPPED, first * BLOCK, count * BLOCK, at);
      cache.put(ino, mapping);
      for (let i = 0; i < count; i++) addr[first + i] = at + i * BLOCK;
    } else if (cache.get(ino, first * BLOCK, out)) {
      hits++;
      const from = out.offset / BLOCK;
      for (let i = 0; i < out.length / BLOCK; i++) {
        if (addr[from + i] !== out.addr + i * BLOCK) expect(out.addr + i * BLOCK).toBe(addr[from + i]);
      }
    }
  }
  expect(hits).toBeGreaterThan(3000);
  expect(cache.bytes).toBeLessThanOrEqual(LEAST_LIMIT);
});

test('what can not be held takes the place of what was held all the same', () => {
  const cache = new MappingCache({limit: MIB});
  cache.put(1, piece(0, out));
  const strange: MappingFields = {
    offset: 0,
    length: BLOCK,
    addr: 0,
    type: MAPPING.MAPPED,
    flags: 1 << 12,
    dev: 1,
  };
  cache.put(1, strange);
  expect(cache.get(1, 0, out)).toBe(false);
});
