import {crc32c} from './checksum.js';
import {ChecksumError, CorruptError} from './errors.js';
import {le16, le32} from './little-endian.js';
import type {InodeNumber} from './units.js';

/*
 * A directory block is a chain of entries (struct ext4_dir_entry_2):
 *
 *   0  inode     u32   0: the entry is unused
 *   4  rec_len   u16   distance to the next entry
 *   6  name_len  u8
 *   7  file_type u8    0 without the filetype feature
 *   8  name
 *
 * With metadata_csum the last 12 bytes are an unused entry of type 0xde whose last word is a checksum.
 */
const HEADER_SIZE = 8;
/** Room that an entry with a name of one byte takes: nothing shorter is an entry. */
const SMALLEST_ENTRY = 12;
const CHECKSUM_TYPE = 0xde;
const TAIL_SIZE = 12;
const SLASH = 0x2f;
const DOT = 0x2e;

/** The most bytes a name has (EXT4_NAME_LEN). */
export const NAME_MAX = 255;
/** Offset of the name in an entry. */
export const NAME_OFFSET = HEADER_SIZE;

/** What decides whether an entry of one directory is sound. */
export interface EntryRules {
  readonly ino: InodeNumber;
  readonly blockSize: number;
  readonly inodesCount: number;
  /** Each entry has its hash after the name: folded and encrypted directories. */
  readonly hashed: boolean;
  /** metadata_csum. */
  readonly checksummed: boolean;
  /** Names are ciphertext and may have any byte. */
  readonly encrypted: boolean;
}

/**
 * d_type of readdir(3), by the file type of an entry (fs/fs_types.c); others are 0, DT_UNKNOWN, and so are all
 * without the filetype feature.
 */
const D_TYPES = [0, 8, 4, 2, 6, 1, 12, 10] as const;

/** d_type of an entry at `at`. */
export function dType(block: Uint8Array, at: number, hasFileTypes: boolean): number {
  return hasFileTypes ? (D_TYPES[block[at + 7]!] ?? 0) : 0;
}

/**
 * rec_len as a distance in bytes. Blocks of 64 KiB need 17 bits: the lowest two, always 0 otherwise, hold the
 * highest two, and 65535 or 0 is a whole block (ext4_rec_len_from_disk with large pages).
 */
export function recLen(block: Uint8Array, at: number, blockSize: number): number {
  const rec_len = le16(block, at + 4);
  if (blockSize < 65_536) return rec_len;
  if (rec_len === 0xffff || rec_len === 0) return blockSize;
  return (rec_len & 0xfffc) | ((rec_len & 3) << 16);
}

/** Bytes an entry with a name of this length takes at least (ext4_dir_rec_len). */
export function entrySize(nameLength: number, hashed: boolean): number {
  return (nameLength + HEADER_SIZE + (hashed ? 8 : 0) + 3) & ~3;
}

/** Where the hash of an entry of a hashed directory lies: after the name, at a multiple of four. */
export function hashOffset(block: Uint8Array, at: number): number {
  return at + entrySize(block[at + 6]!, false);
}

/**
 * Checks the entry at `at` as the kernel's __ext4_check_dir_entry does. `at` is an entry's start: 0, or where the
 * entry before ended, so that at least 12 bytes follow.
 * @param size where the area ends: the block size, or that of an inline directory.
 * @returns the distance to the next entry, at least 12.
 * @throws CorruptError `dir-…`
 */
export function checkEntry(rules: EntryRules, block: Uint8Array, at: number, size: number): number {
  if (at + SMALLEST_ENTRY > size) throw corrupt('dir-entry-crosses', rules, at, size - at);
  const distance = recLen(block, at, rules.blockSize);
  const name_len = block[at + 6]!;
  const hashed = rules.hashed && !isPlain(block, at, name_len);
  if (distance < entrySize(1, hashed)) throw corrupt('dir-entry-short', rules, at, distance);
  if (distance % 4 !== 0) throw corrupt('dir-entry-alignment', rules, at, distance);
  if (distance < entrySize(name_len, hashed)) throw corrupt('dir-name-length', rules, at, name_len);
  const next = at + distance;
  if (next > size) throw corrupt('dir-entry-crosses', rules, at, distance);
  const smallest = entrySize(1, rules.hashed && !rules.checksummed);
  if (next !== size && next > size - smallest) throw corrupt('dir-entry-near-end', rules, at, distance);
  const inode = le32(block, at);
  if (inode > rules.inodesCount) throw corrupt('dir-inode', rules, at, inode);
  return distance;
}

