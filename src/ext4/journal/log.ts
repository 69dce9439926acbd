import {CorruptError} from '../errors.js';
import type {JournalFile} from './file.js';
import type {JournalSuperblock} from './superblock.js';

/** A journal that can be read: its blocks and what its superblock says. */
export interface Journal {
  readonly file: JournalFile;
  readonly superblock: JournalSuperblock;
}

/**
 * A place in the log, which is a ring. Advancing is bounded: no pass over the log goes around more than
 * twice, which only blocks that describe each other in a circle could make it do.
 */
export class LogCursor {
  readonly #file: JournalFile;
  readonly #first: number;
  readonly #last: number;
  #index: number;
  #left: number;

  constructor(journal: Journal) {
    this.#file = journal.file;
    this.#first = journal.superblock.first;
    this.#last = journal.superblock.last;
    this.#index = journal.superblock.start;
    this.#left = 2 * journal.superblock.length;
  }

  /** The block to be read next, counted from the start of the journal. */
  get index(): number {
    return this.#index;
  }

  /** The block here; the cursor moves on. */
  next(): Uint8Array {
    const bytes = this.#file.read(this.#index);
    this.skip(1);
    return bytes;
  }

  /** Moves on by `count` blocks, wrapping around once, like the kernel, which may leave it outside the log. */
  skip(count: number): void {
    this.#left -= count;
    if (this.#left < 0) throw new CorruptError('journal-loop', {index: this.#index});
    this.#index += count;
    if (this.#index >= this.#last) this.#index -= this.#last - this.#first;
  }
}
