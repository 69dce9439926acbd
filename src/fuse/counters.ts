/**
 * What a session counts, in one typed array that may lie in shared memory: the request loop adds, anybody reads, nobody
 * waits. One session writes to one array; readers of several sessions add them up. A reader may see one request's
 * numbers half added, which statistics can bear.
 *
 * The array is a row of `COUNTER_FIELDS` doubles for each opcode 0 to 63; row 0, which is no opcode, takes all others.
 */
export const COUNTER_ROWS = 64;
/** Latency buckets of a row: the first is below 1 µs, number k from 2^(k-1) to 2^k µs, the last takes the rest. */
export const LATENCY_BUCKETS = 24;
/** Doubles before the buckets: count, errors, total nanoseconds, bytes in, bytes out, and three that are not used. */
const HEAD = 8;
const COUNT = 0;
const ERRORS = 1;
const TOTAL_NS = 2;
const BYTES_IN = 3;
const BYTES_OUT = 4;
export const COUNTER_FIELDS = HEAD + LATENCY_BUCKETS;
/** Bytes of the whole array. */
export const COUNTERS_BYTE_LENGTH = COUNTER_ROWS * COUNTER_FIELDS * Float64Array.BYTES_PER_ELEMENT;

/** What was counted for one opcode. */
export interface OperationCounts {
  readonly count: number;
  readonly errors: number;
  /** Time from the arrival of a request to its answer being ready; 0 when the session does not take times. */
  readonly totalNs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly buckets: readonly number[];
}

/** Adds to the counters. A session without any counts nothing. */
export interface SessionCounters {
  /** @param nanoseconds how long it took, or a negative number when that was not measured */
  record(opcode: number, failed: boolean, nanoseconds: number, bytesIn: number, bytesOut: number): void;
}

/** Counters in a typed array, see above. */
export class CounterArray implements SessionCounters {
  readonly #cells: Float64Array;

  /** @param memory COUNTERS_BYTE_LENGTH bytes, zeros at first; made here when not given. */
  constructor(memory: ArrayBuffer | SharedArrayBuffer = new SharedArrayBuffer(COUNTERS_BYTE_LENGTH)) {
    this.#cells = new Float64Array(memory, 0, COUNTER_ROWS * COUNTER_FIELDS);
  }

  /** The memory behind the counters, to be handed to other threads. */
  get memory(): ArrayBuffer | SharedArrayBuffer {
    return this.#cells.buffer as ArrayBuffer | SharedArrayBuffer;
  }

  record(opcode: number, failed: boolean, nanoseconds: number, bytesIn: number, bytesOut: number): void {
    const cells = this.#cells;
    const row = (opcode < COUNTER_ROWS ? opcode : 0) * COUNTER_FIELDS;
    // The row is inside the array, so every cell below is a number.
    cells[row + COUNT] = (cells[row + COUNT] as number) + 1;
    if (failed) cells[row + ERRORS] = (cells[row + ERRORS] as number) + 1;
    cells[row + BYTES_IN] = (cells[row + BYTES_IN] as number) + bytesIn;
    cells[row + BYTES_OUT] = (cells[row + BYTES_OUT] as number) + bytesOut;
    if (nanoseconds < 0) return;
    cells[row + TOTAL_NS] = (cells[row + TOTAL_NS] as number) + nanoseconds;
    const microseconds = Math.min(nanoseconds / 1000, 2 ** 31 - 1) | 0;
    const bucket = row + HEAD + Math.min(32 - Math.clz32(microseconds), LATENCY_BUCKETS - 1);
    cells[bucket] = (cells[bucket] as number) + 1;
  }

  /** What has been counted for an opcode; 0 for all those above 63 together. */
  read(opcode: number): OperationCounts {
    const row = (opcode < COUNTER_ROWS ? opcode : 0) * COUNTER_FIELDS;
    const cell = (field: number): number => this.#cells[row + field] ?? 0;
    return {
      count: cell(COUNT),
      errors: cell(ERRORS),
      totalNs: cell(TOTAL_NS),
      bytesIn: cell(BYTES_IN),
      bytesOut: cell(BYTES_OUT),
      buckets: Array.from(this.#cells.subarray(row + HEAD, row + COUNTER_FIELDS)),
    };
  }
}
