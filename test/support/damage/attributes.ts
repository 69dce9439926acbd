import type {DamageBench} from './bench.js';
import type {Damage} from './damage.js';

const IMAGE = 'mutant-checksums';
/** Has a block of attributes. */
const FILE = 'xattrs/large';
/** Has attributes in its inode alone. */
const SMALL = 'xattrs/small';
/** Start of the entries in a block. */
const FIRST = 32;
const NAME_LENGTH = 0;
const NAME_INDEX = 1;
const VALUE_OFFSET = 2;
const VALUE_INODE = 4;
const VALUE_SIZE = 8;

function names(path: string, answer: string | RegExp): Damage['answers'][number] {
  return [(ask) => ask.names(path), answer];
}

function block(
  name: string,
  change: (bytes: Buffer, bench: DamageBench) => void,
  answer: string | RegExp,
  judge: RegExp | undefined,
): Damage {
  return {
    name,
    image: IMAGE,
    make: (bench) => bench.edit(bench.blocks(FILE, 'attribute block')[0]!, (bytes) => change(bytes, bench)),
    answers: [names(FILE, answer), [(ask) => ask.stat(FILE), '5']],
    judge,
  };
}

/** Entries of one byte that fill a block. */
function bomb(bytes: Buffer): void {
  bytes.fill(0, FIRST);
  for (let at = FIRST, n = 0; at + 24 <= bytes.length; at += 20, n++) {
    bytes[at + NAME_LENGTH] = 2;
    bytes[at + NAME_INDEX] = 1;
    bytes.writeUInt16LE(0x2020 + n, at + 16);
  }
}

export const ATTRIBUTE_DAMAGES: readonly Damage[] = [
  block(
    'a block without its magic number',
    (bytes) => bytes.writeUInt32LE(0, 0),
    'EUCLEAN xattr-header',
    /attribute/i,
  ),
  block(
    'attributes of two blocks',
    (bytes) => bytes.writeUInt32LE(2, 8),
    'EUCLEAN xattr-header',
    /attribute/i,
  ),
  block(
    'a name past the block',
    (bytes) => {
      for (let at = FIRST; at + 16 < bytes.length; at += 16) bytes[at] = 255;
    },
    /^EUCLEAN xattr-/,
    /attribute/i,
  ),
  block(
    'a value over the entries',
    (bytes) => bytes.writeUInt16LE(FIRST, FIRST + VALUE_OFFSET),
    'EUCLEAN xattr-value-overlaps',
    /attribute/i,
  ),
  block(
    'a value past the block',
    (bytes) => bytes.writeUInt16LE(bytes.length - 4, FIRST + VALUE_OFFSET),
    'EUCLEAN xattr-value-outside',
    /attribute/i,
  ),
  block(
    'a value of 2^32 - 1 bytes',
    (bytes) => bytes.writeUInt32LE(0xffffffff, FIRST + VALUE_SIZE),
    'EUCLEAN xattr-value-size',
    /attribute/i,
  ),
  block(
    'a value in an inode, without the feature',
    (bytes) => bytes.writeUInt32LE(83, FIRST + VALUE_INODE),
    'EUCLEAN xattr-value-inode-feature',
    /attribute/i,
  ),
  block('a bomb of fifty empty attributes', bomb, /^(user\...\s){45,}$/, /attribute|ref/i),
  block(
    'a name space that nobody knows',
    (bytes) => {
      bytes[FIRST + NAME_INDEX] = 99;
    },
    '',
    undefined,
  ),
  {
    name: 'attributes in an inode that run past it',
    image: IMAGE,
    make: (bench) =>
      bench.edit(bench.inode(SMALL), (bytes) => {
        const first = 0x80 + bytes.readUInt16LE(0x80) + 4;
        bytes[first] = 255;
      }),
    answers: [names(SMALL, /^EUCLEAN xattr-/), [(ask) => ask.read(SMALL), '5']],
    judge: /attribute/i,
  },
  {
    name: 'a value in an inode that is the file itself',
    image: 'mutant-sealed',
    make: (bench) => {
      const target = bench.blocks('xattrs/both', 'attribute block')[0]!;
      bench.edit(target, (bytes) => bytes.writeUInt32LE(bench.ino('xattrs/both'), FIRST + VALUE_INODE));
    },
    answers: [
      [
        (ask) => ask.attribute('xattrs/both', firstName(ask.names('xattrs/both'), 'block')),
        /^(EUCLEAN ea-inode-self|\d+)$/,
      ],
    ],
    judge: /attribute|EA inode/i,
  },
  {
    name: 'a value in an inode that is a plain file',
    image: 'mutant-sealed',
    make: (bench) => {
      const target = bench.blocks('xattrs/both', 'attribute block')[0]!;
      bench.edit(target, (bytes) => bytes.writeUInt32LE(bench.ino('sizes/4096'), FIRST + VALUE_INODE));
    },
    answers: [
      [
        (ask) => ask.attribute('xattrs/both', firstName(ask.names('xattrs/both'), 'block')),
        /^(EUCLEAN ea-inode-flag|\d+)$/,
      ],
      [(ask) => ask.read('sizes/4096'), '4096'],
    ],
    judge: /attribute|EA inode/i,
  },
];

/** The name listed last: blocks come after inodes. */
function firstName(list: string, _where: 'block'): string {
  return list.trim().split(' ').at(-1)!;
}
