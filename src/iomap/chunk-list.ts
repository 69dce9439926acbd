import {ChunkDirectory} from './chunk-directory.js';
import {CHUNK, MappingArena, type Slab} from './mapping-arena.js';

/** A chunk with fewer entries is joined with a neighbour, where both together are at most JOINED. */
const SPARSE = CHUNK / 4;
const JOINED = (CHUNK * 3) / 4;

/**
 * Entries in the order of their keys, file and then offset, packed in chunks: a directory of the chunks is searched first, then one
 * chunk. A place is a chunk's number in this order, and an entry in it.
 *
 * Cost of a search: two binary searches, the second within 512 bytes of each column. Of an insert: at most CHUNK entries move up; one
 * in 32, in random order, also makes room in the directory, which moves 16 bytes for each chunk behind it. What comes in order, or
 * in reverse order, fills chunks to the last place.
 */
export class ChunkList {
  readonly #arena = new MappingArena();
  readonly #directory = new ChunkDirectory();
  /** Where the last search ended: the last entry whose key is at most the one sought; `i` is -1 where all are after it. */
  at = 0;
  i = -1;

  /** Chunks in use. */
  get chunks(): number {
    return this.#directory.count;
  }

  /** Bytes allocated. */
  get bytes(): number {
    return this.#arena.bytes + this.#directory.bytes;
  }

  /** Those of them that are not chunks. */
  get directoryBytes(): number {
    return this.#directory.bytes;
  }

  slab(at: number): Slab {
    return this.#arena.slab(this.#directory.chunks[at]!);
  }

  /** Index in its slab of a chunk's first entry. */
  base(at: number): number {
    return this.#arena.base(this.#directory.chunks[at]!);
  }

  /** Entries in a chunk. */
  count(at: number): number {
    return this.#arena.count(this.#directory.chunks[at]!);
  }

  /** Sets `at` and `i`. */
  seek(file: number, offset: number): void {
    const at = this.#directory.lastUpTo(file, offset, this.at);
    if (at < 0) {
      this.at = 0;
      this.i = -1;
      return;
    }
    this.at = at;
    const chunk = this.#directory.chunks[at]!;
    const {file: files, offset: offsets} = this.#arena.slab(chunk);
    const base = this.#arena.base(chunk);
    let low = base + 1;
    let high = base + this.#arena.count(chunk);
    if (this.#directory.isWithin(at, file)) {
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (offsets[middle]! <= offset) low = middle + 1;
        else high = middle;
      }
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = files[middle]!;
      if (other < file || (other === file && offsets[middle]! <= offset)) low = middle + 1;
      else high = middle;
    }
    this.i = low - base - 1;
  }

  /** Makes room for an entry at entry `i` of a chunk, and sets `at` and `i` to it. Its file and offset are given, all else is left. */
  open(at: number, i: number, file: number, offset: number): void {
    if (this.chunks === 0) this.#insertChunk(0);
    let count = this.count(at);
    if (count === CHUNK) {
      if (i === CHUNK) {
        // Behind the last one: before the first of the next chunk, or alone in a new one.
        at++;
        i = 0;
        if (at === this.chunks || this.count(at) === CHUNK) this.#insertChunk(at);
      } else if (i === 0) {
        this.#insertChunk(at);
      } else {
        this.#split(at);
        if (i > CHUNK / 2) {
          at++;
          i -= CHUNK / 2;
        }
      }
      count = this.count(at);
    }
    const slab = this.slab(at);
    const base = this.base(at);
    slab.open(base + i, base + count);
    slab.file[base + i] = file;
    slab.offset[base + i] = offset;
    this.#setCount(at, count + 1);
    if (i === 0) this.rekey(at);
    this.at = at;
    this.i = i;
  }

  /** Takes out the entries from `i` to before `j` of a chunk, of which at least one stays. */
  cut(at: number, i: number, j: number): void {
    if (i === j) return;
    const count = this.count(at);
    const slab = this.slab(at);
    const base = this.base(at);
    slab.take(base + i, slab, base + j, count - j);
    this.#setCount(at, count - (j - i));
    if (i === 0) this.rekey(at);
  }

  /** Leaves the first `count` entries of a chunk, at least one. */
  shorten(at: number, count: number): void {
    this.#setCount(at, count);
    this.rekey(at);
  }

  /** Takes out whole chunks. */
  remove(at: number, end: number): void {
    const freed = this.#directory.chunks.slice(at, end);
    this.#directory.remove(at, end);
    // From the largest number down: what takes the place of one is then never one of those to go.
    freed.sort();
    for (let k = freed.length - 1; k >= 0; k--) this.#free(freed[k]!);
  }

  /** Notes that the first entry of a chunk is another, or has another offset. */
  rekey(at: number): void {
    const base = this.base(at);
    const slab = this.slab(at);
    this.#directory.files[at] = slab.file[base]!;
    this.#directory.offsets[at] = slab.offset[base]!;
  }

  /** Joins a chunk with a neighbour when it has become sparse. */
  tidy(at: number): void {
    if (at < 0 || at >= this.chunks || this.count(at) >= SPARSE) return;
    if (!this.join(at, JOINED)) this.join(at - 1, JOINED);
  }

  /** Makes one of a chunk and the next, if there are both and they have at most `most` entries together. */
  join(at: number, most: number): boolean {
    if (at < 0 || at + 1 >= this.chunks) return false;
    const count = this.count(at);
    const more = this.count(at + 1);
    if (count + more > most) return false;
    this.slab(at).take(this.base(at) + count, this.slab(at + 1), this.base(at + 1), more);
    this.#setCount(at, count + more);
    this.remove(at + 1, at + 2);
    return true;
  }

  #setCount(at: number, count: number): void {
    this.#arena.setCount(this.#directory.chunks[at]!, count);
  }

  /** Puts a chunk without entries at a place. */
  #insertChunk(at: number): void {
    this.#directory.insert(at, this.#arena.allocate());
  }

  #split(at: number): void {
    const half = CHUNK / 2;
    this.#insertChunk(at + 1);
    this.slab(at + 1).take(this.base(at + 1), this.slab(at), this.base(at) + half, half);
    this.#setCount(at, half);
    this.#setCount(at + 1, half);
    this.rekey(at + 1);
  }

  #free(chunk: number): void {
    const moved = this.#arena.free(chunk);
    if (moved === chunk) return;
    const slab = this.#arena.slab(chunk);
    const base = this.#arena.base(chunk);
    // Keys are distinct, so the search ends at the chunk that begins with this one.
    const at = this.#directory.lastUpTo(slab.file[base]!, slab.offset[base]!, this.at);
    this.#directory.chunks[at] = chunk;
  }
}
