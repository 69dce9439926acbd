import type {DamageBench} from './bench.js';
import type {Damage} from './damage.js';

const IMAGE = 'mutant-checksums';
const DIRECTORY = 'xattrs';
/** The directory's names, `.` and `..` included. */
const NAMES = '31';
const INODE = 0;
const LENGTH = 4;
const NAME_LENGTH = 6;
const TYPE = 7;
const NAME = 8;

/** Damage to one entry, `shared4` unless told. */
function entry(
  name: string,
  change: (bytes: Buffer, bench: DamageBench) => void,
  answers: Damage['answers'],
  judge: RegExp | undefined,
  victim = 'shared4',
): Damage {
  return {
    name,
    image: IMAGE,
    make: (bench) => bench.editEntry(bench.entry(DIRECTORY, victim), (bytes) => change(bytes, bench)),
    answers,
    judge,
  };
}

function list(answer: string | RegExp): Damage['answers'][number] {
  return [(ask) => ask.list(DIRECTORY), answer];
}

function lookup(name: string, answer: string | RegExp): Damage['answers'][number] {
  return [(ask) => ask.lookup(DIRECTORY, name), answer];
}

/** A name as long as the victim's. */
function renamed(name: string): (bytes: Buffer) => void {
  return (bytes) => {
    bytes[NAME_LENGTH] = name.length;
    bytes.write(name, NAME, 'latin1');
  };
}

