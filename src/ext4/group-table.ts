import {CorruptError} from './errors.js';
import {GenerationCache} from './generation-cache.js';
import {decodeGroupDescriptor, descriptorPlace, type GroupDescriptor} from './group-descriptor.js';
import type {Superblock} from './superblock.js';
import type {DiskBlock, GroupNumber} from './units.js';

/** Decoded descriptors kept at most. */
const CACHED_DESCRIPTORS = 4096;

/** The four numbers of a descriptor that sums over all groups need. */
export interface RawGroup {
  group: number;
  blockBitmap: number;
  inodeBitmap: number;
  inodeTable: number;
  freeClusters: number;
  freeInodes: number;
}

/** The group descriptors of a file system. */
export class GroupTable {
  readonly #superblock: Superblock;
  readonly #block: (block: DiskBlock) => Uint8Array;
  readonly #cache = new GenerationCache<GroupDescriptor>(CACHED_DESCRIPTORS);

  /** @param block reads a metadata block; throws CorruptError outside the file system. */
  constructor(superblock: Superblock, block: (block: DiskBlock) => Uint8Array) {
    this.#superblock = superblock;
    this.#block = block;
  }

  /**
   * A checked descriptor.
   * @throws ChecksumError, CorruptError `group-…`; CorruptError `group-number` when there is no such group.
   */
  get(group: GroupNumber): GroupDescriptor {
    const known = this.#cache.get(group);
    if (known !== undefined) return known;
    if (!(group >= 0 && group < this.#superblock.groupCount)) throw new CorruptError('group-number', {group});
    const {block, offset} = descriptorPlace(this.#superblock, group);
    const descriptor = decodeGroupDescriptor(this.#superblock, group, this.#block(block), offset);
    this.#cache.set(group, descriptor);
    return descriptor;
  }

  /**
   * Calls `visit` for each group in order, unchecked: a group whose checksum is wrong still counts in sums, as in
   * the kernel. The object given is the same each time.
   */
  each(visit: (raw: RawGroup) => void): void {
    const {groupCount, descriptorsPerBlock, descriptorSize, features} = this.#superblock;
    const raw: RawGroup = {
      group: 0,
      blockBitmap: 0,
      inodeBitmap: 0,
      inodeTable: 0,
      freeClusters: 0,
      freeInodes: 0,
    };
    for (let first = 0; first < groupCount; first += descriptorsPerBlock) {
      const bytes = this.#block(descriptorPlace(this.#superblock, first).block);
      const d = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const last = Math.min(first + descriptorsPerBlock, groupCount);
      for (let group = first, at = 0; group < last; group++, at += descriptorSize) {
        raw.group = group;
        raw.blockBitmap = d.getUint32(at, true);
        raw.inodeBitmap = d.getUint32(at + 0x4, true);
        raw.inodeTable = d.getUint32(at + 0x8, true);
        raw.freeClusters = d.getUint16(at + 0xc, true);
        raw.freeInodes = d.getUint16(at + 0xe, true);
        if (features.bit64) {
          raw.blockBitmap += d.getUint32(at + 0x20, true) * 2 ** 32;
          raw.inodeBitmap += d.getUint32(at + 0x24, true) * 2 ** 32;
          raw.inodeTable += d.getUint32(at + 0x28, true) * 2 ** 32;
          raw.freeClusters += d.getUint16(at + 0x2c, true) * 2 ** 16;
          raw.freeInodes += d.getUint16(at + 0x2e, true) * 2 ** 16;
        }
        visit(raw);
      }
    }
  }
}
