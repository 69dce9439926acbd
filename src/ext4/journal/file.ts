import type {BlockSource} from '../../block/index.js';
import {CorruptError} from '../errors.js';

/** The blocks of a journal that lies in a file of the file system, counted from its start. */
export class JournalFile {
  readonly blockSize: number;
  /** Blocks. */
  readonly length: number;
  readonly #source: BlockSource;
  readonly #map: (index: number) => number;

  /** @param map block of the image for a block of the journal, 0 for a hole */
  constructor(source: BlockSource, blockSize: number, length: number, map: (index: number) => number) {
    this.blockSize = blockSize;
    this.length = length;
    this.#source = source;
    this.#map = map;
  }

  /** Block of the image that holds a block of the journal. @throws CorruptError for a hole or beyond the end */
  locate(index: number): number {
    if (index >= this.length) throw new CorruptError('journal-block-beyond', {index, length: this.length});
    const block = this.#map(index);
    if (block === 0) throw new CorruptError('journal-hole', {index});
    return block;
  }

  /** A new buffer with a block of the journal. @throws CorruptError as `locate`, or where the image ends */
  read(index: number): Uint8Array {
    const bytes = new Uint8Array(this.blockSize);
    const block = this.locate(index);
    if (this.#source.read(bytes, 0, bytes.length, block * this.blockSize) !== bytes.length) {
      throw new CorruptError('journal-block-outside', {index, block});
    }
    return bytes;
  }
}
