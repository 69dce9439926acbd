import type {BlockCacheCounters} from '../block/index.js';
import {COUNTERS_BYTE_LENGTH, CounterArray, OPCODE, type OperationCounts, opcodeName} from '../fuse/index.js';

/** Name of the memfd that a server counts in; root finds it among the server's descriptors in /proc. */
export const COUNTERS_NAME = 'fuseward-counters';

/** What the block cache counts, in the order it lies in memory behind the counts per opcode. */
const CACHE_FIELDS = ['hits', 'missesCold', 'missesEvicted', 'evictions'] as const satisfies ReadonlyArray<
  keyof BlockCacheCounters
>;

/** Bytes of the whole region. */
export const COUNTERS_SIZE = COUNTERS_BYTE_LENGTH + CACHE_FIELDS.length * Float64Array.BYTES_PER_ELEMENT;

/** The block cache's counters as cells of shared memory. */
class CacheCells implements BlockCacheCounters {
  readonly #cells: Float64Array;

  constructor(memory: ArrayBuffer | SharedArrayBuffer) {
    this.#cells = new Float64Array(memory, COUNTERS_BYTE_LENGTH, CACHE_FIELDS.length);
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
  get evictions(): number {
    return this.#cells[3]!;
  }
  set evictions(value: number) {
    this.#cells[3] = value;
  }
}

/**
 * What a server counts, in plain memory that others may look at: the request loop adds and never waits. Whoever reads may see
 * one request half counted.
 */
export class SharedCounters {
  readonly requests: CounterArray;
  readonly cache: BlockCacheCounters;

  /** @param memory COUNTERS_SIZE bytes, zeros at first */
  constructor(memory: ArrayBuffer | SharedArrayBuffer) {
    this.requests = new CounterArray(memory);
    this.cache = new CacheCells(memory);
  }
}

/** Counts as they are told. */
export interface CounterReport {
  /** By name of the request (LOOKUP, READ, …); those that never came are left out. */
  readonly requests: Readonly<Record<string, OperationCounts>>;
  readonly blockCache: BlockCacheCounters;
}

/** Copies the counts out of a region. A region from a server may hold anything: every value is made a number. */
export function reportCounters(memory: ArrayBuffer): CounterReport {
  const counters = new SharedCounters(memory);
  const requests: Record<string, OperationCounts> = {};
  for (const opcode of Object.values(OPCODE)) {
    const counts = counters.requests.read(opcode);
    if (counts.count > 0) requests[opcodeName(opcode)] = counts;
  }
  const {hits, missesCold, missesEvicted, evictions} = counters.cache;
  return {requests, blockCache: {hits, missesCold, missesEvicted, evictions}};
}
