import {INODE_FLAG, ROOT_INODE} from '../../../src/ext4/index.js';
import {replayJournal} from '../../../src/ext4/journal/replay.js';
import {decodeSuperblock} from '../../../src/ext4/superblock.js';
import {JournalSealer} from '../../support/journal-checksums.js';
import type {Structure} from '../../support/structures.js';
import {decodePieces, PIECES_MAX} from './pieces.js';
import {BLOCK, FLAG, INPUT_INO, JOURNAL_FIRST, JOURNAL_INO, JOURNAL_LENGTH, Stage} from './stage.js';
import {attempt, must, padded, type Target} from './target.js';

const stage = new Stage();
const FC_BLOCKS = 64;
/** The first block of fast commits, counted from the journal's start. */
const FC_FIRST = JOURNAL_LENGTH - FC_BLOCKS + 1;

function structure(index: number, kind: Structure['kind']): Structure {
  return {kind, start: (JOURNAL_FIRST + index) * BLOCK, length: BLOCK, ino: JOURNAL_INO};
}

/** Puts an input's blocks into the journal, replays it and looks at what came of it. */
function replay(bytes: Uint8Array, prepare: () => void): void {
  const {flags, inode, blocks} = decodePieces(bytes);
  stage.reset(flags, true);
  const place = stage.inodeStructure(INPUT_INO);
  const raw = stage.at(place.start, place.length);
  raw.set(padded(inode, place.length));
  raw.writeUInt32LE((raw.readUInt32LE(0x20) | INODE_FLAG.extents) >>> 0, 0x20);
  if ((flags & FLAG.unsealed) === 0) stage.seal([place]);
  prepare();
  const log: Structure[] = [];
  for (let index = 0; index < 40; index++) log.push(structure(index, 'journal block'));
  for (let index = 0; index < 8; index++) log.push(structure(FC_FIRST + index, 'fast commit block'));
  const placed: Structure[] = [log[0]!];
  for (const {number, bytes: content} of blocks) {
    const index = number % JOURNAL_LENGTH;
    stage.at((JOURNAL_FIRST + index) * BLOCK, BLOCK).set(padded(content, BLOCK));
    const known = log.find(({start}) => start === (JOURNAL_FIRST + index) * BLOCK);
    if (known !== undefined) placed.push(known);
  }
  if ((flags & FLAG.unsealed) === 0) {
    const sealer = new JournalSealer(stage.image, log);
    for (const each of placed) sealer.seal(each);
  }
  const before = Buffer.from(stage.image.subarray(0, 700 * BLOCK));
  const superblock = decodeSuperblock(stage.image.subarray(BLOCK, 2 * BLOCK));
  const source = stage.source();
  const replayed = attempt(() => replayJournal(source, superblock));
  must(before.equals(stage.image.subarray(0, 700 * BLOCK)), 'the image was written to');
  if (replayed === undefined) return;
  const target = new Uint8Array(BLOCK);
  for (const block of [1, 2, 5, 512, 600, 8191]) {
    source.begin();
    must(replayed.source.read(target, 0, BLOCK, block * BLOCK) === BLOCK, `block ${block} is not there`);
  }
  must(Number(ROOT_INODE) === 2, 'the root moved');
}

/** The log: its superblock, descriptors, copies, revocations and commits. The input has all of its blocks. */
export const journal: Target = {
  name: 'journal',
  maxBytes: PIECES_MAX,
  run: (bytes) => replay(bytes, () => undefined),
};

/** Fast commits behind an empty log. */
export const fastCommit: Target = {
  name: 'fast-commit',
  maxBytes: PIECES_MAX,
  run: (bytes) => replay(bytes, prepareFastCommits),
};

const JOURNAL_MAGIC = 0xc03b3998;

/** A journal of version 2 with checksums, nothing in its log, and an area for fast commits. */
function prepareFastCommits(): void {
  const s = stage.at(JOURNAL_FIRST * BLOCK, BLOCK);
  for (const [at, value] of [
    [0, JOURNAL_MAGIC],
    [4, 4],
    [0xc, BLOCK],
    [0x10, JOURNAL_LENGTH],
    [0x14, 1],
    [0x18, 2],
    [0x1c, 1],
    // Revocations, 64 bits, checksums of version 3, fast commits.
    [0x28, 0x33],
    [0x54, FC_BLOCKS],
  ] as const)
    s.writeUInt32BE(value, at);
  s[0x50] = 4;
}