/** Entries that never carry a hash: `.`, `..` and the checksum (is_fake_dir_entry). */
function isPlain(block: Uint8Array, at: number, nameLength: number): boolean {
  if (block[at + 7] === CHECKSUM_TYPE) return true;
  if (nameLength === 0 || nameLength > 2 || block[at + HEADER_SIZE] !== DOT) return false;
  const second = block[at + HEADER_SIZE + 1];
  return second === DOT || second === 0;
}

/**
 * Refuses names that no program could use: empty, with a slash or with a NUL. Ciphertext may have any byte.
 * @throws CorruptError `dir-name-empty` or `dir-name`.
 */
export function checkName(rules: EntryRules, block: Uint8Array, at: number): void {
  const name_len = block[at + 6]!;
  if (name_len === 0) throw corrupt('dir-name-empty', rules, at, 0);
  if (rules.encrypted) return;
  for (let i = at + HEADER_SIZE; i < at + HEADER_SIZE + name_len; i++) {
    const byte = block[i]!; // checkEntry found the name within the block
    if (byte === SLASH || byte === 0) throw corrupt('dir-name', rules, at, byte);
  }
}

/** Whether a name, as it is on disk, is the one looked for. */
export interface NameMatcher {
  /** @param start, end where the name lies, within `block`. */
  matches(block: Uint8Array, start: number, end: number): boolean;
}

/**
 * Where in an area the entry with the wanted name starts, -1 if there is none. Like the kernel, it looks closely
 * only at the entry it found (ext4_search_dir); the others must form a chain.
 * @throws CorruptError `dir-…`
 */
export function findEntry(
  rules: EntryRules,
  block: Uint8Array,
  from: number,
  size: number,
  matcher: NameMatcher,
): number {
  // Ends: each step goes on by at least 12 bytes.
  for (let at = from; at < size - HEADER_SIZE; ) {
    const end = at + HEADER_SIZE + block[at + 6]!;
    if (end <= size && matcher.matches(block, at + HEADER_SIZE, end) && le32(block, at) !== 0) {
      checkEntry(rules, block, at, size);
      return at;
    }
    const distance = recLen(block, at, rules.blockSize);
    if (distance < SMALLEST_ENTRY) throw corrupt('dir-entry-short', rules, at, distance);
    if (distance % 4 !== 0) throw corrupt('dir-entry-alignment', rules, at, distance);
    if (at + distance > size) throw corrupt('dir-entry-crosses', rules, at, distance);
    at += distance;
  }
  return -1;
}

/** The block that was found sound last time, by the seed it was checked with. Blocks are never written to. */
const verified = new WeakMap<Uint8Array, number>();

/**
 * Verifies the checksum at the end of a block of entries.
 * @param seed the directory inode's checksum seed.
 * @throws ChecksumError `dir-checksum-missing` or `dir-checksum`.
 */
export function verifyLeaf(ino: InodeNumber, seed: number, block: Uint8Array): void {
  if (verified.get(block) === seed) return;
  const tail = block.length - TAIL_SIZE;
  const det_reserved_zero1 = le32(block, tail);
  const det_rec_len = recLen(block, tail, block.length);
  const det_reserved_zero2 = block[tail + 6];
  const det_reserved_ft = block[tail + 7];
  if (
    det_reserved_zero1 !== 0 ||
    det_rec_len !== TAIL_SIZE ||
    det_reserved_zero2 !== 0 ||
    det_reserved_ft !== CHECKSUM_TYPE
  ) {
    throw new ChecksumError('dir-checksum-missing', {ino});
  }
  const stored = le32(block, tail + 8);
  const computed = crc32c(seed, block, 0, tail);
  if (stored !== computed) throw new ChecksumError('dir-checksum', {ino, stored, computed});
  verified.set(block, seed);
}

function corrupt(code: string, rules: EntryRules, at: number, value: number): CorruptError {
  return new CorruptError(code, {ino: rules.ino, offset: at, value});
}
