import {viewOf} from '../../wire/index.js';
import {ChecksumError, CorruptError, UnsupportedError} from '../errors.js';
import {copyMatches, tailMatches} from './block-checksum.js';
import {type Journal, LogCursor} from './log.js';
import type {Copy, CopyMap} from './overlay.js';
import {
  BLOCK_TAIL_SIZE,
  COMMIT_BLOCK,
  DESCRIPTOR_BLOCK,
  decodeTags,
  hasBlockChecksums,
  JOURNAL_MAGIC,
  journalHeader,
  nextSequence,
  REVOKE_BLOCK,
  revokeHeader,
  sequenceAfter,
  TAG_ESCAPED,
  type Tag,
} from './structs.js';

/** Distinct blocks that a log may hold; 8 GiB of 4 KiB blocks, where mke2fs makes journals of 1 GiB at most by itself. */
const MAX_BLOCKS = 2 ** 21;

/** What the log restores, and what it skipped. */
export interface LogContents {
  readonly copies: CopyMap;
  /** Copies in the log that count. */
  readonly replayed: number;
  /** Copies that a later revoke record makes void. */
  readonly revoked: number;
}

type Visitor = {
  descriptor?: (tags: Tag[], cursor: LogCursor, sequence: number, block: Uint8Array, index: number) => void;
  revoke?: (block: Uint8Array, sequence: number) => void;
};

/**
 * Second and third pass: finds which blocks were revoked, then the copy of each block that counts: the last one
 * in the log that no revoke record of its own or a later transaction names.
 *
 * Cost: one entry per distinct block in the log. Revoke records for other blocks are not kept: nothing would
 * ask for them, and a hostile log could hold any number of them.
 *
 * Facts: Linux fs/jbd2/recovery.c and revoke.c.
 * @param end sequence number at which the log ends
 * @param blocks blocks of the device
 * @throws ChecksumError, CorruptError where the kernel refuses to mount
 */
export function collectCopies(journal: Journal, end: number, blocks: number): LogContents {
  const {superblock, file} = journal;
  /** Block of the file system → block of the image with its copy × 2, plus 1 when escaped; -1: none counts so far. */
  const places = new Map<number, number>();
  const revokes = new Map<number, number>();

  walkLog(journal, end, {
    descriptor: (tags, cursor, sequence, block, index) => {
      if (!tailMatches(superblock, block)) {
        throw new ChecksumError('journal-descriptor-checksum', {sequence, index});
      }
      for (const tag of tags) if (tag.block < blocks) places.set(tag.block, -1);
      if (places.size > MAX_BLOCKS) throw new UnsupportedError('journal-blocks', {limit: MAX_BLOCKS});
      cursor.skip(tags.length);
    },
  });
  walkLog(journal, end, {
    descriptor: (tags, cursor) => cursor.skip(tags.length),
    revoke: (block, sequence) => {
      for (const revoked of decodeRevokes(block, superblock)) {
        if (!places.has(revoked)) continue;
        const known = revokes.get(revoked);
        if (known === undefined || sequenceAfter(sequence, known)) revokes.set(revoked, sequence);
      }
    },
  });
  let replayed = 0;
  let revoked = 0;
  walkLog(journal, end, {
    descriptor: (tags, cursor, sequence) => {
      for (const tag of tags) {
        const index = cursor.index;
        cursor.skip(1);
        const revokedAt = revokes.get(tag.block);
        if (revokedAt !== undefined && !sequenceAfter(sequence, revokedAt)) {
          revoked++;
          continue;
        }
        const place = file.locate(index);
        if (
          hasBlockChecksums(superblock) &&
          !copyMatches(superblock, sequence, file.read(index), tag.checksum)
        ) {
          throw new ChecksumError('journal-copy-checksum', {sequence, block: tag.block, index});
        }
        if (tag.block >= blocks) throw new CorruptError('journal-copy-outside', {block: tag.block, blocks});
        if (place >= blocks) throw new CorruptError('journal-block-outside', {index, block: place});
        // The image has less than 2^43 blocks, so twice as many are safe integers.
        places.set(tag.block, place * 2 + ((tag.flags & TAG_ESCAPED) === 0 ? 0 : 1));
        replayed++;
      }
    },
  });
  for (const [block, place] of places) if (place === -1) places.delete(block);
  return {copies: new PlacedCopies(places), replayed, revoked};
}

/** Goes through the committed transactions. A visitor's `descriptor` moves the cursor over the copies. */
function walkLog(journal: Journal, end: number, visitor: Visitor): void {
  const {superblock} = journal;
  const cursor = new LogCursor(journal);
  let expected = superblock.sequence;
  while (sequenceAfter(end, expected)) {
    // Ends: each turn moves the cursor, which is bounded.
    const index = cursor.index;
    const block = cursor.next();
    const view = viewOf(block);
    const header = journalHeader.read(view);
    if (header.magic !== JOURNAL_MAGIC || header.sequence !== expected) break;
    if (header.blockType === DESCRIPTOR_BLOCK) {
      visitor.descriptor?.(decodeTags(view, superblock), cursor, expected, block, index);
    } else if (header.blockType === COMMIT_BLOCK) {
      expected = nextSequence(expected);
    } else if (header.blockType === REVOKE_BLOCK) {
      visitor.revoke?.(block, expected);
    } else {
      break;
    }
  }
  // The first pass came to `end`; only a log that overlaps itself leads another one elsewhere.
  if (expected !== end) throw new CorruptError('journal-passes-differ', {sequence: expected, end});
}

function* decodeRevokes(block: Uint8Array, superblock: Journal['superblock']): Generator<number> {
  const view = viewOf(block);
  const count = view.getUint32(revokeHeader.at.count);
  const limit = block.length - (hasBlockChecksums(superblock) ? BLOCK_TAIL_SIZE : 0);
  if (count > limit) throw new CorruptError('journal-revoke-count', {count, limit});
  const size = superblock.wide ? 8 : 4;
  for (let at = revokeHeader.size; at + size <= count; at += size) {
    // Above 2^53 the sum is not exact, but also no block that could be asked for.
    yield superblock.wide ? view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4) : view.getUint32(at);
  }
}

class PlacedCopies implements CopyMap {
  readonly #places: ReadonlyMap<number, number>;

  constructor(places: ReadonlyMap<number, number>) {
    this.#places = places;
  }

  get size(): number {
    return this.#places.size;
  }

  get(block: number): Copy | undefined {
    const place = this.#places.get(block);
    if (place === undefined) return undefined;
    return {block: Math.floor(place / 2), escaped: place % 2 === 1};
  }

  keys(): Iterable<number> {
    return this.#places.keys();
  }
}
