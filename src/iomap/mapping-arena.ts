/** Entries in a chunk, a power of two. */
export const CHUNK = 64;
const CHUNK_SHIFT = 6;
/** Chunks in a slab, a power of two: the memory that is asked for at a time. */
export const SLAB_CHUNKS = 32;
const SLAB_SHIFT = 5;
const SLAB_ENTRIES = CHUNK * SLAB_CHUNKS;
/** Bytes of an entry: offset, length and address, type with flags and device, file, usage. */
export const ENTRY_BYTES = 3 * 8 + 2 * 4 + 1;
/** Bytes of a chunk with its count. */
export const CHUNK_BYTES = CHUNK * ENTRY_BYTES + 1;
/** Bytes of a slab. */
export const SLAB_BYTES = CHUNK_BYTES * SLAB_CHUNKS;

/** The memory of SLAB_CHUNKS chunks: column by column, so that a search touches only what it compares. */
export class Slab {
  readonly offset: Float64Array;
  readonly length: Float64Array;
  readonly addr: Float64Array;
  /** Type, flags and device; see `packKind`. */
  readonly kind: Uint32Array;
  /** Which file, a number of the cache's own. */
  readonly file: Uint32Array;
  readonly usage: Uint8Array;
  /** Entries in each chunk. */
  readonly counts: Uint8Array;

  constructor() {
    const memory = new ArrayBuffer(SLAB_BYTES);
    const n = SLAB_ENTRIES;
    this.offset = new Float64Array(memory, 0, n);
    this.length = new Float64Array(memory, 8 * n, n);
    this.addr = new Float64Array(memory, 16 * n, n);
    this.kind = new Uint32Array(memory, 24 * n, n);
    this.file = new Uint32Array(memory, 28 * n, n);
    this.usage = new Uint8Array(memory, 32 * n, n);
    this.counts = new Uint8Array(memory, 33 * n, SLAB_CHUNKS);
  }

  /** Copies `count` entries of another slab, or of another place of this one. */
  take(to: number, from: Slab, at: number, count: number): void {
    for (let i = at, j = to, end = at + count; i < end; i++, j++) {
      this.offset[j] = from.offset[i]!;
      this.length[j] = from.length[i]!;
      this.addr[j] = from.addr[i]!;
      this.kind[j] = from.kind[i]!;
      this.file[j] = from.file[i]!;
      this.usage[j] = from.usage[i]!;
    }
  }

  /** Moves the entries from `at` to before `end` up by one: room for an entry at `at`. */
  open(at: number, end: number): void {
    const {offset, length, addr, kind, file, usage} = this;
    // Written out: few entries are moved, and six calls of copyWithin cost more than that.
    for (let i = end; i > at; i--) {
      offset[i] = offset[i - 1]!;
      length[i] = length[i - 1]!;
      addr[i] = addr[i - 1]!;
      kind[i] = kind[i - 1]!;
      file[i] = file[i - 1]!;
      usage[i] = usage[i - 1]!;
    }
  }
}

/**
 * Chunks of entries, numbered from 0 without a gap: when one is given back the last one takes its place, so memory in use is what is
 * allocated, but for one slab that is kept because more may be needed soon.
 */
export class MappingArena {
  readonly #slabs: Slab[] = [];
  #chunks = 0;

  /** Chunks in use. */
  get chunks(): number {
    return this.#chunks;
  }

  /** Bytes allocated. */
  get bytes(): number {
    return this.#slabs.length * SLAB_BYTES;
  }

  slab(chunk: number): Slab {
    return this.#slabs[chunk >>> SLAB_SHIFT]!;
  }

  /** Index in its slab of a chunk's first entry. */
  base(chunk: number): number {
    return (chunk & (SLAB_CHUNKS - 1)) << CHUNK_SHIFT;
  }

  count(chunk: number): number {
    return this.slab(chunk).counts[chunk & (SLAB_CHUNKS - 1)]!;
  }

  setCount(chunk: number, count: number): void {
    this.slab(chunk).counts[chunk & (SLAB_CHUNKS - 1)] = count;
  }

  /** A new chunk, empty. */
  allocate(): number {
    const chunk = this.#chunks++;
    if (chunk >>> SLAB_SHIFT === this.#slabs.length) this.#slabs.push(new Slab());
    this.setCount(chunk, 0);
    return chunk;
  }

  /**
   * Gives a chunk back. @returns the number until now of the chunk that has this number from now on; `chunk` itself where it was
   * the last
   */
  free(chunk: number): number {
    const last = --this.#chunks;
    if (last !== chunk) {
      const count = this.count(last);
      this.slab(chunk).take(this.base(chunk), this.slab(last), this.base(last), count);
      this.setCount(chunk, count);
    }
    const needed = (this.#chunks + SLAB_CHUNKS - 1) >>> SLAB_SHIFT;
    const kept = needed === 0 ? 0 : needed + 1;
    if (this.#slabs.length > kept) this.#slabs.length = kept;
    return last;
  }
}
