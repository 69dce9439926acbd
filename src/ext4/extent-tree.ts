import {viewOf} from '../wire/index.js';
import {crc32c} from './checksum.js';
import {ChecksumError, CorruptError} from './errors.js';
import type {Inode} from './inode.js';
import {le16, le32} from './little-endian.js';
import {type MapNode, RUN} from './map-node.js';

/** First 12 bytes of each node of an extent tree (struct ext4_extent_header). */
export interface ExtentHeader {
  entries: number;
  capacity: number;
  /** 0 for a leaf. */
  depth: number;
}

/** Bytes of a header, and of each entry after it. */
export const EXTENT_ENTRY_SIZE = 12;
/** EXT4_MAX_EXTENT_DEPTH: no tree with 2^32 file blocks needs more. */
export const MAX_EXTENT_DEPTH = 5;
const EXTENT_MAGIC = 0xf30a;
/** ee_len above this says unwritten, and is by so much too large. */
const MAX_WRITTEN_LENGTH = 32_768;
/** One past the largest file block. */
export const END_OF_MAP = 2 ** 32;

/** Whether blocks may belong to this file: inside the file system and not its metadata. */
export type BlocksAllowed = (ino: number, first: number, count: number) => boolean;

/** @throws CorruptError `extent-node-short`, `extent-magic`, `extent-depth`, `extent-capacity`, `extent-count`. */
export function decodeExtentHeader(node: Uint8Array, ino: number): ExtentHeader {
  checkHeader(node, 0, node.length, ino);
  return {entries: le16(node, 2), capacity: le16(node, 4), depth: le16(node, 6)};
}

function checkHeader(bytes: Uint8Array, at: number, size: number, ino: number): void {
  if (size < EXTENT_ENTRY_SIZE) throw new CorruptError('extent-node-short', {ino, length: size});
  const eh_magic = le16(bytes, at);
  const eh_entries = le16(bytes, at + 2);
  const eh_max = le16(bytes, at + 4);
  const eh_depth = le16(bytes, at + 6);
  if (eh_magic !== EXTENT_MAGIC) throw new CorruptError('extent-magic', {ino, magic: eh_magic});
  if (eh_depth > MAX_EXTENT_DEPTH) throw new CorruptError('extent-depth', {ino, depth: eh_depth});
  const room = Math.floor((size - EXTENT_ENTRY_SIZE) / EXTENT_ENTRY_SIZE);
  if (eh_max === 0 || eh_max > room) throw new CorruptError('extent-capacity', {ino, max: eh_max, room});
  if (eh_entries > eh_max) throw new CorruptError('extent-count', {ino, entries: eh_entries, max: eh_max});
  if (eh_depth > 0 && eh_entries === 0) throw new CorruptError('extent-index-empty', {ino, depth: eh_depth});
}

/**
 * Checks a node: its header, and its entries, which must be in order, apart, not empty, within 32 bits, on blocks that a file may
 * have. What the kernel's __ext4_ext_check checks but for the checksum.
 * @param bytes has the node's `size` bytes from `at` on.
 * @throws CorruptError those of `decodeExtentHeader`; `extent-order`, `extent-length`, `extent-blocks`.
 */
export function checkExtentNode(
  bytes: Uint8Array,
  at: number,
  size: number,
  ino: number,
  allowed: BlocksAllowed,
): void {
  checkHeader(bytes, at, size, ino);
  const entries = le16(bytes, at + 2);
  const leaf = le16(bytes, at + 6) === 0;
  let next = 0;
  for (let i = 0, entry = at + EXTENT_ENTRY_SIZE; i < entries; i++, entry += EXTENT_ENTRY_SIZE) {
    const block = le32(bytes, entry);
    if (block < next) throw new CorruptError('extent-order', {ino, block, next});
    let length = 1;
    let physical: number;
    if (leaf) {
      length = extentLength(le16(bytes, entry + 4));
      if (length === 0 || block + length >= END_OF_MAP) {
        throw new CorruptError('extent-length', {ino, block, length});
      }
      physical = le32(bytes, entry + 8) + le16(bytes, entry + 6) * 2 ** 32;
    } else {
      physical = le32(bytes, entry + 4) + le16(bytes, entry + 8) * 2 ** 32;
    }
    if (!allowed(ino, physical, length)) {
      throw new CorruptError('extent-blocks', {ino, block, physical, length});
    }
    next = block + length;
  }
}

