import {CorruptError, UnsupportedError} from '../errors.js';
import {isType} from '../inode.js';
import {MODE_TYPE} from '../inode-flags.js';
import {findBlock, listBlocks} from './block-list.js';
import {JournalFile} from './file.js';
import type {ReplayImage} from './image.js';
import {journalSuperblock} from './structs.js';
import {decodeJournalSuperblock, type JournalSuperblock} from './superblock.js';

/** Longest journal that mke2fs and tune2fs make, in blocks. */
const MAX_JOURNAL_BLOCKS = 10_240_000;

/**
 * Finds the journal inside the file system, from the image as it is before the replay: its inode and block
 * map are written once, when the journal is made.
 * @throws UnsupportedError `journal-external` for one on a device of its own, CorruptError for one that can't be
 */
export function openJournal(image: ReplayImage): {file: JournalFile; superblock: JournalSuperblock} {
  const {journalInode: ino, journalDevice, blockSize, features} = image.superblock;
  if (!features.hasJournal) throw new CorruptError('journal-missing');
  if (ino === 0) throw new UnsupportedError('journal-external', {device: journalDevice});
  if (journalDevice !== 0) throw new CorruptError('journal-inode-and-device', {ino, device: journalDevice});
  const inode = image.inode(ino);
  if (inode.links === 0) throw new CorruptError('journal-inode-deleted', {ino});
  if (!isType(inode, MODE_TYPE.regular))
    throw new CorruptError('journal-inode-type', {ino, mode: inode.mode});
  const available = Math.floor(inode.size / blockSize);
  if (available > MAX_JOURNAL_BLOCKS) throw new UnsupportedError('journal-long', {blocks: available});
  const {runs} = listBlocks(image, inode, available);
  const file = new JournalFile(image.overlay, blockSize, available, (index) => findBlock(runs, index));
  const superblock = decodeJournalSuperblock(
    file.read(0).subarray(0, journalSuperblock.size),
    blockSize,
    available,
  );
  return {file, superblock};
}
