import {CorruptError} from '../errors.js';
import {decodeGroupDescriptor, descriptorPlace, type GroupDescriptor} from '../group-descriptor.js';
import {decodeInode, type Inode} from '../inode.js';
import type {Superblock} from '../superblock.js';
import type {GroupNumber, InodeNumber} from '../units.js';
import type {OverlaySource} from './overlay.js';

/**
 * The file system as it is while its journal is being replayed: nothing is cached, so each look sees what was
 * written just before.
 */
export class ReplayImage {
  readonly overlay: OverlaySource;
  readonly superblock: Superblock;

  constructor(overlay: OverlaySource, superblock: Superblock) {
    this.overlay = overlay;
    this.superblock = superblock;
  }

  /** A private copy of a block. @throws CorruptError for 0 and outside the file system */
  block(block: number): Uint8Array {
    if (!this.has(block, 1)) throw new CorruptError('block-outside', {block});
    return this.overlay.copyOf(block);
  }

  /** Whether `count` blocks from `block` on may belong to a file. */
  has(block: number, count: number): boolean {
    return block > this.superblock.firstDataBlock && block + count <= this.superblock.blocksCount;
  }

  descriptor(group: number): GroupDescriptor {
    const place = descriptorPlace(this.superblock, group);
    const bytes = this.overlay.copyOf(place.block);
    return decodeGroupDescriptor(this.superblock, group as GroupNumber, bytes, place.offset);
  }

  /** Where an inode lies. @throws CorruptError for a number that can't be */
  inodePlace(ino: number): {group: number; index: number; block: number; offset: number} {
    const {inodesCount, inodesPerGroup, inodesPerBlock, inodeSize} = this.superblock;
    if (ino < 1 || ino > inodesCount) throw new CorruptError('inode-number', {ino, inodesCount});
    const group = Math.floor((ino - 1) / inodesPerGroup);
    const index = (ino - 1) % inodesPerGroup;
    const table = this.descriptor(group).inodeTable;
    return {
      group,
      index,
      block: table + Math.floor(index / inodesPerBlock),
      offset: (index % inodesPerBlock) * inodeSize,
    };
  }

  /** @throws CorruptError, ChecksumError */
  inode(ino: number): Inode {
    const {block, offset} = this.inodePlace(ino);
    const raw = this.block(block).subarray(offset, offset + this.superblock.inodeSize);
    return decodeInode(this.superblock, ino as InodeNumber, raw);
  }
}
