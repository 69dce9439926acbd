import {expect, test} from 'vitest';
import {BlockCache, type BlockSource, newCacheCounters} from '../../../src/block/index.js';

const LINE = 32 * 1024;

/** A source whose every byte tells its block, and which counts what is read. */
class CountingSource implements BlockSource {
  reads = 0;
  readonly size: number;
  readonly #blockSize: number;

  constructor(size: number, blockSize: number) {
    this.size = size;
    this.#blockSize = blockSize;
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    this.reads++;
    const count = Math.max(0, Math.min(length, this.size - position));
    for (let i = 0; i < count; i++)
      target[targetOffset + i] = Math.floor((position + i) / this.#blockSize) & 0xff;
    return count;
  }
}

test('gives the bytes of each block and reads neighbours together', () => {
  const source = new CountingSource(4 * LINE, 1024);
  const cache = new BlockCache(source, {blockSize: 1024, limit: 4 * LINE});
  for (let block = 0; block < 64; block++) {
    const bytes = cache.block(block);
    expect(bytes.length).toBe(1024);
    expect(bytes.every((byte) => byte === block)).toBe(true);
  }
  expect(source.reads).toBe(2);
  expect(cache.counters).toEqual({
    ...newCacheCounters(),
    hits: 62,
    missesCold: 2,
    entries: 2,
    bytes: 2 * LINE,
    capacityBytes: 4 * LINE,
  });
});

test('stays within its limit, keeps what is used and says why it missed', () => {
  const source = new CountingSource(100 * LINE, LINE);
  const cache = new BlockCache(source, {blockSize: LINE, limit: 4 * LINE});
  for (let block = 1; block < 50; block++) {
    cache.block(0);
    cache.block(block);
    expect(cache.bytes).toBeLessThanOrEqual(4 * LINE);
  }
  const reads = source.reads;
  cache.block(0);
  expect(source.reads).toBe(reads);
  cache.block(1);
  expect(cache.counters.missesEvicted).toBe(1);
  expect(cache.counters.evictions).toBe(47);
});

test('a block in hand stays whole after its eviction', () => {
  const source = new CountingSource(64 * LINE, LINE);
  const cache = new BlockCache(source, {blockSize: LINE, limit: LINE});
  const first = cache.block(7);
  for (let block = 0; block < 64; block++) cache.block(block);
  expect(first.every((byte) => byte === 7)).toBe(true);
});

test('what was dropped is missed as such, once, and not as cold or evicted', () => {
  const cache = new BlockCache(new CountingSource(8 * LINE, LINE), {blockSize: LINE, limit: 2 * LINE});
  for (const block of [0, 1, 2]) cache.block(block);
  cache.clear();
  expect(cache.counters).toMatchObject({evictions: 1, dropped: 2, entries: 0, bytes: 0});
  for (const block of [0, 1, 1, 2, 3]) cache.block(block);
  expect(cache.counters).toMatchObject({
    hits: 1,
    missesCold: 4,
    missesEvicted: 1,
    missesInvalidated: 2,
    missesBypassed: 0,
  });
});

test('a lower limit evicts at once and keeps what is used; a higher one makes room', () => {
  const source = new CountingSource(16 * LINE, LINE);
  const cache = new BlockCache(source, {blockSize: LINE, limit: 8 * LINE});
  for (let block = 0; block < 8; block++) cache.block(block);
  cache.block(5);
  cache.setLimit(3 * LINE + 1);
  expect(cache.counters).toMatchObject({evictions: 5, entries: 3, bytes: 3 * LINE, capacityBytes: 3 * LINE});
  const reads = source.reads;
  expect(cache.block(5)[0]).toBe(5);
  expect(source.reads).toBe(reads);
  cache.setLimit(16 * LINE);
  for (let turn = 0; turn < 2; turn++) {
    for (let block = 0; block < 16; block++) expect(cache.block(block)[0]).toBe(block);
  }
  expect(cache.counters).toMatchObject({evictions: 5, entries: 16, capacityBytes: 16 * LINE});
});

test('any sequence of limits, drops and look-ups gives right bytes and sums that agree', () => {
  const cache = new BlockCache(new CountingSource(40 * LINE, LINE), {blockSize: LINE, limit: 7 * LINE});
  let random = 11;
  const next = (below: number) => {
    random = (random * 48_271) % 0x7fffffff;
    return random % below;
  };
  let asked = 0;
  for (let step = 0; step < 5_000; step++) {
    const what = next(60);
    if (what === 0) cache.clear();
    else if (what < 4) cache.setLimit(next(12) * LINE);
    else {
      const block = next(40);
      asked++;
      expect(cache.block(block)[0]).toBe(block);
    }
    const {hits, missesCold, missesEvicted, missesInvalidated, missesBypassed} = cache.counters;
    const {evictions, dropped, entries, bytes, capacityBytes} = cache.counters;
    expect(hits + missesCold + missesEvicted + missesInvalidated + missesBypassed).toBe(asked);
    expect(missesCold + missesEvicted + missesInvalidated - evictions - dropped).toBe(entries);
    expect(bytes).toBe(entries * LINE);
    expect(bytes).toBeLessThanOrEqual(capacityBytes);
  }
  expect(cache.counters.missesCold).toBeLessThanOrEqual(40);
});

test('with a limit of 0 nothing is held and every look-up is bypassed', () => {
  const source = new CountingSource(7 * 4096 + 100, 4096);
  const cache = new BlockCache(source, {blockSize: 4096, limit: LINE});
  cache.block(0);
  cache.setLimit(0);
  for (const block of [0, 0, 6]) expect(cache.block(block)[0]).toBe(block);
  expect(cache.counters).toMatchObject({
    missesCold: 1,
    missesBypassed: 3,
    evictions: 1,
    entries: 0,
    bytes: 0,
  });
  expect(() => cache.block(7)).toThrow(RangeError);
  expect(() => cache.block(-1)).toThrow(RangeError);
});

test.each([
  ['beyond the end', 8],
  ['far beyond the end', 2 ** 52],
  ['before the start', -1],
  ['cut off by the end', 7],
])('a block %s is refused', (_what, block) => {
  const cache = new BlockCache(new CountingSource(7 * 4096 + 100, 4096), {blockSize: 4096, limit: LINE});
  expect(() => cache.block(block)).toThrow(RangeError);
});
