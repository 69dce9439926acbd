import {crc32c} from '../../checksum.js';
import {ChecksumError, CorruptError, UnsupportedError} from '../../errors.js';
import type {Journal} from '../log.js';
import {
  decodeHead,
  decodeRecord,
  decodeTail,
  type FastCommitRecord,
  RECORD_HEADER_SIZE,
  TAG,
  TAIL_CHECKED_SIZE,
} from './records.js';

/**
 * Counts the records of complete fast commits on top of the log: those up to the last TAIL that is whole and of the
 * transaction that was running. Anything behind is left over or was interrupted.
 *
 * The area may be full to its last block; the kernel (6.18) then reads one block too far and refuses the image,
 * this doesn't.
 * @param sequence number of the transaction after the last in the log
 * @throws ChecksumError, CorruptError when the first commit is damaged, UnsupportedError for unknown features:
 * the kernel refuses to mount then
 */
export function countRecords(journal: Journal, sequence: number, inodeSize: number): number {
  let seen = 0;
  let complete = 0;
  let checksum = 0;
  for (const record of areaRecords(journal, inodeSize)) {
    if (record === undefined) {
      if (complete === 0) throw new CorruptError('fast-commit-record', {sequence});
      return complete;
    }
    seen++;
    if (record.tag === TAG.head) {
      const head = decodeHead(record.value);
      if (head.features !== 0) throw new UnsupportedError('fast-commit-features', {features: head.features});
      if (head.sequence !== sequence) return complete;
    }
    if (record.tag !== TAG.tail) {
      checksum = crc32c(checksum, record.whole);
      continue;
    }
    const tail = decodeTail(record.value);
    const computed = crc32c(checksum, record.whole, 0, TAIL_CHECKED_SIZE);
    if (tail.sequence !== sequence || tail.checksum !== computed) {
      if (complete === 0) throw new ChecksumError('fast-commit-checksum', {sequence, computed});
      return complete;
    }
    complete = seen;
    checksum = 0;
  }
  return complete;
}

/** The first `count` records of the area. */
export function* completeRecords(
  journal: Journal,
  inodeSize: number,
  count: number,
): Generator<FastCommitRecord> {
  let left = count;
  if (left === 0) return;
  for (const record of areaRecords(journal, inodeSize)) {
    // The first pass found `count` sound records.
    yield record!;
    if (--left === 0) return;
  }
}

/**
 * The chain of records, block by block: a record never crosses from one block to the next. Undefined stands for
 * one that can't be. An area that does not start with HEAD has none.
 */
function* areaRecords(journal: Journal, inodeSize: number): Generator<FastCommitRecord | undefined> {
  const {fastCommitFirst, fastCommitEnd, blockSize} = journal.superblock;
  for (let index = fastCommitFirst; index < fastCommitEnd; index++) {
    const block = journal.file.read(index);
    let at = 0;
    while (at <= blockSize - RECORD_HEADER_SIZE) {
      // Ends: each record is at least a header long.
      const record = decodeRecord(block, at, inodeSize);
      if (index === fastCommitFirst && at === 0 && (block[0] !== TAG.head || block[1] !== 0)) return;
      yield record;
      if (record === undefined) return;
      at += record.whole.length;
    }
  }
}
