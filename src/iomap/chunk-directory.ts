/** Bytes of an entry of the directory. */
const BYTES = 8 + 4 + 4;
const LEAST = 16;

/** Chunks in the order of their entries, each with the key of its first one: file, then offset. */
export class ChunkDirectory {
  count = 0;
  chunks = new Uint32Array(LEAST);
  files = new Uint32Array(LEAST);
  offsets = new Float64Array(LEAST);

  /** Bytes allocated. */
  get bytes(): number {
    return this.chunks.length * BYTES;
  }

  /** The last chunk whose first key is at most (file, offset); -1 when there is none. @param hint a likely answer */
  lastUpTo(file: number, offset: number, hint: number): number {
    const {files, offsets, count} = this;
    let low = 0;
    let high = count;
    if (hint < count && !this.#isAfter(hint, file, offset)) {
      if (hint + 1 === count || this.#isAfter(hint + 1, file, offset)) return hint;
      low = hint + 1;
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = files[middle]!;
      if (other < file || (other === file && offsets[middle]! <= offset)) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Whether all entries of a chunk are one file's, as far as can be seen here. */
  isWithin(at: number, file: number): boolean {
    return this.files[at] === file && this.files[at + 1] === file && at + 1 < this.count;
  }

  /** Makes a place at `at` for a chunk. Its key is for the caller to set. */
  insert(at: number, chunk: number): void {
    if (this.count === this.chunks.length) this.#resize(this.count * 2);
    this.chunks.copyWithin(at + 1, at, this.count);
    this.files.copyWithin(at + 1, at, this.count);
    this.offsets.copyWithin(at + 1, at, this.count);
    this.chunks[at] = chunk;
    this.count++;
  }

  /** Takes away the places from `at` to before `end`. */
  remove(at: number, end: number): void {
    this.chunks.copyWithin(at, end, this.count);
    this.files.copyWithin(at, end, this.count);
    this.offsets.copyWithin(at, end, this.count);
    this.count -= end - at;
    if (this.count * 4 < this.chunks.length && this.chunks.length > LEAST) {
      this.#resize(Math.max(LEAST, this.count * 2));
    }
  }

  #isAfter(at: number, file: number, offset: number): boolean {
    const other = this.files[at]!;
    return other > file || (other === file && this.offsets[at]! > offset);
  }

  #resize(capacity: number): void {
    const {chunks, files, offsets, count} = this;
    this.chunks = new Uint32Array(capacity);
    this.files = new Uint32Array(capacity);
    this.offsets = new Float64Array(capacity);
    this.chunks.set(chunks.subarray(0, count));
    this.files.set(files.subarray(0, count));
    this.offsets.set(offsets.subarray(0, count));
  }
}
