import type {CacheCounters} from '../block/index.js';
import {
  type CacheName,
  type CacheNumbers,
  type ServerState,
  type StatsAnswer,
  TRANSPORTS,
  type Transport,
} from '../control/messages.js';
import {COUNTERS_BYTE_LENGTH, CounterArray, OPCODE, type OperationCounts, opcodeName} from '../fuse/index.js';
import type {IomapCounters} from '../iomap/index.js';
import {CACHE_CELLS_SIZE, CacheCells} from './cache-cells.js';
import {IOMAP_CELLS_SIZE, iomapCells, iomapNumbers} from './iomap-cells.js';

/** Name of the memfd that a server counts in; root finds it among the server's descriptors in /proc. */
export const COUNTERS_NAME = 'fuseward-counters';

/** The caches there may be, in the order in which their counters lie behind the counts per opcode. */
const CACHES = ['block', 'inode', 'mapping', 'iomap'] as const satisfies readonly CacheName[];
export type CountedCache = (typeof CACHES)[number];

/** Doubles behind the caches: 1 or 0 for yes or no, the difference of two clocks in ms, and how requests travel. */
const FROZEN = 0;
const SHUT_DOWN = 1;
const CLOCK = 2;
/** Index into TRANSPORTS. */
const TRANSPORT = 3;
const STATE_FIELDS = 4;
const IOMAP_AT = COUNTERS_BYTE_LENGTH + CACHES.length * CACHE_CELLS_SIZE;
const STATE_AT = IOMAP_AT + IOMAP_CELLS_SIZE;

/** Bytes of the whole region. */
export const COUNTERS_SIZE = STATE_AT + STATE_FIELDS * Float64Array.BYTES_PER_ELEMENT;

/** Errnos told for one opcode; the others are one number. With all opcodes that there are, an answer then fits a frame. */
const MOST_ERRNOS = 8;

/** Milliseconds on the clock that all threads and processes share. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * What a server counts, in plain memory that others may look at: the request loop adds and never waits. Whoever reads may see
 * one request half counted.
 */
export class SharedCounters {
  readonly requests: CounterArray;
  readonly caches: Readonly<Record<CountedCache, CacheCounters>>;
  readonly iomap: IomapCounters;
  readonly #state: Float64Array;

  /** @param memory COUNTERS_SIZE bytes, zeros at first */
  constructor(memory: ArrayBuffer | SharedArrayBuffer) {
    this.requests = new CounterArray(memory);
    const cells = (index: number) => new CacheCells(memory, COUNTERS_BYTE_LENGTH + index * CACHE_CELLS_SIZE);
    this.caches = {block: cells(0), inode: cells(1), mapping: cells(2), iomap: cells(3)};
    this.iomap = iomapCells(memory, IOMAP_AT);
    this.#state = new Float64Array(memory, STATE_AT, STATE_FIELDS);
  }

  /** Called once by the thread that serves requests: their times are of its clock. */
  setClock(): void {
    this.#state[CLOCK] = monotonicMs() - performance.now();
  }

  get frozen(): boolean {
    return this.#state[FROZEN] === 1;
  }
  set frozen(value: boolean) {
    this.#state[FROZEN] = value ? 1 : 0;
  }

  get shutDown(): boolean {
    return this.#state[SHUT_DOWN] === 1;
  }
  set shutDown(value: boolean) {
    this.#state[SHUT_DOWN] = value ? 1 : 0;
  }

