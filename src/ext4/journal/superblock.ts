import {viewOf} from '../../wire/index.js';
import {CRC_START, crc32c} from '../checksum.js';
import {ChecksumError, CorruptError, UnsupportedError} from '../errors.js';
import * as feature from './features.js';
import {
  CHECKSUM_CRC32C,
  JOURNAL_MAGIC,
  type JournalFormat,
  journalSuperblock,
  SUPERBLOCK_V1,
  SUPERBLOCK_V2,
} from './structs.js';

/** What a journal's superblock says, checked. Block numbers count from the start of the journal. */
export interface JournalSuperblock extends JournalFormat {
  /** Blocks of the journal. */
  readonly length: number;
  /** First block of the log. */
  readonly first: number;
  /** Block after the last of the log, where it wraps around to `first`. */
  readonly last: number;
  /** Sequence number of the transaction expected at `start`. */
  readonly sequence: number;
  /** Where the log starts; 0: nothing to replay. */
  readonly start: number;
  /** Error that the file system ran into before, 0 if none. */
  readonly errno: number;
  readonly asyncCommit: boolean;
  /** Where fast commits start and the block after them; equal when there are none. */
  readonly fastCommitFirst: number;
  readonly fastCommitEnd: number;
  /** CRC-32C of the journal's UUID, which starts all checksums but the superblock's. */
  readonly checksumSeed: number;
}

/** The smallest journal (JBD2_MIN_JOURNAL_BLOCKS), fast commits not counted. */
const MIN_BLOCKS = 1024;
const DEFAULT_FAST_COMMIT_BLOCKS = 256;

/**
 * Decodes and checks block 0 of a journal, in the order of the kernel's checks.
 * @param bytes block 0, 1024 bytes or more
 * @param blockSize bytes of a block of the file system, which the journal must share
 * @param available blocks that the journal's file has
 * @throws CorruptError, ChecksumError, UnsupportedError
 */
export function decodeJournalSuperblock(
  bytes: Uint8Array,
  blockSize: number,
  available: number,
): JournalSuperblock {
  const raw = journalSuperblock.read(viewOf(bytes));
  if (raw.magic !== JOURNAL_MAGIC) throw new CorruptError('journal-magic', {magic: raw.magic});
  if (raw.blockSize !== blockSize) {
    throw new CorruptError('journal-block-size', {journal: raw.blockSize, fileSystem: blockSize});
  }
  if (raw.blockType !== SUPERBLOCK_V1 && raw.blockType !== SUPERBLOCK_V2) {
    throw new CorruptError('journal-superblock-version', {blockType: raw.blockType});
  }
  if (raw.maxLength > available) {
    throw new CorruptError('journal-file-short', {length: raw.maxLength, available});
  }
  if (raw.first === 0 || raw.first >= available) {
    throw new CorruptError('journal-first-block', {first: raw.first, available});
  }
  // Version 1 has no feature fields: what lies there means nothing.
  const v2 = raw.blockType === SUPERBLOCK_V2;
  const compat = v2 ? raw.compat : 0;
  const incompat = v2 ? raw.incompat : 0;
  if (v2) feature.checkJournalFeatures(raw.incompat, raw.roCompat);

  const fastCommit = (incompat & feature.INCOMPAT_FAST_COMMIT) !== 0;
  const fastCommitBlocks = fastCommit ? raw.fastCommitBlocks || DEFAULT_FAST_COMMIT_BLOCKS : 0;
  if (raw.maxLength < MIN_BLOCKS || raw.maxLength - MIN_BLOCKS < fastCommitBlocks) {
    throw new CorruptError('journal-short', {length: raw.maxLength, fastCommitBlocks});
  }
  if (raw.first + MIN_BLOCKS > raw.maxLength + 1) {
    throw new CorruptError('journal-short', {length: raw.maxLength, first: raw.first});
  }
  const checksum = checksumVersion(compat, incompat);
  if (checksum >= 2) {
    if (raw.checksumType !== CHECKSUM_CRC32C) {
      throw new UnsupportedError('journal-checksum-type', {type: raw.checksumType});
    }
    verifySuperblockChecksum(bytes, raw.checksum);
  }
  const last = raw.maxLength - fastCommitBlocks;
  if (raw.start >= raw.maxLength) {
    throw new CorruptError('journal-start', {start: raw.start, length: raw.maxLength});
  }
  return {
    blockSize,
    length: raw.maxLength,
    first: raw.first,
    last,
    sequence: raw.sequence,
    start: raw.start,
    errno: raw.errno,
    wide: (incompat & feature.INCOMPAT_64BIT) !== 0,
    checksum,
    asyncCommit: (incompat & feature.INCOMPAT_ASYNC_COMMIT) !== 0,
    // The kernel leaves the first block of the area unused.
    fastCommitFirst: fastCommit ? last + 1 : raw.maxLength,
    fastCommitEnd: raw.maxLength,
    checksumSeed: crc32c(CRC_START, raw.uuid),
  };
}

function checksumVersion(compat: number, incompat: number): 0 | 1 | 2 | 3 {
  const v1 = (compat & feature.COMPAT_CHECKSUM) !== 0;
  const v2 = (incompat & feature.INCOMPAT_CSUM_V2) !== 0;
  const v3 = (incompat & feature.INCOMPAT_CSUM_V3) !== 0;
  if (Number(v1) + Number(v2) + Number(v3) > 1) {
    throw new CorruptError('journal-checksum-versions', {compat, incompat});
  }
  if (v3) return 3;
  if (v2) return 2;
  return v1 ? 1 : 0;
}

function verifySuperblockChecksum(bytes: Uint8Array, stored: number): void {
  const copy = bytes.slice(0, journalSuperblock.size);
  viewOf(copy).setUint32(journalSuperblock.at.checksum, 0);
  const computed = crc32c(CRC_START, copy);
  if (computed !== stored) throw new ChecksumError('journal-superblock-checksum', {stored, computed});
}
