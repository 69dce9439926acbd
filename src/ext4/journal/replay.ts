import type {BlockSource} from '../../block/index.js';
import {decodeSuperblock, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE, type Superblock} from '../superblock.js';
import {collectCopies} from './copies.js';
import {FastCommits} from './fast-commit/apply.js';
import {ImageEditor} from './fast-commit/editor.js';
import {countRecords} from './fast-commit/scan.js';
import {ReplayImage} from './image.js';
import {openJournal} from './location.js';
import type {Journal} from './log.js';
import {NO_COPIES, OverlaySource} from './overlay.js';
import {findLogEnd} from './scan.js';

/** Tells what was found, for a log; values may come from the image. */
export type ReplayLog = (event: string, values: Readonly<Record<string, number | string>>) => void;

/** What the replay did. */
export interface ReplayReport {
  /** False: the journal was empty, or the file system does not ask for recovery. */
  readonly replayed: boolean;
  /** Sequence number of the first transaction and the one after the last. */
  readonly firstSequence: number;
  readonly endSequence: number;
  /** Copies in the log that count, and copies made void by revoke records. */
  readonly copies: number;
  readonly revoked: number;
  /** Distinct blocks of the file system that come from the log. */
  readonly blocks: number;
  /** Records of fast commits applied after the log. */
  readonly fastCommitRecords: number;
}

export interface ReplayResult {
  /** The image with the journal laid over it; the image itself when there was nothing to replay. */
  readonly source: BlockSource;
  /** Blocks whose content in `source` is not what lies at their place. */
  readonly overlaid: () => Iterable<number>;
  readonly report: ReplayReport;
}

/**
 * Replays the journal in memory where the superblock says that the file system needs recovery. The superblock
 * has to be decoded again from the source that comes back; its `recover` feature stays set there and means
 * nothing any more.
 *
 * Reads at most three times around the log; holds one entry per distinct block in it.
 * @throws CorruptError, ChecksumError where the kernel refuses to mount; UnsupportedError for a journal on a
 * device of its own or with unknown features
 */
export function replayJournal(source: BlockSource, superblock: Superblock, log?: ReplayLog): ReplayResult {
  const overlaid = () => [];
  if (!superblock.features.recover) return {source, overlaid, report: nothing(0)};
  const before = new ReplayImage(new OverlaySource(source, superblock.blockSize, NO_COPIES), superblock);
  const journal = openJournal(before);
  const first = journal.superblock.sequence;
  if (journal.superblock.start === 0) return {source, overlaid, report: nothing(first)};

  const end = findLogEnd(journal);
  const {copies, replayed, revoked} = collectCopies(
    journal,
    end,
    Math.floor(source.size / superblock.blockSize),
  );
  const overlay = new OverlaySource(source, superblock.blockSize, copies);
  const fastCommitRecords = replayFastCommits(journal, end, overlay, superblock);
  const report: ReplayReport = {
    replayed: true,
    firstSequence: first,
    endSequence: end,
    copies: replayed,
    revoked,
    blocks: copies.size,
    fastCommitRecords,
  };
  log?.('journal replayed', {
    first,
    end,
    copies: replayed,
    revoked,
    blocks: copies.size,
    fastCommitRecords,
  });
  return {source: overlay, overlaid: () => overlay.blocks(), report};
}

/** @returns how many records were applied */
function replayFastCommits(
  journal: Journal,
  end: number,
  overlay: OverlaySource,
  before: Superblock,
): number {
  const count = countRecords(journal, end, before.inodeSize);
  if (count === 0) return 0;
  // The log may hold a newer superblock.
  const raw = new Uint8Array(SUPERBLOCK_SIZE);
  overlay.read(raw, 0, raw.length, SUPERBLOCK_OFFSET);
  FastCommits.apply(new ImageEditor(overlay, decodeSuperblock(raw)), journal, count);
  return count;
}

function nothing(sequence: number): ReplayReport {
  return {
    replayed: false,
    firstSequence: sequence,
    endSequence: sequence,
    copies: 0,
    revoked: 0,
    blocks: 0,
    fastCommitRecords: 0,
  };
}
