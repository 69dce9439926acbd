import {type CacheCounters, newCacheCounters} from '../block/index.js';
import type {MappingFields} from './mapping.js';
import {CHUNK_BYTES, ENTRY_BYTES, SLAB_BYTES} from './mapping-arena.js';
import {MappingIndex} from './mapping-index.js';
import {isPackable} from './mapping-kind.js';
import {MappingSweep} from './mapping-sweep.js';
import {RemovedRanges} from './removed-ranges.js';

export interface MappingCacheOptions {
  /** Bytes held at most; below LEAST_LIMIT nothing is held. */
  readonly limit: number;
  /** Bytes that the mappings of one file take at most; a quarter of `limit` unless told. */
  readonly fileLimit?: number;
  readonly counters?: CacheCounters;
}

/** Smallest limit with which anything is held, about 270 KiB. */
export const LEAST_LIMIT = 4 * SLAB_BYTES;
/** Slabs that may be allocated and not in use: one that is begun, one that is spare. */
const SLACK = 2 * SLAB_BYTES;
/** Chunks that one insert may need. */
const INSERT_CHUNKS = 2;
/** Bytes of what is kept of a file beside its mappings, roughly: an entry of a hash table, and its number. */
const FILE_BYTES = 64;
const FILE_SHARE = 1 / 4;

/**
 * Mappings of files that were asked for before, in bounded memory whatever the files are like: for all together, and for one file, so
 * that one of very many pieces that stays in use pushes out its own mappings and not those of others. What has to go is chosen by use,
 * not by age (`mapping-usage.ts`).
 *
 * Holds what it was told and asks nobody: who changes a file's blocks says so (`invalidate`). A file is known by its inode number, a
 * safe integer.
 */
export class MappingCache {
  readonly #index = new MappingIndex();
  readonly #sweep: MappingSweep;
  readonly #removed = new RemovedRanges();
  readonly #counters: CacheCounters;
  /** Numbers of the files that have mappings, and the inode of each number. */
  readonly #files = new Map<number, number>();
  readonly #inodes: number[] = [];
  readonly #unusedNumbers: number[] = [];
  #limit = 0;
  #fileLimit = 0;

  constructor({limit, fileLimit, counters = newCacheCounters()}: MappingCacheOptions) {
    this.#counters = counters;
    this.#sweep = new MappingSweep(this.#index.list, (file, offset, length) => {
      this.#counters.evictions++;
      this.#index.swept(file);
      this.#removed.evicted(this.#inodes[file]!, offset, length);
      if (this.#index.countOf(file) === 0) this.#forget(file);
    });
    this.setLimit(limit, fileLimit);
  }

  /** Mappings held. */
  get size(): number {
    return this.#index.count;
  }

  /** Bytes allocated. */
  get bytes(): number {
    return this.#index.bytes + this.#files.size * FILE_BYTES + this.#removed.bytes;
  }

  /** Mappings held of a file. */
  sizeOf(ino: number): number {
    const file = this.#files.get(ino);
    return file === undefined ? 0 : this.#index.countOf(file);
  }

  /** Changes the limits, at once. */
  setLimit(limit: number, fileLimit: number = limit * FILE_SHARE): void {
    this.#limit = limit;
    this.#fileLimit = fileLimit;
    this.#counters.capacityBytes = limit;
    if (limit < LEAST_LIMIT) this.clear();
    else this.#sweep.sweep(() => this.#used(0) <= this.#limit);
    this.#gauge();
  }

  /** Fills `out` with the mapping that covers a position of a file; false when none is held. Counts a hit, or a miss and why. */
  get(ino: number, position: number, out: MappingFields): boolean {
    const file = this.#files.get(ino);
    if (file !== undefined && this.#index.find(file, position, out)) {
      this.#counters.hits++;
      return true;
    }
    if (this.#limit < LEAST_LIMIT) this.#counters.missesBypassed++;
    else this.#removed.count(ino, position, this.#counters);
    return false;
  }

  /**
   * Holds a mapping from now on, in place of what was held of its range. What can't be held (see `isPackable`) only takes the old away.
   * @param cost how many pieces of the file's map had to be looked at for it
   */
  put(ino: number, mapping: Readonly<MappingFields>, cost = 1): void {
    if (this.#limit < LEAST_LIMIT) return;
    if (!isPackable(mapping)) {
      this.invalidate(ino, mapping.offset, mapping.length);
      return;
    }
    if (this.#used(INSERT_CHUNKS) > this.#limit)
      this.#sweep.sweep(() => this.#used(INSERT_CHUNKS) <= this.#limit);
    const known = this.#files.get(ino);
    if (known !== undefined && this.#isFull(known)) this.#sweep.sweepFile(known, () => !this.#isFull(known));
    this.#index.insert(this.#numberOf(ino), mapping, cost);
    this.#gauge();
  }

  /** Forgets a range of a file. @param length may be Infinity. */
  invalidate(ino: number, offset: number, length: number): void {
    const file = this.#files.get(ino);
    if (file === undefined) return;
    const touched = this.#index.remove(file, offset, offset + length);
    if (touched === 0) return;
    this.#counters.dropped += touched;
    this.#removed.invalidated(ino, offset, Math.min(length, Number.MAX_SAFE_INTEGER - offset));
    if (this.#index.countOf(file) === 0) this.#forget(file);
    this.#gauge();
  }

  /** Forgets a file. */
  drop(ino: number): void {
    this.invalidate(ino, 0, Infinity);
  }

  /** Forgets all files. */
  clear(): void {
    for (const ino of [...this.#files.keys()]) this.drop(ino);
  }

  /**
   * Shows what is held of a file in order, from the mapping on that covers `from` or is the next, until `visit` gives false. Neither counts
   * nor is use; nothing may be changed meanwhile.
   */
  each(ino: number, from: number, out: MappingFields, visit: () => boolean): void {
    const file = this.#files.get(ino);
    if (file !== undefined) this.#index.each(file, from, out, visit);
  }

  /** Bytes in use, with so many more chunks and what may be allocated beyond. */
  #used(moreChunks: number): number {
    const {list} = this.#index;
    const held =
      (list.chunks + moreChunks) * CHUNK_BYTES + (this.#index.bytes - list.bytes) + list.directoryBytes;
    return held + this.#files.size * FILE_BYTES + this.#removed.bytes + SLACK;
  }

  /** Whether a file must not have a mapping more, or two where one is cut in two. */
  #isFull(file: number): boolean {
    return (this.#index.countOf(file) + 2) * ENTRY_BYTES > this.#fileLimit;
  }

  #numberOf(ino: number): number {
    const known = this.#files.get(ino);
    if (known !== undefined) return known;
    const file = this.#unusedNumbers.pop() ?? this.#inodes.length;
    this.#files.set(ino, file);
    this.#inodes[file] = ino;
    return file;
  }

  /** A file has no mappings any more. */
  #forget(file: number): void {
    this.#files.delete(this.#inodes[file]!);
    this.#unusedNumbers.push(file);
    this.#sweep.forget(file);
  }

  #gauge(): void {
    this.#counters.entries = this.#index.count;
    this.#counters.bytes = this.bytes;
  }
}