export const DIRECTORY_DAMAGES: readonly Damage[] = [
  entry(
    'a name with a slash',
    renamed('sha/../'),
    [list('EUCLEAN dir-name'), lookup('small', '83')],
    /illegal characters/i,
  ),
  entry(
    'a name with a NUL',
    renamed('sha\0red'),
    [list('EUCLEAN dir-name'), lookup('small', '83')],
    /illegal characters/i,
  ),
  entry('a name without a byte', renamed(''), [list('EUCLEAN dir-name-empty')], /zero-length/i),
  entry('a second "."', renamed('.'), [list(NAMES), lookup('.', '82')], /'\.'|Duplicate|link/i),
  entry('a second ".."', renamed('..'), [list(NAMES), lookup('..', '2')], /'\.\.'|Duplicate|link/i),
  entry('a name twice', renamed('shared5'), [list(NAMES), lookup('shared5', '92')], /Duplicate|ref count/i),
  entry(
    'a distance of 0',
    (bytes) => bytes.writeUInt16LE(0, LENGTH),
    [list('EUCLEAN dir-entry-short'), lookup('absent', 'EUCLEAN dir-entry-short')],
    /corrupted|rec_len/i,
  ),
  entry(
    'a distance into the middle of a word',
    (bytes) => bytes.writeUInt16LE(bytes.readUInt16LE(LENGTH) + 2, LENGTH),
    [list('EUCLEAN dir-entry-alignment'), lookup('absent', 'EUCLEAN dir-entry-alignment')],
    /corrupted|rec_len/i,
  ),
  entry(
    'a distance past the block',
    (bytes) => bytes.writeUInt16LE(0xfffc, LENGTH),
    [list('EUCLEAN dir-entry-crosses'), lookup('absent', 'EUCLEAN dir-entry-crosses')],
    /corrupted|rec_len/i,
  ),
  entry(
    'a distance to the last bytes of the block',
    (bytes, bench) => {
      const {at, block} = bench.entry(DIRECTORY, 'shared4');
      bytes.writeUInt16LE(block.length - at - 8, LENGTH);
    },
    [list('EUCLEAN dir-entry-near-end')],
    /corrupted|rec_len/i,
  ),
  entry(
    'a name longer than its entry',
    (bytes) => {
      bytes[NAME_LENGTH] = 255;
    },
    [list('EUCLEAN dir-name-length')],
    /corrupted|rec_len|name_len/i,
  ),
  entry(
    'inode 0',
    (bytes) => bytes.writeUInt32LE(0, INODE),
    [list('30'), lookup('shared4', 'undefined')],
    /Unattached|ref count|zero/i,
  ),
  entry(
    'an inode past the last',
    (bytes) => bytes.writeUInt32LE(0xffffffff, INODE),
    [list('EUCLEAN dir-inode'), lookup('shared4', 'EUCLEAN dir-inode')],
    /inode/i,
  ),
  entry(
    'the inode of the journal',
    (bytes) => bytes.writeUInt32LE(8, INODE),
    [list(NAMES), lookup('shared4', 'EUCLEAN dir-inode-reserved')],
    /inode|link/i,
  ),
  entry(
    'an inode that is not in use',
    (bytes) => bytes.writeUInt32LE(1000, INODE),
    [list(NAMES), lookup('shared4', 'EUCLEAN entry-of-deleted')],
    /deleted|unused|inode/i,
  ),
  entry(
    'the directory itself',
    (bytes) => {
      bytes.writeUInt32LE(82, INODE);
      bytes[TYPE] = 2;
    },
    [list(NAMES), lookup('shared4', 'EUCLEAN dir-in-itself')],
    /link to|ref count/i,
  ),
  entry(
    'the root',
    (bytes) => {
      bytes.writeUInt32LE(2, INODE);
      bytes[TYPE] = 2;
    },
    [list(NAMES), lookup('shared4', 'EUCLEAN entry-of-root')],
    /link to|root/i,
  ),
  entry(
    'a hard link to a directory',
    (bytes) => {
      bytes.writeUInt32LE(67, INODE);
      bytes[TYPE] = 2;
    },
    [list(NAMES), lookup('shared4', 'EUCLEAN entry-of-other-parent')],
    /link to directory|is a link/i,
  ),
  entry(
    'a file that is said to be a directory',
    (bytes) => {
      bytes[TYPE] = 2;
    },
    [list(NAMES), lookup('shared4', '92')],
    /filetype/i,
  ),
  entry(
    'a file of a kind that does not exist',
    (bytes) => {
      bytes[TYPE] = 0x7f;
    },
    [list(NAMES), lookup('shared4', '92')],
    /filetype/i,
  ),
  entry(
    'a "." that leads elsewhere',
    (bytes) => bytes.writeUInt32LE(2, INODE),
    [list(NAMES), lookup('.', /./)],
    /'\.'/,
    '.',
  ),
  entry(
    'a "." that is no dot',
    (bytes) => {
      bytes[NAME] = 0x78;
    },
    [list(NAMES), lookup('small', '83')],
    /'\.'|\./,
    '.',
  ),
  entry(
    'a ".." that leads to the directory itself',
    (bytes) => bytes.writeUInt32LE(82, INODE),
    [list(NAMES), lookup('..', /./)],
    /'\.\.'/,
    '..',
  ),
  entry(
    'a ".." that leads to a file',
    (bytes) => bytes.writeUInt32LE(83, INODE),
    [list(NAMES), lookup('..', /./)],
    /'\.\.'|\.\./,
    '..',
  ),
  {
    name: 'a directory below itself',
    image: IMAGE,
    make: (bench) =>
      bench.editEntry(bench.entry('deep/d0', '..'), (bytes) => {
        // What leads to the directory's own parent instead of its parent's entry.
        bytes.writeUInt32LE(bench.ino('deep/d0'), INODE);
      }),
    answers: [[(ask) => ask.lookup('deep/d0', '..'), /./]],
    judge: /'\.\.'/,
  },
  {
    name: 'two directories that hold each other',
    image: IMAGE,
    make: (bench) => {
      bench.editEntry(bench.entry('links/sub0', '..'), (bytes) => {
        bytes.writeUInt32LE(bench.ino('links/sub1'), INODE);
      });
      bench.editEntry(bench.entry('links', 'sub1'), (bytes) =>
        bytes.writeUInt32LE(bench.ino('links'), INODE),
      );
    },
    answers: [[(ask) => ask.lookup('links', 'sub1'), 'EUCLEAN dir-in-itself']],
    judge: /link to|'\.\.'|Unconnected/,
  },
  {
    name: 'a directory that is a hole',
    image: IMAGE,
    make: (bench) => bench.edit(bench.inode(DIRECTORY), (inode) => inode.writeUInt16LE(0, 0x28 + 2)),
    answers: [list('0'), lookup('small', 'undefined')],
    judge: /hole|directory|Missing|missing/i,
  },
];
