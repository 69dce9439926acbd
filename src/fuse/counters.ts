import {errnoCode} from '../sys/errno-codes.js';
import {OPCODE} from './opcodes.js';

/**
 * What a session counts, in one typed array that may lie in shared memory: the request loop adds, anybody reads, nobody
 * waits. One session writes to one array; readers of several sessions add them up. A reader may see one request's
 * numbers half added, which statistics can bear.
 *
 * The array is a row of `COUNTER_FIELDS` doubles for each opcode 0 to 63 and for those of iomap, 4089 to 4095; row 0, which is no
 * opcode, takes all others. Then a row of `ERRNO_COLUMNS` doubles for each of them, and three doubles on the requests that are
 * being served.
 */

/** Opcodes that are their own row. */
const PLAIN_ROWS = 64;
const IOMAP_ROWS = OPCODE.IOMAP_END - OPCODE.FREEZE_FS + 1;
export const COUNTER_ROWS = PLAIN_ROWS + IOMAP_ROWS;
/** Latency buckets of a row: the first is below 1 µs, number k from 2^(k-1) to 2^k µs, the last takes the rest. */
export const LATENCY_BUCKETS = 24;
/** Doubles before the buckets: count, errors, total nanoseconds, bytes in, bytes out, longest nanoseconds, and two that are not used. */
const HEAD = 8;
const COUNT = 0;
const ERRORS = 1;
const TOTAL_NS = 2;
const BYTES_IN = 3;
const BYTES_OUT = 4;
const MAX_NS = 5;
export const COUNTER_FIELDS = HEAD + LATENCY_BUCKETS;
/** Errors by errno: 1 to 133 (EHWPOISON, the last one); column 0 takes all others. */
const ERRNO_COLUMNS = 134;
const ERRNO_AT = COUNTER_ROWS * COUNTER_FIELDS;
const DEPTH = ERRNO_AT + COUNTER_ROWS * ERRNO_COLUMNS;
const OLDEST = DEPTH + 1;
const HELD = OLDEST + 1;
const CELLS = HELD + 1;
/** Bytes of the whole array. */
export const COUNTERS_BYTE_LENGTH = CELLS * Float64Array.BYTES_PER_ELEMENT;

function rowOf(opcode: number): number {
  if (opcode < PLAIN_ROWS) return opcode;
  const row = opcode - OPCODE.FREEZE_FS;
  return row >= 0 && row < IOMAP_ROWS ? PLAIN_ROWS + row : 0;
}

/** What was counted for one opcode. */
export interface OperationCounts {
  readonly count: number;
  readonly errors: number;
  /** By symbolic name; those without one are under `other`. */
  readonly errorsByErrno: Readonly<Record<string, number>>;
  /** Time from the arrival of a request to its answer being ready; 0 when the session does not take times. */
  readonly totalNs: number;
  /** The longest. */
  readonly maxNs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly buckets: readonly number[];
}

/** Adds to the counters. A session without any counts nothing. */
export interface SessionCounters {
  /**
   * A request was answered.
   * @param errno positive, 0 for success
   * @param nanoseconds how long it took, or a negative number when that was not measured
   */
  record(opcode: number, errno: number, nanoseconds: number, bytesIn: number, bytesOut: number): void;
  /**
   * What is being served from now on.
   * @param depth requests; @param oldestMs when the oldest came, of performance.now() on this thread; @param held requests that
   * are held back and not among them
   */
  serving?(depth: number, oldestMs: number, held: number): void;
}

/** What is being served. */
export interface Serving {
  readonly depth: number;
  /** When the oldest came, on the clock of the thread that serves it; without meaning when there is none. */
  readonly oldestMs: number;
  /** Requests that are held back, not counted in `depth`. */
  readonly held: number;
}

/** Counters in a typed array, see above. */
export class CounterArray implements SessionCounters {
  readonly #cells: Float64Array;

  /** @param memory COUNTERS_BYTE_LENGTH bytes, zeros at first; made here when not given. */
  constructor(memory: ArrayBuffer | SharedArrayBuffer = new SharedArrayBuffer(COUNTERS_BYTE_LENGTH)) {
    this.#cells = new Float64Array(memory, 0, CELLS);
  }

  /** The memory behind the counters, to be handed to other threads. */
  get memory(): ArrayBuffer | SharedArrayBuffer {
    return this.#cells.buffer as ArrayBuffer | SharedArrayBuffer;
  }

  record(opcode: number, errno: number, nanoseconds: number, bytesIn: number, bytesOut: number): void {
    const cells = this.#cells;
    const index = rowOf(opcode);
    const row = index * COUNTER_FIELDS;
    // The row is inside the array, so every cell below is a number.
    cells[row + COUNT] = (cells[row + COUNT] as number) + 1;
    if (errno !== 0) {
      cells[row + ERRORS] = (cells[row + ERRORS] as number) + 1;
      const column = errno > 0 && errno < ERRNO_COLUMNS ? errno : 0;
      const cell = ERRNO_AT + index * ERRNO_COLUMNS + column;
      cells[cell] = (cells[cell] as number) + 1;
    }
    cells[row + BYTES_IN] = (cells[row + BYTES_IN] as number) + bytesIn;
    cells[row + BYTES_OUT] = (cells[row + BYTES_OUT] as number) + bytesOut;
    if (nanoseconds < 0) return;
    cells[row + TOTAL_NS] = (cells[row + TOTAL_NS] as number) + nanoseconds;
    if (nanoseconds > (cells[row + MAX_NS] as number)) cells[row + MAX_NS] = nanoseconds;
    const microseconds = Math.min(nanoseconds / 1000, 2 ** 31 - 1) | 0;
    const bucket = row + HEAD + Math.min(32 - Math.clz32(microseconds), LATENCY_BUCKETS - 1);
    cells[bucket] = (cells[bucket] as number) + 1;
  }

  serving(depth: number, oldestMs: number, held: number): void {
    this.#cells[OLDEST] = oldestMs;
    this.#cells[HELD] = held;
    this.#cells[DEPTH] = depth;
  }

  /** What is being served at this moment. */
  get current(): Serving {
    const cell = (index: number): number => this.#cells[index] ?? 0;
    return {depth: cell(DEPTH), oldestMs: cell(OLDEST), held: cell(HELD)};
  }

  /** What has been counted for an opcode; 0 for all those without a row of their own together. */
  read(opcode: number): OperationCounts {
    const index = rowOf(opcode);
    const row = index * COUNTER_FIELDS;
    const cell = (field: number): number => this.#cells[row + field] ?? 0;
    return {
      count: cell(COUNT),
      errors: cell(ERRORS),
      errorsByErrno: this.#errors(index),
      totalNs: cell(TOTAL_NS),
      maxNs: cell(MAX_NS),
      bytesIn: cell(BYTES_IN),
      bytesOut: cell(BYTES_OUT),
      buckets: Array.from(this.#cells.subarray(row + HEAD, row + COUNTER_FIELDS)),
    };
  }

  #errors(row: number): Record<string, number> {
    const errors: Record<string, number> = {};
    for (let errno = 0; errno < ERRNO_COLUMNS; errno++) {
      const count = this.#cells[ERRNO_AT + row * ERRNO_COLUMNS + errno] ?? 0;
      if (count === 0) continue;
      const name = errnoCode(errno) ?? 'other';
      errors[name] = (errors[name] ?? 0) + count;
    }
    return errors;
  }
}
