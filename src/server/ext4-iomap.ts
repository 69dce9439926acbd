import type {CacheCounters} from '../block/index.js';
import {type Inode, newFileRange, RANGE, type Volume} from '../ext4/index.js';
import {failure} from '../fuse/index.js';
import {type IomapKernel, type IomapVolume, MAPPING, MappingCache, type MappingPair} from '../iomap/index.js';

/** Bytes of mappings kept at most: 120,000 of them, 30,000 of one file. */
const CACHE_BYTES = 4 << 20;

/**
 * Tells a kernel that reads by itself where the files of an ext4 volume lie. Files that it must not read so are left to READ:
 * encrypted ones, and those of which the journal holds something newer than their places do.
 */
export class Ext4Iomap {
  readonly volume: IomapVolume;
  readonly #ext4: Volume;
  readonly #counters: CacheCounters | undefined;
  readonly #range = newFileRange();
  /** Made when iomap begins: on a kernel without it nobody asks. */
  #cache: MappingCache | undefined;
  #attrFlags = 0;

  constructor(ext4: Volume, counters?: CacheCounters) {
    this.#ext4 = ext4;
    this.#counters = counters;
    this.volume = {blockSize: ext4.superblock.blockSize, readOnly: true, uuid: ext4.uuid()};
  }

  /** Iomap begins. */
  start(kernel: IomapKernel): void {
    this.#attrFlags = kernel.attrFlags;
    const counters = this.#counters;
    this.#cache = new MappingCache(
      counters === undefined ? {limit: CACHE_BYTES} : {limit: CACHE_BYTES, counters},
    );
  }

  /** Bits for `attr.flags` of an inode: whether the kernel reads it by itself. The same for as long as the volume is open. */
  attrFlags(inode: Inode): number {
    return this.#attrFlags !== 0 && this.#ext4.mapping.isReadable(inode) ? this.#attrFlags : 0;
  }

  /** See `IomapDriver.mapRange`; reads and reports only. @throws Ext4Error; failure EIO for data that lie in the journal */
  mapRange(inode: Inode, offset: number, length: number, {read}: MappingPair): void {
    if (this.#cache?.get(inode.ino, offset, read) === true) return;
    const range = this.#range;
    const {blockSize} = this.volume;
    this.#ext4.mapping.mapRange(inode, offset, length, 'far', range);
    switch (range.kind) {
      case RANGE.written:
        read.place(MAPPING.MAPPED, range.offset, range.length, range.address);
        break;
      case RANGE.unwritten:
        read.place(MAPPING.UNWRITTEN, range.offset, range.length, range.address);
        break;
      case RANGE.inline:
        // Inline data are less than a block, and a mapping is whole blocks.
        read.set(MAPPING.INLINE, 0, blockSize);
        break;
      case RANGE.hole: {
        // That behind inline data begins with their last byte; the rest of that block reads as zeros, as INLINE as well.
        const start = Math.ceil(range.offset / blockSize) * blockSize;
        if (start > offset) read.set(MAPPING.INLINE, 0, blockSize);
        else read.set(MAPPING.HOLE, start, lengthInBlocks(range.offset + range.length - start, blockSize));
        break;
      }
      default:
        throw failure('EIO');
    }
    this.#cache?.put(inode.ino, read, range.runs);
  }

  /** Forgets what can be asked for again. */
  dropCache(): void {
    this.#cache?.clear();
  }
}

function lengthInBlocks(length: number, blockSize: number): number {
  return length - (length % blockSize);
}
