import type {CacheCounters} from './cache-counters.js';

/** Keys remembered at most, unless told. */
const PLACES = 1 << 16;
/** Bytes of a place, touched as it is used. */
const PLACE_BYTES = 9;
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
  readonly #places: number;

  /** @param places keys remembered at most, a power of two */
  constructor(places = PLACES) {
    this.#places = places;
  }

  /** Bytes allocated. */
  get bytes(): number {
    return this.#table === undefined ? 0 : this.#places * PLACE_BYTES;
  }

  evicted(key: number): void {
    this.#note(key, EVICTED);
  }

  invalidated(key: number): void {
    this.#note(key, INVALIDATED);
  }

  /** Counts a miss on a key under the reason for it. */
  count(key: number, counters: CacheCounters): void {
    if (!this.countKnown(key, counters)) counters.missesCold++;
  }

  /** Counts a miss on a key if the reason for it is known; false where nothing is known of the key. */
  countKnown(key: number, counters: CacheCounters): boolean {
    const reason = this.#reasonFor(key);
    if (reason === EVICTED) counters.missesEvicted++;
    else if (reason === INVALIDATED) counters.missesInvalidated++;
    return reason !== NEVER;
  }

  #note(key: number, reason: number): void {
    this.#table ??= {keys: new Float64Array(this.#places), reasons: new Uint8Array(this.#places)};
    const place = this.#placeOf(key);
    this.#table.keys[place] = key;
    this.#table.reasons[place] = reason;
  }

  #reasonFor(key: number): number {
    if (this.#table === undefined) return NEVER;
    const place = this.#placeOf(key);
    return this.#table.keys[place] === key ? this.#table.reasons[place]! : NEVER;
  }

  /** The low bits also of numbers past 2^32 and below 0, which `&` takes modulo 2^32. */
  #placeOf(key: number): number {
    return key & (this.#places - 1);
  }
}
