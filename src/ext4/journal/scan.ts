import {viewOf} from '../../wire/index.js';
import {ChecksumError, CorruptError} from '../errors.js';
import {commitMatches, tailMatches} from './block-checksum.js';
import {crc32be} from './crc32-be.js';
import {type Journal, LogCursor} from './log.js';
import {
  CHECKSUM_CRC32,
  CHECKSUM_CRC32_SIZE,
  COMMIT_BLOCK,
  commitHeader,
  DESCRIPTOR_BLOCK,
  decodeTags,
  JOURNAL_MAGIC,
  journalHeader,
  nextSequence,
  REVOKE_BLOCK,
} from './structs.js';

const CRC_START = 0xffffffff;

/**
 * First pass: finds the sequence number after the last transaction that was committed.
 *
 * The log ends where a block is not the journal's own, has another sequence number than expected, or is of an
 * unknown type. A checksum that does not match is either a left-over of an earlier use of the journal (its
 * commit time is before that of the transaction before it), which ends the log too, or damage, which fails the
 * recovery. In a journal with asynchronous commits a commit block may lie on the disk without its transaction, so
 * there the log ends with such a block, if none follows.
 *
 * Facts: Linux fs/jbd2/recovery.c, do_one_pass().
 * @throws ChecksumError, CorruptError where the kernel refuses to mount
 */
export function findLogEnd(journal: Journal): number {
  const {superblock} = journal;
  const cursor = new LogCursor(journal);
  let expected = superblock.sequence;
  /** Sequence of a transaction whose commit block does not match, where the log then ends. */
  let broken: number | undefined;
  let transactionCrc = CRC_START;
  let mismatch = false;
  let lastCommitTime = 0n;

  for (;;) {
    // Ends: each turn moves the cursor, which is bounded.
    const index = cursor.index;
    const block = cursor.next();
    const view = viewOf(block);
    const header = journalHeader.read(view);
    if (header.magic !== JOURNAL_MAGIC || header.sequence !== expected) break;

    if (header.blockType === DESCRIPTOR_BLOCK) {
      if (!tailMatches(superblock, block)) mismatch = true;
      const tags = decodeTags(view, superblock).length;
      if (superblock.checksum === 1 && broken === undefined) {
        transactionCrc = crc32be(transactionCrc, block);
        for (let i = 0; i < tags; i++) transactionCrc = crc32be(transactionCrc, cursor.next());
      } else {
        cursor.skip(tags);
      }
      continue;
    }
    if (header.blockType === REVOKE_BLOCK) {
      if (!tailMatches(superblock, block)) mismatch = true;
      continue;
    }
    if (header.blockType !== COMMIT_BLOCK) break;

    const commitTime = view.getBigUint64(commitHeader.at.seconds);
    if (mismatch) {
      if (commitTime < lastCommitTime) break;
      throw new ChecksumError('journal-transaction-checksum', {sequence: expected, index});
    }
    let whole: boolean;
    if (superblock.checksum === 1) {
      if (broken !== undefined) throw new CorruptError('journal-transaction', {sequence: broken});
      whole = transactionMatches(view, transactionCrc);
      if (whole) transactionCrc = CRC_START;
    } else {
      whole = commitMatches(superblock, block);
    }
    if (!whole) {
      if (commitTime < lastCommitTime) break;
      broken = expected;
      if (!superblock.asyncCommit) throw new CorruptError('journal-transaction', {sequence: broken, index});
    }
    lastCommitTime = commitTime;
    expected = nextSequence(expected);
  }
  return broken ?? expected;
}

/** Checksum of version 1, which a commit block may also leave out. */
function transactionMatches(view: DataView, computed: number): boolean {
  const type = view.getUint8(commitHeader.at.checksumType);
  const size = view.getUint8(commitHeader.at.checksumSize);
  const stored = view.getUint32(commitHeader.at.checksum);
  if (type === 0 && size === 0 && stored === 0) return true;
  return type === CHECKSUM_CRC32 && size === CHECKSUM_CRC32_SIZE && stored === computed;
}
