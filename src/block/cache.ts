import {type CacheCounters, newCacheCounters} from './cache-counters.js';
import {RemovedKeys} from './removed-keys.js';
import type {BlockSource} from './source.js';

export interface BlockCacheOptions {
  /** Bytes per block, a power of two. */
  blockSize: number;
  /** Bytes of block data held at most; at least one line, unless it is 0: then nothing is held. */
  limit: number;
  counters?: CacheCounters | undefined;
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

/**
 * Read cache of metadata blocks.
 *
 * Unit: a *line* of 32 KiB (or one block, where blocks are larger), read at once. Order: a clock; the hand
 * gives each line that was used since it last passed a second chance and evicts the first that was not.
 * Cost: a hit is one map look-up, without allocation. A block handed out stays valid for as long as the
 * caller keeps it, also after its eviction: lines are never written again.
 * Limit: may change at any time; a lower one evicts at once. With 0 each look-up reads its one block and counts as bypassed.
 *
 * File data does not belong here: the kernel keeps it in its page cache.
 */
export class BlockCache {
  readonly blockSize: number;
  readonly counters: CacheCounters;
  readonly #source: BlockSource;
  readonly #lineSize: number;
  readonly #blocksPerLine: number;
  readonly #lines = new Map<number, Line>();
  readonly #ring: Line[] = [];
  readonly #removed = new RemovedKeys();
  #maxLines: number;
  #hand = 0;

  constructor(source: BlockSource, options: BlockCacheOptions) {
    this.#source = source;
    this.blockSize = options.blockSize;
    this.#lineSize = Math.max(LINE_SIZE, options.blockSize);
    this.#blocksPerLine = this.#lineSize / options.blockSize;
    this.counters = options.counters ?? newCacheCounters();
    this.#maxLines = this.#linesWithin(options.limit);
    this.#gauge();
  }

  /** Bytes of block data held now. */
  get bytes(): number {
    return this.#ring.length * this.#lineSize;
  }

  /** Bytes held at most. */
  get limit(): number {
    return this.#maxLines * this.#lineSize;
  }

  /** Changes the limit, in bytes as in the options; what does not fit any more is evicted now. */
  setLimit(bytes: number): void {
    this.#maxLines = this.#linesWithin(bytes);
    while (this.#ring.length > this.#maxLines) this.#shrink();
    if (this.#hand >= this.#ring.length) this.#hand = 0;
    this.#gauge();
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
      if (this.#maxLines === 0) return this.#bypass(number);
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

  /** Forgets everything held; a look-up of it is a miss that says so. */
  clear(): void {
    for (const line of this.#ring) this.#removed.invalidated(line.number);
    this.counters.dropped += this.#ring.length;
    this.#lines.clear();
    this.#ring.length = 0;
    this.#hand = 0;
    this.#gauge();
  }

  #linesWithin(bytes: number): number {
    return bytes === 0 ? 0 : Math.max(1, Math.floor(bytes / this.#lineSize));
  }

  #gauge(): void {
    this.counters.entries = this.#ring.length;
    this.counters.bytes = this.bytes;
    this.counters.capacityBytes = this.limit;
  }

  #checkInside(block: number): void {
    if (!(block >= 0 && (block + 1) * this.blockSize <= this.#source.size)) throw outside(block);
  }

  #bypass(number: number): Uint8Array {
    this.#checkInside(number);
    const bytes = new Uint8Array(this.blockSize);
    const count = this.#source.read(bytes, 0, bytes.length, number * this.blockSize);
    this.counters.missesBypassed++;
    if (count < bytes.length) throw outside(number);
    return bytes;
  }

  #load(lineNumber: number, block: number): Line {
    const position = lineNumber * this.#lineSize;
    this.#checkInside(block);
    const bytes = new Uint8Array(Math.min(this.#lineSize, this.#source.size - position));
    const count = this.#source.read(bytes, 0, bytes.length, position);
    const line: Line = {
      number: lineNumber,
      bytes: count === bytes.length ? bytes : bytes.subarray(0, count),
      blocks: [],
      // A line earns its second chance by a hit: what is read once, in a scan, goes first.
      used: false,
    };
    this.#removed.count(lineNumber, this.counters);
    this.#insert(line);
    return line;
  }

  #insert(line: Line): void {
    this.#lines.set(line.number, line);
    if (this.#ring.length < this.#maxLines) {
      this.#ring.push(line);
      this.#gauge();
      return;
    }
    this.#ring[this.#victim()] = line;
    this.#hand = (this.#hand + 1) % this.#ring.length;
  }

  /** Evicts the line that the hand comes to; the hand stays on its place. The ring is not empty. */
  #victim(): number {
    for (;;) {
      // Ends: a full turn clears every `used`, so the second turn finds one.
      const candidate = this.#ring[this.#hand]!;
      if (!candidate.used) {
        this.#lines.delete(candidate.number);
        this.#removed.evicted(candidate.number);
        this.counters.evictions++;
        return this.#hand;
      }
      candidate.used = false;
      this.#hand = (this.#hand + 1) % this.#ring.length;
    }
  }

  /** Evicts a line and closes its place with the last one. */
  #shrink(): void {
    const place = this.#victim();
    const last = this.#ring.pop()!;
    if (place < this.#ring.length) this.#ring[place] = last;
    else this.#hand = 0;
  }
}

function outside(block: number): RangeError {
  return new RangeError(`block ${block} lies outside the source`);
}
