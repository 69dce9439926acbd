import {MAPPING, type Mapping} from '../../src/iomap/mapping.js';
import {Random} from '../../test/support/random.js';

const BLOCK = 4096;

/** A file's mappings: where each begins. They are a block long, apart from each other on disk, with holes between most of them. */
export type Keys = Float64Array;

/** Distances as in a file that was written here and there: one to eight blocks. */
export function evenKeys(count: number): Keys {
  const random = new Random(1);
  const keys = new Float64Array(count);
  for (let i = 0, at = 0; i < count; i++, at += BLOCK * (1 + random.below(8))) keys[i] = at;
  return keys;
}

/**
 * Distances that no line describes for long: runs of random length whose distances differ by a factor of up to 2^20. Every model of bounded error
 * needs a segment for each run.
 */
export function unevenKeys(count: number): Keys {
  const random = new Random(2);
  const keys = new Float64Array(count);
  let left = 0;
  let distance = BLOCK;
  for (let i = 0, at = 0; i < count; i++, at += distance) {
    keys[i] = at;
    if (left-- === 0) {
      left = 80 + random.below(80);
      distance = BLOCK * 2 ** random.below(count > 1e6 ? 12 : 21);
    }
  }
  return keys;
}

export function setMapping(mapping: Mapping, keys: Keys, i: number): Mapping {
  mapping.place(MAPPING.MAPPED, keys[i]!, BLOCK, i * 3 * BLOCK);
  return mapping;
}

/** Which mapping is asked for, one after the other. */
export type LookupTrace = 'sequential' | 'random' | 'zipf';

/** Skew of the Zipf trace, as YCSB has it. */
const THETA = 0.99;

/** Indexes of mappings for `count` look-ups among `size`. */
export function lookups(trace: LookupTrace, size: number, count: number): Uint32Array {
  const random = new Random(3);
  const found = new Uint32Array(count);
  if (trace === 'sequential') for (let i = 0; i < count; i++) found[i] = i % size;
  if (trace === 'random') for (let i = 0; i < count; i++) found[i] = random.below(size);
  if (trace === 'zipf') {
    // Gray et al., "Quickly generating billion-record synthetic databases": ranks by a closed formula, spread over the file.
    const zetaOf = (n: number): number => {
      let sum = 0;
      const exact = Math.min(n, 10_000);
      for (let i = 1; i <= exact; i++) sum += 1 / i ** THETA;
      return n === exact ? sum : sum + (n ** (1 - THETA) - exact ** (1 - THETA)) / (1 - THETA);
    };
    const zeta = zetaOf(size);
    const alpha = 1 / (1 - THETA);
    const eta = (1 - (2 / size) ** (1 - THETA)) / (1 - zetaOf(2) / zeta);
    for (let i = 0; i < count; i++) {
      const u = random.u32() / 2 ** 32;
      const rank =
        u * zeta < 1 ? 0 : u * zeta < 1 + 0.5 ** THETA ? 1 : Math.floor(size * (eta * u - eta + 1) ** alpha);
      found[i] = (Math.min(rank, size - 1) * 2_654_435_761) % size;
    }
  }
  return found;
}

/** A random order of 0 to count - 1. */
export function shuffled(count: number): Uint32Array {
  const random = new Random(4);
  const order = Uint32Array.from({length: count}, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const other = order[i]!;
    order[i] = order[j]!;
    order[j] = other;
  }
  return order;
}
