import type {BlockSource} from './source.js';

/** Numbers a cache moves; plain properties so that they may lie in shared memory. */
export interface BlockCacheCounters {
  hits: number;
  /** Misses on a block never read before. */
  missesCold: number;
  /** Misses on a block that had been evicted. */
  missesEvicted: number;
  evictions: number;
}

export interface BlockCacheOptions {
  /** Bytes per block, a power of two. */
  blockSize: number;
  /** Bytes of block data held at most; at least one line is always held. */
  limit: number;
  counters?: BlockCacheCounters | undefined;
}

interface Line {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly blocks: Array<Uint8Array | undefined>;
  /** Second chance: set by use, cleared when the hand passes. */
  used: boolean;
}

/** Neighbouring blocks come in with one read: an inode table or a directory is mostly read in order. */
const LINE_SIZE = 32 * 1024;
/** Evicted lines remembered, so that a miss can say why; forgotten all at once beyond that. */
const REMEMBERED = 65_536;

/**
 * Read cache of metadata blocks.
 *
 * Unit: a *line* of 32 KiB (or one block, where blocks are larger), read at once. Order: a clock; the hand
 * gives each line that was used since it last passed a second chance and evicts the first that was not.
 * Cost: a hit is one map look-up, without allocation. A block handed out stays valid for as long as the
 * caller keeps it, also after its eviction: lines are never written again.
 *
 * File data does not belong here: the kernel keeps it in its page cache.
 */
export class BlockCache {
  readonly blockSize: number;
  readonly counters: BlockCacheCounters;
  readonly #source: BlockSource;
  readonly #lineSize: number;
  readonly #blocksPerLine: number;
  readonly #lines = new Map<number, Line>();
  readonly #ring: Line[] = [];
  readonly #seen: Set<number> = new Set();
  #maxLines: number;
  #hand = 0;

  constructor(source: BlockSource, options: BlockCacheOptions) {
    this.#source = source;
    this.blockSize = options.blockSize;
    this.#lineSize = Math.max(LINE_SIZE, options.blockSize);
    this.#blocksPerLine = this.#lineSize / options.blockSize;
    this.#maxLines = Math.max(1, Math.floor(options.limit / this.#lineSize));
    this.counters = options.counters ?? {hits: 0, missesCold: 0, missesEvicted: 0, evictions: 0};
  }

  /** Bytes of block data held now. */
  get bytes(): number {
    return this.#ring.length * this.#lineSize;
  }

  /** Bytes held at most. */
  get limit(): number {
    return this.#maxLines * this.#lineSize;
  }

  /**
   * The bytes of a block, exactly `blockSize` of them; not to be written to.
   * @throws RangeError when the block does not lie wholly inside the source, or what the source throws.
   */
  block(number: number): Uint8Array {
    const lineNumber = Math.floor(number / this.#blocksPerLine);
    const index = number - lineNumber * this.#blocksPerLine;
    let line = this.#lines.get(lineNumber);
    if (line === undefined) {
      line = this.#load(lineNumber, number);
    } else {
      this.counters.hits++;
      line.used = true;
    }
    const known = line.blocks[index];
    if (known !== undefined) return known;
    const start = index * this.blockSize;
    if (start + this.blockSize > line.bytes.length) throw outside(number);
    const block = line.bytes.subarray(start, start + this.blockSize);
    line.blocks[index] = block;
    return block;
  }

  /** Forgets everything held. */
  clear(): void {
    this.#lines.clear();
    this.#ring.length = 0;
    this.#hand = 0;
  }

  #load(lineNumber: number, block: number): Line {
    const position = lineNumber * this.#lineSize;
    if (!(block >= 0 && (block + 1) * this.blockSize <= this.#source.size)) throw outside(block);
    const bytes = new Uint8Array(Math.min(this.#lineSize, this.#source.size - position));
    const count = this.#source.read(bytes, 0, bytes.length, position);
    const line: Line = {
      number: lineNumber,
      bytes: count === bytes.length ? bytes : bytes.subarray(0, count),
      blocks: [],
      // A line earns its second chance by a hit: what is read once, in a scan, goes first.
      used: false,
    };
    if (this.#seen.has(lineNumber)) this.counters.missesEvicted++;
    else this.counters.missesCold++;
    this.#insert(line);
    return line;
  }

  #insert(line: Line): void {
    this.#lines.set(line.number, line);
    if (this.#ring.length < this.#maxLines) {
      this.#ring.push(line);
      return;
    }
    for (;;) {
      // Ends: a full turn clears every `used`, so the second turn finds one.
      const candidate = this.#ring[this.#hand]!;
      if (!candidate.used) {
        this.#lines.delete(candidate.number);
        this.#remember(candidate.number);
        this.counters.evictions++;
        this.#ring[this.#hand] = line;
        this.#hand = (this.#hand + 1) % this.#ring.length;
        return;
      }
      candidate.used = false;
      this.#hand = (this.#hand + 1) % this.#ring.length;
    }
  }

  #remember(lineNumber: number): void {
    if (this.#seen.size >= REMEMBERED) this.#seen.clear();
    this.#seen.add(lineNumber);
  }
}

function outside(block: number): RangeError {
  return new RangeError(`block ${block} lies outside the source`);
}
