import {viewOf} from '../../../wire/index.js';

/**
 * Fast commits: between two transactions, small changes are appended to an area after the log as a chain of
 * records, little-endian: tag and length of the value, 16 bits each, then the value. A chain starts with HEAD; each
 * commit ends with TAIL, which has a CRC-32C of the records since the TAIL before.
 * Facts: Linux fs/ext4/fast_commit.h and fast_commit.c.
 */
export const TAG = {
  addRange: 1,
  delRange: 2,
  create: 3,
  link: 4,
  unlink: 5,
  inode: 6,
  pad: 7,
  tail: 8,
  head: 9,
} as const;

export const RECORD_HEADER_SIZE = 4;
/** Bytes of a TAIL that its checksum covers: its header and the transaction number. */
export const TAIL_CHECKED_SIZE = RECORD_HEADER_SIZE + 4;
/** Bytes before the name in records of directory entries, and before the inode in an INODE record. */
const ENTRY_FIXED_SIZE = 8;
const INODE_FIXED_SIZE = 4;
const MIN_INODE_SIZE = 128;
const NAME_MAX = 255;

/** One record; `value` is a view on its block. */
export interface FastCommitRecord {
  readonly tag: number;
  /** Header and value. */
  readonly whole: Uint8Array;
  readonly value: Uint8Array;
}

/** The record at `at`, undefined when it leaves the block or has a length that its tag can't have. */
export function decodeRecord(block: Uint8Array, at: number, inodeSize: number): FastCommitRecord | undefined {
  const view = viewOf(block);
  const tag = view.getUint16(at, true);
  const length = view.getUint16(at + 2, true);
  const start = at + RECORD_HEADER_SIZE;
  if (length > block.length - start || !validLength(tag, length, inodeSize)) return undefined;
  const end = start + length;
  return {tag, whole: block.subarray(at, end), value: block.subarray(start, end)};
}

function validLength(tag: number, length: number, inodeSize: number): boolean {
  switch (tag) {
    case TAG.addRange:
      return length === 16;
    case TAG.delRange:
      return length === 12;
    case TAG.create:
    case TAG.link:
    case TAG.unlink:
      return length > ENTRY_FIXED_SIZE && length <= ENTRY_FIXED_SIZE + NAME_MAX;
    case TAG.inode:
      return length >= INODE_FIXED_SIZE + MIN_INODE_SIZE && length <= INODE_FIXED_SIZE + inodeSize;
    case TAG.pad:
      return true;
    case TAG.tail:
      return length >= 8;
    case TAG.head:
      return length === 8;
    default:
      return false;
  }
}

/** Value of HEAD and TAIL: two words, whose meaning differs. */
export function decodeHead(value: Uint8Array): {features: number; sequence: number} {
  const view = viewOf(value);
  return {features: view.getUint32(0, true), sequence: view.getUint32(4, true)};
}

export function decodeTail(value: Uint8Array): {sequence: number; checksum: number} {
  const view = viewOf(value);
  return {sequence: view.getUint32(0, true), checksum: view.getUint32(4, true)};
}

/** `count` blocks of a file from `first` on are now those from `disk` on. */
export interface AddRange {
  readonly ino: number;
  readonly first: number;
  readonly count: number;
  readonly disk: number;
  readonly unwritten: boolean;
}

/** Lengths above this belong to unwritten extents and are that much too large. */
const MAX_WRITTEN = 32768;

export function decodeAddRange(value: Uint8Array): AddRange {
  const view = viewOf(value);
  const raw = view.getUint16(8, true);
  const unwritten = raw > MAX_WRITTEN;
  return {
    ino: view.getUint32(0, true),
    first: view.getUint32(4, true),
    count: unwritten ? raw - MAX_WRITTEN : raw,
    disk: view.getUint32(12, true) + view.getUint16(10, true) * 2 ** 32,
    unwritten,
  };
}

/** `count` blocks of a file from `first` on are a hole now. */
export function decodeDelRange(value: Uint8Array): {ino: number; first: number; count: number} {
  const view = viewOf(value);
  return {ino: view.getUint32(0, true), first: view.getUint32(4, true), count: view.getUint32(8, true)};
}

/** A directory entry that was made or removed. */
export interface EntryRecord {
  readonly parent: number;
  readonly ino: number;
  readonly name: Uint8Array;
}

export function decodeEntry(value: Uint8Array): EntryRecord {
  const view = viewOf(value);
  return {
    parent: view.getUint32(0, true),
    ino: view.getUint32(4, true),
    name: value.subarray(ENTRY_FIXED_SIZE),
  };
}

/** An inode as it was at the commit: at least its first 128 bytes. */
export function decodeInodeRecord(value: Uint8Array): {ino: number; raw: Uint8Array} {
  return {ino: viewOf(value).getUint32(0, true), raw: value.subarray(INODE_FIXED_SIZE)};
}
