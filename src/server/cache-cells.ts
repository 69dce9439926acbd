import type {CacheCounters} from '../block/index.js';

/** What a cache counts, in the order it lies in memory: doubles. */
const FIELDS = [
  'hits',
  'missesCold',
  'missesEvicted',
  'missesInvalidated',
  'missesBypassed',
  'evictions',
  'dropped',
  'entries',
  'bytes',
  'capacityBytes',
] as const satisfies ReadonlyArray<keyof CacheCounters>;

/** Bytes of one cache's counters. */
export const CACHE_CELLS_SIZE = FIELDS.length * Float64Array.BYTES_PER_ELEMENT;

/**
 * A cache's counters as cells of shared memory. Written out, because a cache moves them at each look-up: these properties are as
 * fast as plain ones.
 */
export class CacheCells implements CacheCounters {
  readonly #cells: Float64Array;

  /** @param memory CACHE_CELLS_SIZE bytes from `at` on, a multiple of 8 */
  constructor(memory: ArrayBuffer | SharedArrayBuffer, at: number) {
    this.#cells = new Float64Array(memory, at, FIELDS.length);
  }

  // The array has a cell for each field, so none of the reads is undefined.
  get hits(): number {
    return this.#cells[0]!;
  }
  set hits(value: number) {
    this.#cells[0] = value;
  }
  get missesCold(): number {
    return this.#cells[1]!;
  }
  set missesCold(value: number) {
    this.#cells[1] = value;
  }
  get missesEvicted(): number {
    return this.#cells[2]!;
  }
  set missesEvicted(value: number) {
    this.#cells[2] = value;
  }
  get missesInvalidated(): number {
    return this.#cells[3]!;
  }
  set missesInvalidated(value: number) {
    this.#cells[3] = value;
  }
  get missesBypassed(): number {
    return this.#cells[4]!;
  }
  set missesBypassed(value: number) {
    this.#cells[4] = value;
  }
  get evictions(): number {
    return this.#cells[5]!;
  }
  set evictions(value: number) {
    this.#cells[5] = value;
  }
  get dropped(): number {
    return this.#cells[6]!;
  }
  set dropped(value: number) {
    this.#cells[6] = value;
  }
  get entries(): number {
    return this.#cells[7]!;
  }
  set entries(value: number) {
    this.#cells[7] = value;
  }
  get bytes(): number {
    return this.#cells[8]!;
  }
  set bytes(value: number) {
    this.#cells[8] = value;
  }
  get capacityBytes(): number {
    return this.#cells[9]!;
  }
  set capacityBytes(value: number) {
    this.#cells[9] = value;
  }
}
