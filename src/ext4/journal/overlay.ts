import type {BlockSource} from '../../block/index.js';
import {CorruptError} from '../errors.js';
import {JOURNAL_MAGIC} from './structs.js';

/** Where the newest copy of a block lies. */
export interface Copy {
  /** Block of the image. */
  readonly block: number;
  /** The copy begins with zeros that stand for the journal's magic number. */
  readonly escaped: boolean;
}

/** Finds the copy of a block of the file system, if there is one. */
export interface CopyMap {
  readonly size: number;
  get(block: number): Copy | undefined;
  /** The blocks that have a copy. */
  keys(): Iterable<number>;
}

/** Nothing lies over the image. */
export const NO_COPIES: CopyMap = {size: 0, get: () => undefined, keys: () => []};

/**
 * An image with blocks laid over it: blocks written here, else copies in the journal, else the image itself.
 * Only written blocks are held in memory; copies are read from the journal each time. The image is never
 * written to.
 */
export class OverlaySource implements BlockSource {
  readonly size: number;
  readonly blockSize: number;
  readonly #image: BlockSource;
  readonly #copies: CopyMap;
  readonly #written = new Map<number, Uint8Array>();

  constructor(image: BlockSource, blockSize: number, copies: CopyMap) {
    this.size = image.size;
    this.blockSize = blockSize;
    this.#image = image;
    this.#copies = copies;
  }

  /** Blocks held in memory. */
  get writtenBlocks(): number {
    return this.#written.size;
  }

  /** The blocks that have something over them, some of them twice. */
  *blocks(): Iterable<number> {
    yield* this.#written.keys();
    yield* this.#copies.keys();
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    const end = Math.min(position + length, this.size);
    let at = position;
    while (at < end) {
      // Each turn reads at least one byte of what is left, or stops at a short read.
      const block = Math.floor(at / this.blockSize);
      const within = at - block * this.blockSize;
      const part = Math.min(this.blockSize - within, end - at);
      const count = this.#isOver(block)
        ? this.#readOver(block, within, part, target, targetOffset + at - position)
        : this.#image.read(target, targetOffset + at - position, this.#plainRun(at, end), at);
      if (count === 0) break;
      at += count;
    }
    return Math.max(0, at - position);
  }

  /** A private copy of a block's bytes as they are now. @throws CorruptError outside the image */
  copyOf(block: number): Uint8Array {
    const bytes = new Uint8Array(this.blockSize);
    const position = block * this.blockSize;
    if (!(block >= 0) || this.read(bytes, 0, bytes.length, position) !== bytes.length) {
      throw new CorruptError('block-outside', {block});
    }
    return bytes;
  }

  /** Lays `bytes`, one block, over the image; they belong to the overlay from now on. */
  write(block: number, bytes: Uint8Array): void {
    if (bytes.length !== this.blockSize) throw new RangeError(`a block has ${this.blockSize} bytes`);
    this.#written.set(block, bytes);
  }

  #isOver(block: number): boolean {
    return this.#written.has(block) || this.#copies.get(block) !== undefined;
  }

  #readOver(block: number, within: number, length: number, target: Uint8Array, offset: number): number {
    const written = this.#written.get(block);
    if (written !== undefined) {
      target.set(written.subarray(within, within + length), offset);
      return length;
    }
    const copy = this.#copies.get(block)!; // #isOver said so
    const count = this.#image.read(target, offset, length, copy.block * this.blockSize + within);
    if (copy.escaped) {
      for (let i = within; i < 4 && i - within < count; i++) {
        target[offset + i - within] = (JOURNAL_MAGIC >>> (24 - 8 * i)) & 0xff;
      }
    }
    return count;
  }

  /** Bytes from `at` up to the next block that has something over it, at most up to `end`. */
  #plainRun(at: number, end: number): number {
    let block = Math.floor(at / this.blockSize) + 1;
    if (this.#written.size === 0 && this.#copies.size === 0) return end - at;
    while (block * this.blockSize < end && !this.#isOver(block)) block++;
    return Math.min(block * this.blockSize, end) - at;
  }
}
