import type {Structure} from '../structures.js';
import type {DamageBench} from './bench.js';
import type {Damage} from './damage.js';

const IMAGE = 'mutant-sealed-journal';
const FAST = 'mutant-fast-commit';
const MAGIC = 0xc03b3998;
const DESCRIPTOR = 1;
const COMMIT = 2;
const REVOKE = 5;
/** Fields of the journal's superblock. */
const J = {
  length: 0x10,
  first: 0x14,
  sequence: 0x18,
  start: 0x1c,
  incompat: 0x28,
  fastCommits: 0x54,
} as const;
const TAG = 12;
const TAG_SIZE = 16;
const SAME_UUID = 2;
const LAST = 8;

function superblock(name: string, change: (bytes: Buffer) => void, refused: string | RegExp): Damage {
  return {
    name: `a journal with ${name}`,
    image: IMAGE,
    make: (bench) => bench.edit(bench.journal()[0]!, change),
    answers: [],
    judge: undefined,
    refused,
  };
}

/** The first block of a type in the log that counts. */
function ofType(bench: DamageBench, type: number): Structure {
  const log = bench.journal();
  const head = bench.image.subarray(log[0]!.start);
  const start = head.readUInt32BE(J.start);
  const sequence = head.readUInt32BE(J.sequence);
  const found = log.slice(start).find((block) => {
    const bytes = bench.image.subarray(block.start);
    return (
      bytes.readUInt32BE(0) === MAGIC && bytes.readUInt32BE(4) === type && bytes.readUInt32BE(8) >= sequence
    );
  });
  if (found === undefined) throw new Error(`the log has no block of type ${type}`);
  return found;
}

function inLog(
  name: string,
  type: number,
  change: (bytes: Buffer, bench: DamageBench) => void,
  outcome: {refused: string | RegExp} | {answers: Damage['answers']},
): Damage {
  return {
    name,
    image: IMAGE,
    make: (bench) => bench.edit(ofType(bench, type), (bytes) => change(bytes, bench)),
    answers: [],
    judge: undefined,
    ...outcome,
  };
}

/** Descriptors, each of as many tags as fit, that follow each other all around the log and so never end. */
function circle(bench: DamageBench): void {
  const [head] = bench.journal();
  const bytes = bench.image.subarray(head!.start);
  const length = bytes.readUInt32BE(J.length);
  const sequence = bytes.readUInt32BE(J.sequence);
  bench.edit(head!, (changed) => changed.writeUInt32BE(1, J.start));
  const room = Math.floor((bench.blockSize - TAG - 4) / TAG_SIZE);
  for (let index = 1; index < length; ) {
    const tags = Math.min(room, length - index - 1);
    const block = bench.journalBlock(index);
    bench.edit(block, (descriptor) => {
      descriptor.fill(0);
      descriptor.writeUInt32BE(MAGIC, 0);
      descriptor.writeUInt32BE(DESCRIPTOR, 4);
      descriptor.writeUInt32BE(sequence, 8);
      for (let n = 0; n < tags; n++) {
        descriptor.writeUInt32BE(2000 + n, TAG + n * TAG_SIZE);
        descriptor.writeUInt16BE(SAME_UUID | (n === tags - 1 ? LAST : 0), TAG + n * TAG_SIZE + 6);
      }
    });
    index += tags + 1;
  }
}

/** The first record of fast commits with a tag: 1 add range, 3 create, 6 inode. */
function record(bench: DamageBench, wanted: number): {block: Structure; at: number} {
  for (const block of bench.journal('fast commit block')) {
    const bytes = bench.image.subarray(block.start, block.start + block.length);
    for (let at = 0; at + 4 <= bytes.length && bytes.readUInt16LE(at) !== 0; ) {
      if (bytes.readUInt16LE(at) === wanted) return {block, at};
      at += 4 + bytes.readUInt16LE(at + 2);
    }
  }
  throw new Error(`there is no fast commit with tag ${wanted}`);
}

