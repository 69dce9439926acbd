import {crc32c, crc32cZeros} from './checksum.js';
import {recLen} from './dir-block.js';
import {ChecksumError} from './errors.js';
import {le16, le32} from './little-endian.js';
import type {InodeNumber} from './units.js';

/*
 * The index of a directory hides in blocks that look like directory blocks to those who know no index.
 *
 *   root (block 0)                         node
 *    0  entry `.`, rec_len 12               0  unused entry, rec_len the whole block
 *   12  entry `..`, rec_len the rest
 *   24  reserved_zero u32
 *   28  hash_version u8
 *   29  info_length u8, 8
 *   30  indirect_levels u8
 *   31  unused_flags u8
 *   32  table                               8  table
 *
 * A table has 8-byte slots: hash u32, block u32. The hash of the first is not used (all below the second belong
 * to it) and its place holds limit u16, count u16. With metadata_csum, 8 bytes after the last possible slot end
 * with a checksum (struct dx_tail).
 */
const ROOT_INFO = 24;
const NODE_TABLE = 8;
const ROOT_TABLE = 32;
const SLOT_SIZE = 8;
const TAIL_SIZE = 8;
/** The upper four bits of a block number are kept for other uses (dx_get_block). */
const BLOCK_MASK = 0x0fffffff;

/** What the root says about the whole index. */
export interface RootInfo {
  readonly hashVersion: number;
  /** Levels of nodes between root and leaves. */
  readonly indirectLevels: number;
  readonly flags: number;
  /** Offset of the root's table. */
  readonly table: number;
}

/** Decodes the root, a whole block. Nothing is checked yet. */
export function decodeRoot(block: Uint8Array): RootInfo {
  const hash_version = block[ROOT_INFO + 4]!;
  const info_length = block[ROOT_INFO + 5]!;
  const indirect_levels = block[ROOT_INFO + 6]!;
  const unused_flags = block[ROOT_INFO + 7]!;
  return {
    hashVersion: hash_version,
    indirectLevels: indirect_levels,
    flags: unused_flags,
    table: ROOT_INFO + info_length,
  };
}

/** Offset of a node's table. */
export const NODE_TABLE_OFFSET = NODE_TABLE;

/** Slots in use, the first included; 0 when the table can't be: other limit than the block's size gives. */
export function tableCount(block: Uint8Array, table: number, checksummed: boolean, reserved: number): number {
  const limit = le16(block, table);
  const count = le16(block, table + 2);
  const room = block.length - reserved - (checksummed ? TAIL_SIZE : 0);
  if (limit !== Math.floor(room / SLOT_SIZE)) return 0;
  return count > limit ? 0 : count;
}

/** Hash that a slot begins with; 0 for the first. */
export function slotHash(block: Uint8Array, table: number, slot: number): number {
  return slot === 0 ? 0 : le32(block, table + slot * SLOT_SIZE);
}

/** Block of the directory that a slot leads to. */
export function slotBlock(block: Uint8Array, table: number, slot: number): number {
  return le32(block, table + slot * SLOT_SIZE + 4) & BLOCK_MASK;
}

/** Whether a block, not the first of its directory, is laid out like a node of an index. */
export function isIndexBlock(block: Uint8Array): boolean {
  return le32(block, 0) === 0 && recLen(block, 0, block.length) === block.length;
}

const verified = new WeakMap<Uint8Array, number>();

/**
 * Verifies the checksum of an index block, root or node (ext4_dx_csum_verify).
 * @param seed the directory inode's checksum seed.
 * @throws ChecksumError `htree-checksum-missing` or `htree-checksum`.
 */
export function verifyIndex(ino: InodeNumber, seed: number, block: Uint8Array): void {
  if (verified.get(block) === seed) return;
  const table = checksummedTable(block);
  const limit = table === 0 ? 0 : le16(block, table);
  const count = table === 0 ? 0 : le16(block, table + 2);
  const tail = table + limit * SLOT_SIZE;
  if (table === 0 || tail + TAIL_SIZE > block.length || count > limit) {
    throw new ChecksumError('htree-checksum-missing', {ino, limit, count});
  }
  const stored = le32(block, tail + 4);
  let computed = crc32c(seed, block, 0, table + count * SLOT_SIZE);
  computed = crc32cZeros(crc32c(computed, block, tail, tail + 4), 4);
  if (stored !== computed) throw new ChecksumError('htree-checksum', {ino, stored, computed});
  verified.set(block, seed);
}

/** Offset of the table as the checksum knows it (get_dx_countlimit); 0 when the block is no index block. */
function checksummedTable(block: Uint8Array): number {
  const first = recLen(block, 0, block.length);
  if (first === block.length) return NODE_TABLE;
  if (first !== 12 || recLen(block, 12, block.length) !== block.length - 12) return 0;
  if (le32(block, ROOT_INFO) !== 0 || block[ROOT_INFO + 5] !== 8) return 0;
  return ROOT_TABLE;
}
