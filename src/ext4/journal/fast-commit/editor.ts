import {viewOf} from '../../../wire/index.js';
import {crc32c, crc32cLe32, crc32cZeros} from '../../checksum.js';
import {CorruptError, Ext4Error, UnsupportedError} from '../../errors.js';
import {
  descriptorChecksum,
  descriptorPlace,
  type GroupDescriptor,
  groupDescriptorBlocks,
  groupHasSuper,
} from '../../group-descriptor.js';
import type {Inode} from '../../inode.js';
import {ReplayImage} from '../image.js';

/** bg_flags: nothing of the group's inodes, or of its blocks, was ever used. */
const INODE_UNINIT = 1;
const BLOCK_UNINIT = 2;

/** Byte offsets of fields of struct ext4_group_desc: low half and, in descriptors of 64 bytes and more, high half. */
const GD = {
  freeClusters: [0x0c, 0x2c],
  freeInodes: [0x0e, 0x2e],
  usedDirectories: [0x10, 0x30],
  flags: [0x12, undefined],
  blockBitmapChecksum: [0x18, 0x38],
  inodeBitmapChecksum: [0x1a, 0x3a],
  unusedInodes: [0x1c, 0x32],
} as const;
const GD_CHECKSUM = 0x1e;

type ChangeField = (field: keyof typeof GD, change: (value: number) => number) => void;

/** Changes the file system's metadata in memory while fast commits are replayed. */
export class ImageEditor extends ReplayImage {
  /** Groups with room that were looked through; allocation goes on from here. */
  #searchGroup = 0;
  #searchBit = 0;

  /** Writes a whole inode, with its checksum. @param raw inodeSize bytes; its checksum fields are set */
  writeInode(ino: number, raw: Uint8Array): void {
    this.#setInodeChecksum(ino, raw);
    const {block, offset} = this.inodePlace(ino);
    const table = this.block(block);
    table.set(raw, offset);
    this.overlay.write(block, table);
  }

  /** The bytes of an inode as they are, used or not; a private copy. */
  rawInode(ino: number): Uint8Array {
    const {block, offset} = this.inodePlace(ino);
    return this.block(block).slice(offset, offset + this.superblock.inodeSize);
  }

  /** An inode in use, undefined for one that is free, deleted or damaged. */
  liveInode(ino: number): Inode | undefined {
    try {
      const inode = this.inode(ino);
      return inode.links === 0 || inode.mode === 0 ? undefined : inode;
    } catch (error) {
      if (error instanceof Ext4Error) return undefined;
      throw error;
    }
  }

  /** Changes an inode's bytes in place. */
  editInode(ino: number, edit: (view: DataView) => void): void {
    const raw = this.rawInode(ino);
    edit(viewOf(raw));
    this.writeInode(ino, raw);
  }

  /** Marks an inode as used; counts it when it was not. */
  useInode(ino: number): void {
    this.#setInodeBit(ino, true, false);
  }

  /** Marks an inode as free. */
  freeInode(ino: number, directory: boolean): void {
    this.#setInodeBit(ino, false, directory);
  }

