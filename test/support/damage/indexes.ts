import type {DamageBench} from './bench.js';
import type {Damage} from './damage.js';

const IMAGE = 'mutant-checksums';
/** A directory of twelve blocks with an index of one level. */
const INDEXED = 'shrunk';
const HASH_VERSION = 0x1c;
const INFO_LENGTH = 0x1d;
const LEVELS = 0x1e;
const FLAGS = 0x1f;
const LIMIT = 0x20;
const COUNT = 0x22;
const FIRST_BLOCK = 0x24;
const slot = (number: number): number => 0x20 + 8 * number;

function someName(bench: DamageBench): string {
  const block = bench.blocks(INDEXED, 'directory block')[3]!;
  const at = block.start;
  return bench.image.toString('latin1', at + 8, at + 8 + bench.image[at + 6]!);
}

/** Damage to the index of a directory. What it says decides where names are looked for, so none is found in its place. */
function index(
  name: string,
  change: (root: Buffer) => void,
  absent: string | RegExp,
  judge: RegExp | undefined,
): Damage {
  return {
    name,
    image: IMAGE,
    make: (bench) => bench.edit(bench.blocks(INDEXED, 'directory block')[0]!, change),
    answers: [
      [(ask) => ask.lookup(INDEXED, 'absent'), absent],
      [(ask) => ask.list(INDEXED), /^(\d+|EUCLEAN [a-z-]+|EBADMSG [a-z-]+)$/],
    ],
    judge,
  };
}

export const INDEX_DAMAGES: readonly Damage[] = [
  index(
    'a hash that nobody knows',
    (root) => {
      root[HASH_VERSION] = 0x77;
    },
    'undefined',
    /HTREE|htree|hash version/i,
  ),
  index(
    'an index deeper than any',
    (root) => {
      root[LEVELS] = 200;
    },
    'undefined',
    /HTREE|depth/i,
  ),
  index(
    'an index of two levels whose nodes are leaves',
    (root) => {
      root[LEVELS] = 1;
    },
    /EUCLEAN htree-not-index|undefined/,
    /HTREE|depth/i,
  ),
  index(
    'flags in the root',
    (root) => {
      root[FLAGS] = 1;
    },
    'undefined',
    /HTREE|htree|flags/i,
  ),
  index(
    'information of another length',
    (root) => {
      root[INFO_LENGTH] = 200;
    },
    /^(undefined|EBADMSG [a-z-]+|EUCLEAN [a-z-]+)$/,
    undefined,
  ),
  index(
    'an entry that leads to the index itself',
    (root) => root.fill(0, FIRST_BLOCK, FIRST_BLOCK + 4),
    /^(undefined|EUCLEAN [a-z-]+)$/,
    /HTREE|HTREE|index|node/i,
  ),
  index(
    'all entries lead to one leaf',
    (root) => {
      for (let n = 0; n < root.readUInt16LE(COUNT); n++) root.writeUInt32LE(1, slot(n) + 4);
    },
    'undefined',
    /HTREE|referenced|index/i,
  ),
  index(
    'an entry past the end of the directory',
    (root) => {
      for (let n = 0; n < root.readUInt16LE(COUNT); n++) root.writeUInt32LE(0x0fffffff, slot(n) + 4);
    },
    'EUCLEAN dir-block-outside',
    /HTREE|Invalid|index/i,
  ),
  index(
    'hashes out of order',
    (root) => {
      const count = root.readUInt16LE(COUNT);
      for (let n = 1; n < count; n++) root.writeUInt32LE(0xffffffff - n * 0x01000000, slot(n));
    },
    'undefined',
    /HTREE|hash|order/i,
  ),
  index('a count of 0', (root) => root.writeUInt16LE(0, COUNT), /^(undefined|EBADMSG [a-z-]+)$/, undefined),
  index(
    'more entries than the limit',
    (root) => root.writeUInt16LE(root.readUInt16LE(LIMIT) + 1, COUNT),
    /^(undefined|EBADMSG [a-z-]+)$/,
    undefined,
  ),
  {
    name: 'a leaf whose first entry covers it',
    image: IMAGE,
    make: (bench) =>
      bench.edit(bench.blocks(INDEXED, 'directory block')[3]!, (bytes) => {
        bytes.writeUInt32LE(0, 0);
        bytes.writeUInt16LE(bytes.length - 12, 4);
      }),
    answers: [[(ask) => ask.lookup(INDEXED, 'absent'), 'undefined']],
    judge: /Unattached|ref count/i,
  },
  {
    name: 'a name whose hash belongs into another leaf',
    image: IMAGE,
    make: (bench) => {
      const block = bench.blocks(INDEXED, 'directory block')[3]!;
      if (someName(bench).length < 3) throw new Error('too short a name');
      bench.edit(block, (bytes) => bytes.write('zz', 8));
    },
    answers: [[(ask) => ask.list(INDEXED), /^\d+$/]],
    judge: /HTREE|hash/i,
  },
];
