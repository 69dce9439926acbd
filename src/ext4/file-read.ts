import type {BlockSource} from '../block/source.js';
import {Ext4Error} from './errors.js';
import type {Inode} from './inode.js';
import {newFileRange, RANGE, type RangeMapper} from './map-range.js';

/**
 * Reads file content through the block map: straight from the source into the caller's buffer, neighbours on disk
 * in one read, holes and unwritten extents as zeros. Nothing is allocated per call.
 */
export class FileReader {
  readonly #source: BlockSource;
  readonly #mapper: RangeMapper;
  readonly #range = newFileRange();

  constructor(source: BlockSource, mapper: RangeMapper) {
    this.#source = source;
    this.#mapper = mapper;
  }

  /**
   * Up to `length` bytes from `position` on, not beyond i_size.
   * @param position 0 or more. @param target holds `targetOffset + length` bytes.
   * @returns how many bytes were put at `targetOffset`; 0 at or after the end.
   * @throws CorruptError, ChecksumError from the map; Ext4Error EIO `data-missing` where the source is shorter than
   * when it was opened; what the source throws.
   */
  read(inode: Inode, position: number, target: Uint8Array, targetOffset: number, length: number): number {
    const total = Math.min(length, inode.size - position);
    if (!(total > 0)) return 0;
    const range = this.#range;
    // Ends: a range has at least one byte, so `done` grows.
    for (let done = 0; done < total; done += range.length) {
      this.#mapper.mapRange(inode, position + done, total - done, 'asked', range);
      const at = targetOffset + done;
      if (range.kind === RANGE.written) this.#fetch(target, at, range.length, range.address);
      else target.fill(0, at, at + range.length);
    }
    return total;
  }

  #fetch(target: Uint8Array, offset: number, length: number, position: number): void {
    const count = this.#source.read(target, offset, length, position);
    if (count !== length) throw new Ext4Error('EIO', 'data-missing', {position, length, count});
  }
}
