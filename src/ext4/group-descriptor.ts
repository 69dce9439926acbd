import {CRC_START, crc16, crc32c, crc32cLe16, crc32cLe32} from './checksum.js';
import {ChecksumError, CorruptError} from './errors.js';
import type {Superblock} from './superblock.js';
import type {DiskBlock, GroupNumber} from './units.js';

/** bg_flags: the inode table and its bitmap were never written; no inode is in use. */
export const BG_INODE_UNINIT = 0x1;
/** bg_flags: the block bitmap was never written; only the group's own metadata is in use. */
export const BG_BLOCK_UNINIT = 0x2;
/** bg_flags: the inode table was zeroed. */
export const BG_INODE_ZEROED = 0x4;

/** A block group's entry in the descriptor table (struct ext4_group_desc). */
export interface GroupDescriptor {
  readonly group: GroupNumber;
  readonly blockBitmap: DiskBlock;
  readonly inodeBitmap: DiskBlock;
  /** First block of the inode table; the whole table lies inside the file system. */
  readonly inodeTable: DiskBlock;
  readonly freeClusters: number;
  readonly freeInodes: number;
  readonly usedDirectories: number;
  /** Inodes at the end of the table that were never used. */
  readonly unusedInodes: number;
  /** bg_flags; 0 without uninit_bg and metadata_csum. */
  readonly flags: number;
}

const CHECKSUM_AT = 0x1e;

/** Where a group's descriptor lies: block of the file system and byte in it. */
export function descriptorPlace(superblock: Superblock, group: number): {block: DiskBlock; offset: number} {
  const index = Math.floor(group / superblock.descriptorsPerBlock);
  const offset = (group % superblock.descriptorsPerBlock) * superblock.descriptorSize;
  return {block: descriptorBlock(superblock, index), offset};
}

/** Block that holds the descriptor table's block `index` (the kernel's descriptor_loc). */
function descriptorBlock(superblock: Superblock, index: number): DiskBlock {
  const {features, firstDataBlock, blockSize} = superblock;
  // The superblock is in block 0 unless blocks are 1 KiB, where it is in block 1 also when clusters begin at 0.
  const superblockBlock = blockSize === 1024 ? 1 : 0;
  if (!features.metaBg || index < superblock.firstMetaGroup) {
    return (superblockBlock + 1 + index) as DiskBlock;
  }
  const group = index * superblock.descriptorsPerBlock;
  let hasSuper = groupHasSuper(superblock, group) ? 1 : 0;
  // With 1 KiB clusters from block 0 on, group 0's superblock is in its block 1.
  if (blockSize === 1024 && index === 0 && firstDataBlock === 0) hasSuper++;
  return (group * superblock.blocksPerGroup + firstDataBlock + hasSuper) as DiskBlock;
}

/** Whether a group begins with a copy of the superblock (ext4_bg_has_super). */
export function groupHasSuper(superblock: Superblock, group: number): boolean {
  const {features, backupGroups} = superblock;
  if (group === 0) return true;
  if (features.sparseSuper2) return group === backupGroups[0] || group === backupGroups[1];
  if (group <= 1 || !features.sparseSuper) return true;
  if ((group & 1) === 0) return false;
  return isPowerOf(group, 3) || isPowerOf(group, 5) || isPowerOf(group, 7);
}

function isPowerOf(value: number, base: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}

/** Blocks of the descriptor table that a group holds, reserved ones not counted (ext4_bg_num_gdb). */
export function groupDescriptorBlocks(superblock: Superblock, group: number): number {
  const {features, firstMetaGroup, descriptorsPerBlock} = superblock;
  const metaGroup = Math.floor(group / descriptorsPerBlock);
  if (!features.metaBg || metaGroup < firstMetaGroup) {
    if (!groupHasSuper(superblock, group)) return 0;
    return features.metaBg ? firstMetaGroup : superblock.descriptorBlocks;
  }
  const first = metaGroup * descriptorsPerBlock;
  const last = first + descriptorsPerBlock - 1;
  return group === first || group === first + 1 || group === last ? 1 : 0;
}

