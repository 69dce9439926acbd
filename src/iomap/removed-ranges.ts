import {type CacheCounters, RemovedKeys} from '../block/index.js';

/** Keys remembered, two for each range: 72 KiB. */
const PLACES = 1 << 13;
/** Where the highest level lies: ranges of up to 2^53 bytes. */
const LEVELS = 54;
const HALF = 2 ** 26;

/**
 * Remembers why ranges of files left a cache. A range is noted under the one or two aligned powers of two, no smaller than itself,
 * that it lies in; so a miss finds it by as many look-ups as there are sizes, and now and then takes a near neighbour for it.
 */
export class RemovedRanges {
  readonly #keys = new RemovedKeys(PLACES);
  /** Whether a range of this size, as a power of two, was ever noted. */
  readonly #noted = new Uint8Array(LEVELS);

  /** Bytes allocated. */
  get bytes(): number {
    return this.#keys.bytes;
  }

  evicted(ino: number, offset: number, length: number): void {
    this.#note(ino, offset, length, true);
  }

  invalidated(ino: number, offset: number, length: number): void {
    this.#note(ino, offset, length, false);
  }

  /** Counts a miss under the reason for it. */
  count(ino: number, position: number, counters: CacheCounters): void {
    for (let level = 0; level < LEVELS; level++) {
      if (this.#noted[level] === 0) continue;
      if (this.#keys.countKnown(keyOf(ino, level, Math.floor(position / 2 ** level)), counters)) return;
    }
    counters.missesCold++;
  }

  #note(ino: number, offset: number, length: number, evicted: boolean): void {
    const level = Math.min(LEVELS - 1, Math.ceil(Math.log2(length)));
    this.#noted[level] = 1;
    const first = Math.floor(offset / 2 ** level);
    const last = Math.floor((offset + length - 1) / 2 ** level);
    for (let part = first; part <= last; part++) {
      const key = keyOf(ino, level, part);
      if (evicted) this.#keys.evicted(key);
      else this.#keys.invalidated(key);
    }
  }
}

/** 52 bits of a hash. */
function keyOf(ino: number, level: number, part: number): number {
  let a = Math.imul(ino >>> 0, 0x9e3779b1) ^ Math.imul(Math.floor(ino / 2 ** 32) + level, 0x85ebca77);
  a = Math.imul(a ^ (a >>> 15), 0xc2b2ae3d) ^ (part >>> 0);
  a = Math.imul(a ^ (a >>> 13), 0x27d4eb2f) + Math.imul(Math.floor(part / 2 ** 32), 0x165667b1);
  a = Math.imul(a ^ (a >>> 16), 0x2c1b3c6d);
  const b = Math.imul(a ^ (a >>> 15) ^ Math.imul(part >>> 0, 0x297a2d39) ^ ino, 0x85ebca6b);
  return ((b ^ (b >>> 13)) & (HALF - 1)) * HALF + ((a ^ (a >>> 12)) & (HALF - 1));
}
