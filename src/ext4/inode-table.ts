import {viewOf} from '../wire/index.js';
import {CorruptError} from './errors.js';
import type {GroupTable} from './group-table.js';
import type {Superblock} from './superblock.js';
import type {DiskBlock, GroupNumber, InodeNumber} from './units.js';

const NO_BYTES = new Uint8Array(0);
const NOWHERE = -1;

/** Where an inode lies in memory. */
export interface InodePlace {
  /** The block of the inode table, not to be written to, and a view on it. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** First byte of the inode. */
  readonly at: number;
}

/**
 * Finds inodes in the inode tables of the groups. It remembers the block that it came to last: neighbours in a directory are mostly
 * neighbours in the table.
 */
export class InodeTable {
  readonly #superblock: Superblock;
  readonly #groups: GroupTable;
  readonly #block: (block: DiskBlock) => Uint8Array;
  readonly #place: {bytes: Uint8Array; view: DataView; at: number} = {
    bytes: NO_BYTES,
    view: viewOf(NO_BYTES),
    at: 0,
  };
  /** Inodes of the block that is remembered: the first, and one past the last. */
  #first = NOWHERE;
  #end = NOWHERE;

  /** @param block reads a metadata block; throws CorruptError outside the file system. */
  constructor(superblock: Superblock, groups: GroupTable, block: (block: DiskBlock) => Uint8Array) {
    this.#superblock = superblock;
    this.#groups = groups;
    this.#block = block;
  }

  /**
   * Where an inode lies. The object given is the same each time.
   * @throws CorruptError `inode-number` for 0 or above s_inodes_count; what reading the group's descriptor and the block throws.
   */
  find(ino: InodeNumber): InodePlace {
    const place = this.#place;
    if (!(ino >= this.#first && ino < this.#end)) this.#load(ino);
    place.at = (ino - this.#first) * this.#superblock.inodeSize;
    return place;
  }

  /** Forgets the block. */
  clear(): void {
    this.#place.bytes = NO_BYTES;
    this.#place.view = viewOf(NO_BYTES);
    this.#first = NOWHERE;
    this.#end = NOWHERE;
  }

  #load(ino: InodeNumber): void {
    const {inodesCount, inodesPerGroup, inodesPerBlock} = this.#superblock;
    if (!(ino >= 1 && ino <= inodesCount)) throw new CorruptError('inode-number', {ino, inodes: inodesCount});
    const group = Math.floor((ino - 1) / inodesPerGroup);
    const index = (ino - 1) % inodesPerGroup;
    const table = this.#groups.get(group as GroupNumber).inodeTable;
    const number = Math.floor(index / inodesPerBlock);
    const bytes = this.#block((table + number) as DiskBlock);
    this.#place.bytes = bytes;
    this.#place.view = viewOf(bytes);
    this.#first = group * inodesPerGroup + number * inodesPerBlock + 1;
    // Neither past the group, whose last block need not be full, nor past the last inode of all.
    const inBlock = Math.min(inodesPerBlock, inodesPerGroup - number * inodesPerBlock);
    this.#end = Math.min(this.#first + inBlock, inodesCount + 1);
  }
}
