import type {CacheCounters} from './cache-counters.js';

/** Keys remembered at most, a power of two: 12 bytes each, touched as they are used. */
const PLACES = 1 << 16;
const NEVER = 0;
const EVICTED = 1;
const INVALIDATED = 2;

/**
 * Remembers why keys left a cache, so that a later miss can say why it is one. Each key has one place in a table of
 * fixed size; a key that takes another's place makes it forgotten, and a miss on that one counts as cold. Keys are safe integers
 * above -2^53; neighbouring ones never share a place.
 */
export class RemovedKeys {
  /** Made when the first key leaves: most mounts are small enough that none ever does. */
  #table: {readonly keys: Float64Array; readonly reasons: Uint8Array} | undefined;

  evicted(key: number): void {
    this.#note(key, EVICTED);
  }

  invalidated(key: number): void {
    this.#note(key, INVALIDATED);
  }

  /** Counts a miss on a key under the reason for it. */
  count(key: number, counters: CacheCounters): void {
    const reason = this.#reasonFor(key);
    if (reason === EVICTED) counters.missesEvicted++;
    else if (reason === INVALIDATED) counters.missesInvalidated++;
    else counters.missesCold++;
  }

  #note(key: number, reason: number): void {
    this.#table ??= {keys: new Float64Array(PLACES), reasons: new Uint8Array(PLACES)};
    const place = placeOf(key);
    this.#table.keys[place] = key;
    this.#table.reasons[place] = reason;
  }

  #reasonFor(key: number): number {
    if (this.#table === undefined) return NEVER;
    const place = placeOf(key);
    return this.#table.keys[place] === key ? this.#table.reasons[place]! : NEVER;
  }
}

/** The low bits also of numbers past 2^32 and below 0, which `&` takes modulo 2^32. */
function placeOf(key: number): number {
  return key & (PLACES - 1);
}