/**
 * Checks and decodes one descriptor.
 * @param bytes `superblock.descriptorSize` bytes from `offset` on are inside.
 * @throws ChecksumError `group-checksum`, CorruptError `group-block-bitmap`, `group-inode-bitmap`, `group-inode-table`.
 */
export function decodeGroupDescriptor(
  superblock: Superblock,
  group: GroupNumber,
  bytes: Uint8Array,
  offset: number,
): GroupDescriptor {
  const {features, descriptorSize} = superblock;
  const d = new DataView(bytes.buffer, bytes.byteOffset + offset, descriptorSize);
  const computed = descriptorChecksum(superblock, group, bytes, offset);
  const bg_checksum = d.getUint16(CHECKSUM_AT, true);
  if (computed !== undefined && computed !== bg_checksum) {
    throw new ChecksumError('group-checksum', {group, stored: bg_checksum, computed});
  }
  const wide = features.bit64;
  const high32 = (at: number): number => (wide ? d.getUint32(at, true) * 2 ** 32 : 0);
  const high16 = (at: number): number => (wide ? d.getUint16(at, true) * 2 ** 16 : 0);
  const blockBitmap = d.getUint32(0x0, true) + high32(0x20);
  const inodeBitmap = d.getUint32(0x4, true) + high32(0x24);
  const inodeTable = d.getUint32(0x8, true) + high32(0x28);

  // flex_bg lets a group's metadata lie anywhere; without it, inside the group.
  let first = superblock.firstDataBlock;
  let last = superblock.blocksCount - 1;
  if (!features.flexBg) {
    first += group * superblock.blocksPerGroup;
    last = Math.min(last, first + superblock.blocksPerGroup - 1);
  }
  if (blockBitmap < first || blockBitmap > last) {
    throw new CorruptError('group-block-bitmap', {group, block: blockBitmap});
  }
  if (inodeBitmap < first || inodeBitmap > last) {
    throw new CorruptError('group-inode-bitmap', {group, block: inodeBitmap});
  }
  if (inodeTable < first || inodeTable + superblock.inodeTableBlocks - 1 > last) {
    throw new CorruptError('group-inode-table', {group, block: inodeTable});
  }
  return {
    group,
    blockBitmap: blockBitmap as DiskBlock,
    inodeBitmap: inodeBitmap as DiskBlock,
    inodeTable: inodeTable as DiskBlock,
    freeClusters: d.getUint16(0xc, true) + high16(0x2c),
    freeInodes: d.getUint16(0xe, true) + high16(0x2e),
    usedDirectories: d.getUint16(0x10, true) + high16(0x30),
    unusedInodes: d.getUint16(0x1c, true) + high16(0x32),
    flags: features.gdtCsum || features.metadataCsum ? d.getUint16(0x12, true) : 0,
  };
}

/** The 16 bits that bg_checksum should hold; undefined without uninit_bg and metadata_csum (ext4_group_desc_csum). */
export function descriptorChecksum(
  superblock: Superblock,
  group: number,
  bytes: Uint8Array,
  offset: number,
): number | undefined {
  const {features, descriptorSize} = superblock;
  if (features.metadataCsum) {
    let crc = crc32cLe32(superblock.checksumSeed, group);
    crc = crc32c(crc, bytes, offset, offset + CHECKSUM_AT);
    crc = crc32cLe16(crc, 0);
    return crc32c(crc, bytes, offset + CHECKSUM_AT + 2, offset + descriptorSize) & 0xffff;
  }
  if (!features.gdtCsum) return undefined;
  let crc = crc16(CRC_START, superblock.uuid);
  const number = Uint8Array.of(group, group >>> 8, group >>> 16, group >>> 24);
  crc = crc16(crc, number);
  crc = crc16(crc, bytes, offset, offset + CHECKSUM_AT);
  if (!features.bit64 || descriptorSize === CHECKSUM_AT + 2) return crc;
  return crc16(crc, bytes, offset + CHECKSUM_AT + 2, offset + descriptorSize);
}
