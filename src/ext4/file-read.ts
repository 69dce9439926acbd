import type {BlockSource} from '../block/source.js';
import type {BlockMap, Run} from './block-map.js';
import {Ext4Error} from './errors.js';
import type {Inode} from './inode.js';
import {RUN} from './map-node.js';

/**
 * Reads file content through the block map: straight from the source into the caller's buffer, neighbours on disk
 * in one read, holes and unwritten extents as zeros. Nothing is allocated per call.
 */
export class FileReader {
  readonly #source: BlockSource;
  readonly #map: BlockMap;
  readonly #blockSize: number;
  readonly #run: Run = {state: RUN.hole, physical: 0, length: 0};

  constructor(source: BlockSource, map: BlockMap, blockSize: number) {
    this.#source = source;
    this.#map = map;
    this.#blockSize = blockSize;
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
    const run = this.#run;
    const blockSize = this.#blockSize;
    let done = 0;
    // Bytes found and not yet read; they end at `done`.
    let pending = 0;
    let pendingFrom = 0;
    // Ends: a run has at least one block, so `done` grows.
    while (done < total) {
      const at = position + done;
      const block = Math.floor(at / blockSize);
      const within = at - block * blockSize;
      this.#map.find(inode, block, run);
      const count = Math.min(run.length * blockSize - within, total - done);
      if (run.state === RUN.written) {
        const from = run.physical * blockSize + within;
        if (pending > 0 && from !== pendingFrom + pending) {
          this.#fetch(target, targetOffset + done - pending, pending, pendingFrom);
          pending = 0;
        }
        if (pending === 0) pendingFrom = from;
        pending += count;
      } else {
        if (pending > 0) this.#fetch(target, targetOffset + done - pending, pending, pendingFrom);
        pending = 0;
        target.fill(0, targetOffset + done, targetOffset + done + count);
      }
      done += count;
    }
    if (pending > 0) this.#fetch(target, targetOffset + done - pending, pending, pendingFrom);
    return total;
  }

  #fetch(target: Uint8Array, offset: number, length: number, position: number): void {
    const count = this.#source.read(target, offset, length, position);
    if (count !== length) throw new Ext4Error('EIO', 'data-missing', {position, length, count});
  }
}