function extentLength(ee_len: number): number {
  return ee_len > MAX_WRITTEN_LENGTH ? ee_len - MAX_WRITTEN_LENGTH : ee_len;
}

/**
 * Decodes and checks the node in an inode's i_block.
 * @throws CorruptError `extent-…`.
 */
export function decodeExtentRoot(inode: Inode, allowed: BlocksAllowed): MapNode {
  const {ino, iBlock} = inode;
  checkExtentNode(iBlock, 0, iBlock.length, ino, allowed);
  return unpack(iBlock, decodeExtentHeader(iBlock, ino), ino, 0, END_OF_MAP);
}

/**
 * Decodes and checks a node in a block of its own.
 * @param level the depth it must have, one less than its parent's; so a walk ends whatever blocks point to.
 * @param first first file block its parent gives it; @param end one past the last.
 * @param sealed whether it ends with a checksum (metadata_csum).
 * @throws CorruptError `extent-…`, ChecksumError `extent-checksum`.
 */
export function decodeExtentNode(
  inode: Inode,
  node: Uint8Array,
  level: number,
  first: number,
  end: number,
  sealed: boolean,
  allowed: BlocksAllowed,
): MapNode {
  const {ino} = inode;
  const header = decodeExtentHeader(node, ino);
  if (header.depth !== level) throw new CorruptError('extent-level', {ino, depth: header.depth, level});
  checkExtentNode(node, 0, node.length, ino, allowed);
  const decoded = unpack(node, header, ino, first, end);
  if (decoded.count > 0 && decoded.logical[0] !== first) {
    throw new CorruptError('extent-parent', {ino, block: decoded.logical[0]!, first});
  }
  const last = decoded.count - 1;
  if (last >= 0 && decoded.logical[last]! + (level === 0 ? decoded.length[last]! : 1) > end) {
    throw new CorruptError('extent-range', {ino, block: decoded.logical[last]!, end});
  }
  // Last, as in the kernel: what can't be is EUCLEAN also where the checksum does not match.
  if (sealed) verifyTail(inode, node, header);
  return decoded;
}

/** struct ext4_extent_tail follows the last entry that there is room for. */
function verifyTail(inode: Inode, node: Uint8Array, header: ExtentHeader): void {
  const {ino} = inode;
  const tail = EXTENT_ENTRY_SIZE * (1 + header.capacity);
  // No block size leaves less than four bytes after the last possible entry.
  if (tail + 4 > node.length) throw new CorruptError('extent-capacity', {ino, max: header.capacity});
  const stored = viewOf(node).getUint32(tail, true);
  const computed = crc32c(inode.checksumSeed, node, 0, tail);
  if (stored !== computed) throw new ChecksumError('extent-checksum', {ino, stored, computed});
}

/** Entries that passed checkExtentEntries, packed. */
function unpack(node: Uint8Array, header: ExtentHeader, ino: number, first: number, end: number): MapNode {
  const d = viewOf(node);
  const count = header.entries;
  const logical = new Uint32Array(count);
  const length = new Float64Array(count);
  const physical = new Float64Array(count);
  const state = new Uint8Array(count);
  for (let i = 0, at = EXTENT_ENTRY_SIZE; i < count; i++, at += EXTENT_ENTRY_SIZE) {
    logical[i] = d.getUint32(at, true);
    if (header.depth === 0) {
      const ee_len = d.getUint16(at + 4, true);
      length[i] = extentLength(ee_len);
      state[i] = ee_len > MAX_WRITTEN_LENGTH ? RUN.unwritten : RUN.written;
      physical[i] = d.getUint32(at + 8, true) + d.getUint16(at + 6, true) * 2 ** 32;
    } else {
      physical[i] = d.getUint32(at + 4, true) + d.getUint16(at + 8, true) * 2 ** 32;
      // Until the next one begins.
      if (i > 0) length[i - 1] = logical[i]! - logical[i - 1]!;
      length[i] = end - logical[i]!;
    }
  }
  return {ino, level: header.depth, first, end, count, logical, length, physical, state, recent: 0};
}
