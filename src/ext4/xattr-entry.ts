import {CorruptError} from './errors.js';
import {le16, le32} from './little-endian.js';
import type {InodeNumber} from './units.js';

/*
 * Attributes lie in an area: the end of the inode, or a block of their own. Entries grow from the front, values
 * from the back (struct ext4_xattr_entry):
 *
 *    0  e_name_len u8
 *    1  e_name_index u8
 *    2  e_value_offs u16   from the start of the block, or from the first entry in an inode
 *    4  e_value_inum u32   inode that holds the value; 0: the value is in the area
 *    8  e_value_size u32
 *   12  e_hash u32
 *   16  e_name
 *
 * Entries are padded to 4 bytes; four zero bytes end them.
 */
const ENTRY_SIZE = 16;
/** EXT4_XATTR_SIZE_MAX: no value is larger, wherever it lies. */
const VALUE_MAX = 1 << 24;

/** One area of attributes within `bytes`. */
export interface XattrArea {
  readonly bytes: Uint8Array;
  /** Where the first entry starts. */
  readonly first: number;
  /** What e_value_offs counts from. */
  readonly base: number;
  /** Where the area ends. */
  readonly end: number;
}

/** What the check needs to know of the file system. */
export interface XattrRules {
  readonly ino: InodeNumber;
  /** Values may lie in inodes. */
  readonly eaInodes: boolean;
  readonly firstInode: number;
  readonly inodesCount: number;
}

/** One attribute. Names and values are views on the area. */
export interface XattrEntry {
  readonly index: number;
  readonly name: Uint8Array;
  readonly hash: number;
  /** Bytes of the value. */
  readonly size: number;
  /** The value; undefined when it lies in an inode. */
  readonly value: Uint8Array | undefined;
  /** Inode of the value, 0 for one in the area. */
  readonly valueInode: number;
}

/**
 * All attributes of an area, each checked as the kernel's check_xattrs does. Two values may overlap, as there; none
 * may lie among the entries.
 * @throws CorruptError `xattr-…`
 */
export function decodeEntries(rules: XattrRules, area: XattrArea): XattrEntry[] {
  const {bytes, first, base, end} = area;
  const starts: number[] = [];
  let at = first;
  // Ends: each entry takes at least 16 bytes of the area.
  for (;;) {
    if (at + 4 > end) throw corrupt('xattr-entry-outside', rules, at - base, end - base);
    if (le32(bytes, at) === 0) break;
    const e_name_len = bytes[at]!;
    const next = at + ((ENTRY_SIZE + e_name_len + 3) & ~3);
    if (next >= end) throw corrupt('xattr-entry-outside', rules, at - base, e_name_len);
    if (bytes.subarray(at + ENTRY_SIZE, at + ENTRY_SIZE + e_name_len).includes(0)) {
      throw corrupt('xattr-name', rules, at - base, e_name_len);
    }
    starts.push(at);
    at = next;
  }
  const valuesFrom = at + 4;
  return starts.map((start) => decodeEntry(rules, area, start, valuesFrom));
}

function decodeEntry(rules: XattrRules, area: XattrArea, at: number, valuesFrom: number): XattrEntry {
  const {bytes, base, end} = area;
  const e_name_len = bytes[at]!;
  const e_value_offs = le16(bytes, at + 2);
  const e_value_inum = le32(bytes, at + 4);
  const e_value_size = le32(bytes, at + 8);
  if (e_value_inum !== 0) {
    if (!rules.eaInodes) throw corrupt('xattr-value-inode-feature', rules, at - base, e_value_inum);
    if (e_value_inum < rules.firstInode || e_value_inum > rules.inodesCount) {
      throw corrupt('xattr-value-inode', rules, at - base, e_value_inum);
    }
  }
  if (e_value_size > VALUE_MAX) throw corrupt('xattr-value-size', rules, at - base, e_value_size);
  let value: Uint8Array | undefined;
  if (e_value_inum === 0) {
    const from = e_value_size === 0 ? base : base + e_value_offs;
    if (e_value_size !== 0) {
      const room = end - from;
      if (from < valuesFrom) throw corrupt('xattr-value-overlaps', rules, at - base, e_value_offs);
      // Values are padded to 4 bytes, and so is the area.
      if (room < 0 || ((e_value_size + 3) & ~3) > room) {
        throw corrupt('xattr-value-outside', rules, at - base, e_value_offs);
      }
    }
    value = bytes.subarray(from, from + e_value_size);
  }
  return {
    index: bytes[at + 1]!,
    name: bytes.subarray(at + ENTRY_SIZE, at + ENTRY_SIZE + e_name_len),
    hash: le32(bytes, at + 12),
    size: e_value_size,
    value,
    valueInode: e_value_inum,
  };
}

function corrupt(code: string, rules: XattrRules, offset: number, value: number): CorruptError {
  return new CorruptError(code, {ino: rules.ino, offset, value});
}
