import {crc32c, crc32cLe32, crc32cZeros} from './checksum.js';
import type {Ext4Context} from './context.js';
import {ChecksumError, CorruptError} from './errors.js';
import type {Inode} from './inode.js';
import {le16, le32} from './little-endian.js';
import {decodeEntries, type XattrArea, type XattrEntry, type XattrRules} from './xattr-entry.js';

/** Magic number of both headers (EXT4_XATTR_MAGIC). */
const MAGIC = 0xea020000;
const GOOD_OLD_INODE_SIZE = 128;
/** The header in an inode is its magic number alone. */
const INODE_HEADER_SIZE = 4;
/** The header of a block: h_magic, h_refcount, h_blocks, h_hash, h_checksum, 12 bytes reserved. */
const BLOCK_HEADER_SIZE = 32;
const H_BLOCKS = 8;
const H_CHECKSUM = 16;

/**
 * The attributes stored in the inode itself, after its known fields; none where there is no room or no header.
 * @throws CorruptError `xattr-…`
 */
export function inodeEntries(ctx: Ext4Context, inode: Inode): XattrEntry[] {
  const area = inodeArea(ctx, inode);
  return area === undefined ? [] : decodeEntries(rulesOf(ctx, inode), area);
}

function inodeArea(ctx: Ext4Context, inode: Inode): XattrArea | undefined {
  const {raw} = inode;
  const {inodeSize} = ctx.superblock;
  if (inodeSize <= GOOD_OLD_INODE_SIZE) return undefined;
  // The size on disk counts here: an inode that leaves it 0 never had attributes of its own.
  const i_extra_isize = le16(raw, GOOD_OLD_INODE_SIZE);
  const header = GOOD_OLD_INODE_SIZE + i_extra_isize;
  if (i_extra_isize === 0 || header + INODE_HEADER_SIZE + 4 > inodeSize) return undefined;
  if (le32(raw, header) !== MAGIC) return undefined;
  const first = header + INODE_HEADER_SIZE;
  return {bytes: raw, first, base: first, end: inodeSize};
}

/**
 * The attributes stored in the inode's block of attributes (i_file_acl), which inodes may share.
 * @throws CorruptError `xattr-…`, ChecksumError `xattr-checksum`.
 */
export function blockEntries(ctx: Ext4Context, inode: Inode): XattrEntry[] {
  if (inode.fileAcl === 0) return [];
  const bytes = ctx.block(inode.fileAcl);
  const h_magic = le32(bytes, 0);
  const h_blocks = le32(bytes, H_BLOCKS);
  if (h_magic !== MAGIC || h_blocks !== 1) {
    throw new CorruptError('xattr-header', {ino: inode.ino, block: inode.fileAcl, magic: h_magic});
  }
  if (ctx.superblock.features.metadataCsum) verifyBlock(ctx, inode, bytes);
  return decodeEntries(rulesOf(ctx, inode), {bytes, first: BLOCK_HEADER_SIZE, base: 0, end: bytes.length});
}

/** The block that was found sound last time, by its number. Blocks are never written to. */
const verified = new WeakMap<Uint8Array, number>();

function verifyBlock(ctx: Ext4Context, inode: Inode, bytes: Uint8Array): void {
  const block = inode.fileAcl;
  if (verified.get(bytes) === block) return;
  const stored = le32(bytes, H_CHECKSUM);
  // The number of the block, 64 bits, comes first.
  let computed = crc32cLe32(ctx.checksumSeed, block >>> 0);
  computed = crc32cLe32(computed, Math.floor(block / 2 ** 32));
  computed = crc32c(computed, bytes, 0, H_CHECKSUM);
  computed = crc32cZeros(computed, 4);
  computed = crc32c(computed, bytes, H_CHECKSUM + 4, bytes.length);
  if (stored !== computed) throw new ChecksumError('xattr-checksum', {ino: inode.ino, block});
  verified.set(bytes, block);
}

function rulesOf(ctx: Ext4Context, inode: Inode): XattrRules {
  const {features, firstInode, inodesCount} = ctx.superblock;
  return {ino: inode.ino, eaInodes: features.eaInode, firstInode, inodesCount};
}
