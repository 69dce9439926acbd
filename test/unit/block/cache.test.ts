import {expect, test} from 'vitest';
import {BlockCache, type BlockSource} from '../../../src/block/index.js';

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
  expect(cache.counters).toEqual({hits: 62, missesCold: 2, missesEvicted: 0, evictions: 0});
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

test.each([
  ['beyond the end', 8],
  ['far beyond the end', 2 ** 52],
  ['before the start', -1],
  ['cut off by the end', 7],
])('a block %s is refused', (_what, block) => {
  const cache = new BlockCache(new CountingSource(7 * 4096 + 100, 4096), {blockSize: 4096, limit: LINE});
  expect(() => cache.block(block)).toThrow(RangeError);
});
