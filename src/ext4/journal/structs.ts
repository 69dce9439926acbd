import {bytes, pad, type StructValues, struct, u8, u16, u32, u64} from '../../wire/index.js';

/**
 * The structures of a jbd2 journal. All are big-endian, unlike the rest of ext4.
 * Facts: Linux include/linux/jbd2.h and Documentation/filesystems/ext4/journal.rst.
 */

/** First four bytes of every block of the journal that is not a copy of a file-system block. */
export const JOURNAL_MAGIC = 0xc03b3998;

/** h_blocktype: what a journal block is. */
export const DESCRIPTOR_BLOCK = 1;
export const COMMIT_BLOCK = 2;
export const SUPERBLOCK_V1 = 3;
export const SUPERBLOCK_V2 = 4;
export const REVOKE_BLOCK = 5;

/** struct journal_header_s: starts each block of the journal's own. */
export const journalHeader = struct('journal_header', 'be', 12, {magic: u32, blockType: u32, sequence: u32});
export type JournalHeader = StructValues<typeof journalHeader>;

/** struct journal_superblock_s: block 0 of the journal. All but the header, blockSize … errno exists from version 2 on. */
export const journalSuperblock = struct('journal_superblock', 'be', 1024, {
  magic: u32,
  blockType: u32,
  headerSequence: u32,
  /** Bytes of a journal block; the same as the file system's. */
  blockSize: u32,
  /** Blocks of the journal, this one included. */
  maxLength: u32,
  /** First block of the log. */
  first: u32,
  /** Sequence number of the first transaction in the log. */
  sequence: u32,
  /** Block where the log starts, 0 when there is nothing to replay. */
  start: u32,
  errno: u32,
  compat: u32,
  incompat: u32,
  roCompat: u32,
  uuid: bytes(16),
  users: u32,
  dynamicSuper: u32,
  maxTransaction: u32,
  maxTransactionData: u32,
  checksumType: u8,
  reserved1: pad(3),
  /** Blocks at the end kept for fast commits; 0 means 256. */
  fastCommitBlocks: u32,
  head: u32,
  reserved2: pad(160),
  checksum: u32,
  userIds: pad(768),
});

/** struct commit_header: ends a transaction. */
export const commitHeader = struct('commit_header', 'be', 60, {
  magic: u32,
  blockType: u32,
  sequence: u32,
  checksumType: u8,
  checksumSize: u8,
  reserved: pad(2),
  checksum: u32,
  otherChecksums: pad(28),
  /** Seconds since 1970. */
  seconds: u64,
  nanoseconds: u32,
});

/** struct jbd2_journal_revoke_header_s: block numbers follow up to `count` bytes from the start of the block. */
export const revokeHeader = struct('revoke_header', 'be', 16, {
  magic: u32,
  blockType: u32,
  sequence: u32,
  /** Bytes used, this header included. */
  count: u32,
});

/** struct journal_block_tag_s, in its longest form; its size in a journal is `tagSize`. */
export const blockTag = struct('block_tag', 'be', 12, {
  block: u32,
  /** Low 16 bits of the checksum (checksum v2). */
  checksum: u16,
  flags: u16,
  blockHigh: u32,
});

/** struct journal_block_tag3_s (checksum v3). The flags that exist fit its low 16 bits. */
export const blockTag3 = struct('block_tag3', 'be', 16, {
  block: u32,
  flagsHigh: u16,
  flags: u16,
  blockHigh: u32,
  checksum: u32,
});

/** struct jbd2_journal_block_tail: ends descriptor and revoke blocks with checksum v2 and v3. */
export const BLOCK_TAIL_SIZE = 4;
/** A tag without TAG_SAME_UUID is followed by this many bytes of UUID. */
export const TAG_UUID_SIZE = 16;

/** The block began with the journal's magic number, which was replaced by zeros in its copy. */
export const TAG_ESCAPED = 1;
/** No UUID follows the tag. */
export const TAG_SAME_UUID = 2;
/** The last tag of its descriptor block. */
export const TAG_LAST = 8;

/** h_chksum_type and h_chksum_size of a commit block with a checksum of version 1. */
export const CHECKSUM_CRC32 = 1;
export const CHECKSUM_CRC32_SIZE = 4;
/** s_checksum_type with checksum v2 and v3. */
export const CHECKSUM_CRC32C = 4;

/** A copy in the log: where it belongs and how to check and restore it. */
export interface Tag {
  /** Block of the file system. */
  block: number;
  flags: number;
  /** Checksum as stored: 16 bits with version 2, 32 with version 3, not meant to be looked at otherwise. */
  checksum: number;
}

/** What of the journal's features decides how its blocks are laid out. */
export interface JournalFormat {
  readonly blockSize: number;
  readonly wide: boolean;
  readonly checksum: 0 | 1 | 2 | 3;
}

/** Bytes of one tag, without the UUID that may follow it. */
export function tagSize(format: JournalFormat): number {
  if (format.checksum === 3) return blockTag3.size;
  return (format.wide ? 12 : 8) + (format.checksum === 2 ? 2 : 0);
}

/** Whether descriptor, revoke and commit blocks carry a CRC-32C. */
export function hasBlockChecksums(format: JournalFormat): boolean {
  return format.checksum >= 2;
}

/**
 * The tags of a descriptor block, in order. Ends at the flag that says so or where no further tag fits, so
 * there are at most blockSize / 8.
 */
export function decodeTags(view: DataView, format: JournalFormat): Tag[] {
  const size = tagSize(format);
  const end = format.blockSize - (hasBlockChecksums(format) ? BLOCK_TAIL_SIZE : 0);
  const tags: Tag[] = [];
  let offset = journalHeader.size;
  while (offset + size <= end) {
    const flags = view.getUint16(offset + blockTag.at.flags);
    const low = view.getUint32(offset + blockTag.at.block);
    const high = format.wide ? view.getUint32(offset + blockTag.at.blockHigh) : 0;
    const checksum =
      format.checksum === 3
        ? view.getUint32(offset + blockTag3.at.checksum)
        : view.getUint16(offset + blockTag.at.checksum);
    // May pass 2^53, where it is no longer exact; the caller refuses anything beyond the device.
    tags.push({block: high * 2 ** 32 + low, flags, checksum});
    offset += size + ((flags & TAG_SAME_UUID) === 0 ? TAG_UUID_SIZE : 0);
    if ((flags & TAG_LAST) !== 0) break;
  }
  return tags;
}

/** Whether sequence number `a` is later than `b`; both wrap around at 2^32. */
export function sequenceAfter(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

/** The sequence number after this one. */
export function nextSequence(sequence: number): number {
  return (sequence + 1) >>> 0;
}