function fastCommit(
  name: string,
  tag: number,
  change: (bytes: Buffer) => void,
  refused: string | RegExp,
): Damage {
  return {
    name: `a fast commit ${name}`,
    image: FAST,
    make: (bench) => {
      const {block, at} = record(bench, tag);
      bench.edit(block, (bytes) => change(bytes.subarray(at)));
    },
    answers: [],
    judge: undefined,
    refused,
  };
}

export const JOURNAL_DAMAGES: readonly Damage[] = [
  superblock('no magic number', (bytes) => bytes.writeUInt32BE(0, 0), 'EUCLEAN journal-magic'),
  superblock(
    'more blocks than its file',
    (bytes) => bytes.writeUInt32BE(0xffffffff, J.length),
    'EUCLEAN journal-file-short',
  ),
  superblock(
    'a log that begins at its superblock',
    (bytes) => bytes.writeUInt32BE(0, J.first),
    'EUCLEAN journal-first-block',
  ),
  superblock(
    'a log that begins past its end',
    (bytes) => bytes.writeUInt32BE(0xffffff, J.first),
    'EUCLEAN journal-first-block',
  ),
  superblock(
    'work that begins past its end',
    (bytes) => bytes.writeUInt32BE(0xffffff, J.start),
    'EUCLEAN journal-start',
  ),
  superblock(
    'features that nobody knows',
    (bytes) => bytes.writeUInt32BE(0x80000000, J.incompat),
    /^EOPNOTSUPP journal-incompat/,
  ),
  {
    name: 'a log of descriptors that goes around for ever',
    image: IMAGE,
    make: circle,
    answers: [],
    judge: undefined,
    refused: /^(EUCLEAN journal-|EBADMSG journal-)/,
  },
  inLog(
    'a copy for a block past the end of the file system',
    DESCRIPTOR,
    (bytes) => bytes.writeUInt32BE(0x7fffffff, TAG),
    {refused: /^EUCLEAN journal-copy-outside/},
  ),
  inLog('a copy for block 2^63', DESCRIPTOR, (bytes) => bytes.writeUInt32BE(0x80000000, TAG + 8), {
    refused: /^EUCLEAN journal-copy-outside/,
  }),
  inLog('a copy for the superblock', DESCRIPTOR, (bytes) => bytes.writeUInt32BE(1, TAG), {
    answers: [[(ask) => ask.stat(''), '1024']],
  }),
  inLog(
    'a copy for a block of the journal itself',
    DESCRIPTOR,
    (bytes, bench) => bytes.writeUInt32BE(bench.numberOf(bench.journal()[3]!), TAG),
    {answers: [[(ask) => ask.stat(''), '1024']]},
  ),
  inLog('a revocation of more blocks than fit', REVOKE, (bytes) => bytes.writeUInt32BE(0xffffffff, 12), {
    refused: 'EUCLEAN journal-revoke-count',
  }),
  inLog('a commit of another transaction', COMMIT, (bytes) => bytes.writeUInt32BE(0x12345678, 8), {
    answers: [[(ask) => ask.stat(''), '1024']],
  }),
  fastCommit(
    'whose record runs past its block',
    3,
    (bytes) => bytes.writeUInt16LE(0xfff0, 2),
    /^(EUCLEAN|EBADMSG) fast-commit-/,
  ),
  fastCommit(
    'of blocks past the end of the file system',
    1,
    (bytes) => bytes.writeUInt32LE(0xfffffff0, 4 + 12),
    'EUCLEAN fast-commit-range',
  ),
  fastCommit(
    'of inode 2^32 - 1',
    6,
    (bytes) => bytes.writeUInt32LE(0xffffffff, 4),
    'EUCLEAN fast-commit-inode',
  ),
  fastCommit('of the root', 6, (bytes) => bytes.writeUInt32LE(2, 4), 'EUCLEAN fast-commit-inode'),
  fastCommit('that makes a file in no directory', 3, (bytes) => bytes.writeUInt32LE(0xffffffff, 4), /./),
];