  /** How requests travel; undefined before the kernel has been answered. */
  get transport(): Transport | undefined {
    return TRANSPORTS[(this.#state[TRANSPORT] ?? 0) - 1];
  }
  set transport(value: Transport) {
    this.#state[TRANSPORT] = TRANSPORTS.indexOf(value) + 1;
  }

  /** How the server is at this moment. */
  state(): ServerState {
    const {depth, oldestMs, held} = this.requests.current;
    const {frozen, shutDown} = this;
    const ageMs = monotonicMs() - (this.#state[CLOCK] ?? 0) - oldestMs;
    return {
      queueDepth: depth,
      oldestMs: depth === 0 ? 0 : Math.max(0, ageMs),
      held,
      frozen,
      shutDown,
      ...(this.transport === undefined ? {} : {transport: this.transport}),
    };
  }

  /** What was counted by opcode name; those that never came are left out, those without a name are OTHER. */
  operations(): Record<string, OperationCounts> {
    const operations: Record<string, OperationCounts> = {};
    for (const opcode of [0, ...Object.values(OPCODE)]) {
      // Row 0 takes this one and all others that have no row of their own.
      if (opcode === OPCODE.CUSE_INIT) continue;
      const counts = this.requests.read(opcode);
      if (counts.count > 0) operations[opcode === 0 ? 'OTHER' : opcodeName(opcode)] = counts;
    }
    return operations;
  }

  /** Answer to `stats`. */
  stats(): StatsAnswer {
    const operations = Object.entries(this.operations()).map(([name, counts]) => [
      name,
      {...counts, errorsByErrno: mostCommon(counts.errorsByErrno)},
    ]);
    const iomap = iomapNumbers(this.iomap);
    return {
      ...this.state(),
      operations: Object.fromEntries(operations),
      ...(iomap === undefined ? {} : {iomap}),
    };
  }

  /** What the caches count. One without a capacity was never made: the driver has none. */
  cacheNumbers(): Partial<Record<CacheName, CacheNumbers>> {
    const numbers: Partial<Record<CacheName, CacheNumbers>> = {};
    for (const name of CACHES) {
      const cache = this.caches[name];
      if (isUsed(cache)) numbers[name] = numbersOf(cache);
    }
    return numbers;
  }
}

function isUsed(cache: CacheCounters): boolean {
  return cache.capacityBytes > 0 || cache.hits + cache.missesCold + cache.missesBypassed > 0;
}

function numbersOf(cache: CacheCounters): CacheNumbers {
  return {
    capacityBytes: cache.capacityBytes,
    bytes: cache.bytes,
    entries: cache.entries,
    dirty: 0,
    hits: cache.hits,
    misses: {
      cold: cache.missesCold,
      evicted: cache.missesEvicted,
      invalidated: cache.missesInvalidated,
      bypassed: cache.missesBypassed,
    },
    evictions: {capacity: cache.evictions, dropped: cache.dropped},
  };
}

function mostCommon(errors: Readonly<Record<string, number>>): Record<string, number> {
  const {other = 0, ...named} = errors;
  const sorted = Object.entries(named).sort(([, a], [, b]) => b - a);
  const rest = sorted.slice(MOST_ERRNOS).reduce((sum, [, count]) => sum + count, other);
  return {...Object.fromEntries(sorted.slice(0, MOST_ERRNOS)), ...(rest === 0 ? {} : {other: rest})};
}

/** Counts as they are told. */
export interface CounterReport {
  /** By name of the request (LOOKUP, READ, …); those that never came are left out. */
  readonly requests: Readonly<Record<string, OperationCounts>>;
  readonly blockCache: CacheCounters;
  readonly caches: Readonly<Partial<Record<CacheName, CacheNumbers>>>;
}

/**
 * The counters in a copy of a server's region, which may hold anything. What can't be a count (NaN, below 0, past 2^53) is none.
 * @param copy COUNTERS_SIZE bytes that nobody else writes to; changed
 */
export function foreignCounters(copy: ArrayBuffer): SharedCounters {
  const cells = new Float64Array(copy);
  for (let index = 0; index < cells.length; index++) {
    const value = cells[index] as number;
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) cells[index] = 0;
  }
  return new SharedCounters(copy);
}

/** What there is to tell of counters. */
export function reportCounters(counters: SharedCounters): CounterReport {
  const {hits, missesCold, missesEvicted, missesInvalidated, missesBypassed} = counters.caches.block;
  const {evictions, dropped, entries, bytes, capacityBytes} = counters.caches.block;
  return {
    requests: counters.operations(),
    blockCache: {
      ...{hits, missesCold, missesEvicted, missesInvalidated, missesBypassed},
      ...{evictions, dropped, entries, bytes, capacityBytes},
    },
    caches: counters.cacheNumbers(),
  };
}