  #setInodeBit(ino: number, used: boolean, directory: boolean): void {
    const {inodesPerGroup, blockSize, features} = this.superblock;
    const {group, index} = this.inodePlace(ino);
    const {inodeBitmap, flags, unusedInodes} = this.descriptor(group);
    const never = (flags & INODE_UNINIT) !== 0;
    const bitmap = never ? new Uint8Array(blockSize) : this.block(inodeBitmap);
    if (never) for (let bit = inodesPerGroup; bit < blockSize * 8; bit++) setBit(bitmap, bit, true);
    // index is below inodesPerGroup, which one block of bits covers.
    if (getBit(bitmap, index) === used) return;
    setBit(bitmap, index, used);
    this.overlay.write(inodeBitmap, bitmap);
    this.#editDescriptor(group, (field) => {
      field('freeInodes', (free) => free + (used ? -1 : 1));
      if (directory) field('usedDirectories', (count) => count - 1);
      if (used && (features.gdtCsum || features.metadataCsum)) {
        field('flags', (value) => value & ~INODE_UNINIT);
        const free = never ? 0 : inodesPerGroup - unusedInodes;
        if (index >= free) field('unusedInodes', () => inodesPerGroup - index - 1);
      }
      if (features.metadataCsum) {
        const checksum = crc32c(this.superblock.checksumSeed, bitmap, 0, inodesPerGroup / 8);
        field('inodeBitmapChecksum', () => checksum);
      }
    });
  }

  /**
   * A block that is free, not given out before and not in `taken`. It is marked as used in the end, by `markClusters`.
   * @param taken whether a cluster, counted from the first data block, is meant for something else
   * @throws UnsupportedError when the file system is full
   */
  allocate(taken: (cluster: number) => boolean): number {
    const {groupCount, clustersPerGroup, clusterBits, firstDataBlock} = this.superblock;
    for (; this.#searchGroup < groupCount; this.#searchGroup++, this.#searchBit = 0) {
      const descriptor = this.descriptor(this.#searchGroup);
      if (descriptor.freeClusters === 0) continue;
      const bitmap = this.#blockBitmap(descriptor);
      while (this.#searchBit < clustersPerGroup) {
        const bit = this.#searchBit++;
        if (getBit(bitmap, bit)) continue;
        const cluster = this.#searchGroup * clustersPerGroup + bit;
        const block = firstDataBlock + cluster * 2 ** clusterBits;
        if (this.has(block, 2 ** clusterBits) && !taken(cluster)) return block;
      }
    }
    throw new UnsupportedError('fast-commit-no-space');
  }

  /**
   * Marks a range of clusters as used or free, and counts those that were not so already.
   * @param first cluster, counted from the first data block; the range lies inside the file system
   */
  markClusters(first: number, count: number, used: boolean): void {
    const {clustersPerGroup, features, checksumSeed} = this.superblock;
    const end = first + count;
    for (let at = first; at < end; ) {
      const group = Math.floor(at / clustersPerGroup);
      const groupEnd = Math.min(end, (group + 1) * clustersPerGroup);
      const descriptor = this.descriptor(group);
      const bitmap = this.#blockBitmap(descriptor);
      let changed = 0;
      for (; at < groupEnd; at++) {
        const bit = at - group * clustersPerGroup;
        if (getBit(bitmap, bit) === used) continue;
        setBit(bitmap, bit, used);
        changed++;
      }
      if (changed === 0) continue;
      this.overlay.write(descriptor.blockBitmap, bitmap);
      this.#editDescriptor(group, (field) => {
        if (features.gdtCsum || features.metadataCsum) field('flags', (value) => value & ~BLOCK_UNINIT);
        field('freeClusters', (free) => free + (used ? -changed : changed));
        if (features.metadataCsum) {
          const checksum = crc32c(checksumSeed, bitmap, 0, clustersPerGroup / 8);
          field('blockBitmapChecksum', () => checksum);
        }
      });
    }
  }

  /** A group's block bitmap; one that was never written has the group's own metadata in it and its end. */
  #blockBitmap(descriptor: GroupDescriptor): Uint8Array {
    if ((descriptor.flags & BLOCK_UNINIT) === 0) return this.block(descriptor.blockBitmap);
    const {superblock} = this;
    const {group} = descriptor;
    const bitmap = new Uint8Array(superblock.blockSize);
    const first = superblock.firstDataBlock + group * superblock.blocksPerGroup;
    const size = 2 ** superblock.clusterBits;
    const mark = (block: number, count: number): void => {
      for (let at = block; at < block + count; at++) {
        const bit = Math.floor((at - first) / size);
        if (bit >= 0 && bit < superblock.clustersPerGroup) setBit(bitmap, bit, true);
      }
    };
    const copies = groupHasSuper(superblock, group) ? 1 + superblock.reservedDescriptorBlocks : 0;
    mark(first, copies + groupDescriptorBlocks(superblock, group));
    mark(descriptor.blockBitmap, 1);
    mark(descriptor.inodeBitmap, 1);
    mark(descriptor.inodeTable, superblock.inodeTableBlocks);
    const clusters = Math.ceil((superblock.blocksCount - first) / size);
    const end = Math.min(clusters, superblock.clustersPerGroup);
    for (let bit = end; bit < superblock.blockSize * 8; bit++) setBit(bitmap, bit, true);
    return bitmap;
  }

  #editDescriptor(group: number, edit: (field: ChangeField) => void): void {
    const {features, descriptorSize} = this.superblock;
    const place = descriptorPlace(this.superblock, group);
    const bytes = this.overlay.copyOf(place.block);
    const view = new DataView(bytes.buffer, place.offset, descriptorSize);
    edit((field, change) => {
      const [low, high] = GD[field];
      const wide = features.bit64 && high !== undefined;
      const value = change(view.getUint16(low, true) + (wide ? view.getUint16(high, true) * 2 ** 16 : 0));
      if (value < 0) throw new CorruptError('group-count', {group, field});
      view.setUint16(low, value & 0xffff, true);
      if (wide) view.setUint16(high, (value >>> 16) & 0xffff, true);
    });
    const checksum = descriptorChecksum(this.superblock, group, bytes, place.offset);
    if (checksum !== undefined) view.setUint16(GD_CHECKSUM, checksum, true);
    this.overlay.write(place.block, bytes);
  }

  #setInodeChecksum(ino: number, raw: Uint8Array): void {
    const {features, checksumSeed, inodeSize} = this.superblock;
    if (!features.metadataCsum) return;
    const view = viewOf(raw);
    const extra = inodeSize > 128 ? view.getUint16(0x80, true) : 0;
    let crc = crc32cLe32(crc32cLe32(checksumSeed, ino), view.getUint32(0x64, true));
    crc = crc32cZeros(crc32c(crc, raw, 0, 0x7c), 2);
    crc = crc32c(crc, raw, 0x7e, 128);
    if (inodeSize > 128) {
      crc = crc32c(crc, raw, 128, 0x82);
      const wide = extra >= 4;
      if (wide) crc = crc32cZeros(crc, 2);
      crc = crc32c(crc, raw, wide ? 0x84 : 0x82, inodeSize);
      if (wide) view.setUint16(0x82, crc >>> 16, true);
    }
    view.setUint16(0x7c, crc & 0xffff, true);
  }
}

function getBit(bitmap: Uint8Array, bit: number): boolean {
  return ((bitmap[bit >>> 3]! >>> (bit & 7)) & 1) === 1; // callers bound the bit by the bitmap
}

function setBit(bitmap: Uint8Array, bit: number, value: boolean): void {
  const mask = 1 << (bit & 7);
  bitmap[bit >>> 3] = value ? bitmap[bit >>> 3]! | mask : bitmap[bit >>> 3]! & ~mask;
}
