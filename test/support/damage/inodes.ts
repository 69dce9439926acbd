import type {Damage} from './damage.js';

const IMAGE = 'mutant-checksums';
const FILE = 'sizes/4096';
const SYMLINK = 'symlinks/length-59';
const SLOW_SYMLINK = 'symlinks/length-200';
const MODE = 0;
const SIZE = 4;
const LINKS = 0x1a;
const FLAGS = 0x20;
const BLOCK = 0x28;
const FILE_ACL = 0x68;
const SIZE_HIGH = 0x6c;
const EXTRA_SIZE = 0x80;

function inode(
  name: string,
  path: string,
  change: (bytes: Buffer) => void,
  answers: Damage['answers'],
  judge: RegExp | undefined,
): Damage {
  return {name, image: IMAGE, make: (bench) => bench.edit(bench.inode(path), change), answers, judge};
}

const ofFile = (answer: string | RegExp): Damage['answers'] => [
  [(ask) => ask.stat(FILE), answer],
  [(ask) => ask.lookup('sizes', '4096'), answer],
];

export const INODE_DAMAGES: readonly Damage[] = [
  inode(
    'a size of 2^63',
    FILE,
    (bytes) => {
      bytes.writeUInt32LE(0, SIZE);
      bytes.writeUInt32LE(0x80000000, SIZE_HIGH);
    },
    ofFile('EUCLEAN inode-size'),
    /i_size/,
  ),
  inode(
    'a size of 2^63 - 1',
    FILE,
    (bytes) => {
      bytes.writeUInt32LE(0xffffffff, SIZE);
      bytes.writeUInt32LE(0x7fffffff, SIZE_HIGH);
    },
    ofFile('EUCLEAN inode-size'),
    /i_size/,
  ),
  inode(
    'a size of 4 TiB less a block, with one block there',
    FILE,
    (bytes) => {
      bytes.writeUInt32LE(2 ** 32 - 2048, SIZE);
      bytes.writeUInt32LE(0x3ff, SIZE_HIGH);
    },
    [
      [(ask) => ask.stat(FILE), `${2 ** 42 - 2048}`],
      [(ask) => ask.read(FILE), `${2 ** 20}`],
      [(ask) => ask.seek(FILE, 'hole'), '4096'],
    ],
    undefined,
  ),
  inode(
    'a directory of 4 GiB less a block',
    'xattrs',
    (bytes) => bytes.writeUInt32LE(2 ** 32 - 1024, SIZE),
    [
      [(ask) => ask.list('xattrs'), 'EUCLEAN dir-size'],
      [(ask) => ask.lookup('xattrs', 'small'), 'EUCLEAN dir-size'],
    ],
    /i_size/,
  ),
  inode(
    'times of more nanoseconds than a second has',
    FILE,
    (bytes) => {
      for (const at of [0x84, 0x88, 0x8c, 0x94]) bytes.writeUInt32LE(0xfffffffc, at);
    },
    ofFile(/^\d+$/),
    undefined,
  ),
  inode('no type', FILE, (bytes) => bytes.writeUInt16LE(0o644, MODE), ofFile('EUCLEAN inode-mode'), /mode/i),
  inode(
    'a type that does not exist',
    FILE,
    (bytes) => bytes.writeUInt16LE(0o170644, MODE),
    ofFile('EUCLEAN inode-mode'),
    /mode/i,
  ),
  inode(
    'no links, though a name leads to it',
    FILE,
    (bytes) => bytes.writeUInt16LE(0, LINKS),
    [
      [(ask) => ask.stat(FILE), 'ESTALE inode-deleted'],
      [(ask) => ask.lookup('sizes', '4096'), 'EUCLEAN entry-of-deleted'],
    ],
    /deleted|dtime|ref count/i,
  ),
  inode(
    'inline data and extents at once',
    FILE,
    (bytes) => bytes.writeUInt32LE(0x10080000, FLAGS),
    ofFile('EUCLEAN inode-inline-extents'),
    /inline/i,
  ),
  inode(
    'case folding in a file system that has none',
    'sizes',
    (bytes) => bytes.writeUInt32LE(bytes.readUInt32LE(FLAGS) | 0x40000000, FLAGS),
    [[(ask) => ask.stat('sizes'), 'EUCLEAN inode-casefold-flag']],
    undefined,
  ),
  inode(
    'fields longer than the inode',
    FILE,
    (bytes) => bytes.writeUInt16LE(0x8000, EXTRA_SIZE),
    ofFile('EUCLEAN inode-extra-size'),
    /extra size/i,
  ),
  inode(
    'a block of attributes past the end of the file system',
    FILE,
    (bytes) => bytes.writeUInt32LE(0xfffffff0, FILE_ACL),
    ofFile('EUCLEAN inode-xattr-block'),
    /attribute block .* invalid/,
  ),
  inode(
    'a block of attributes that is the superblock',
    FILE,
    (bytes) => bytes.writeUInt32LE(1, FILE_ACL),
    ofFile('EUCLEAN inode-xattr-block'),
    /i_file_acl|claimed|attribute/i,
  ),
  inode(
    'a symbolic link with a NUL in it',
    SYMLINK,
    (bytes) => {
      bytes[BLOCK + 20] = 0;
    },
    [
      [(ask) => ask.stat(SYMLINK), 'EUCLEAN symlink-length'],
      [(ask) => ask.lookup('symlinks', 'length-59'), 'EUCLEAN symlink-length'],
    ],
    /[Ss]ymlink/,
  ),
  inode(
    'a symbolic link to nothing',
    SYMLINK,
    (bytes) => bytes.writeUInt32LE(0, SIZE),
    [[(ask) => ask.stat(SYMLINK), 'EUCLEAN symlink-length']],
    /[Ss]ymlink/,
  ),
  inode(
    'a symbolic link of 2^32 bytes',
    SLOW_SYMLINK,
    (bytes) => bytes.writeUInt32LE(0xffffffff, SIZE),
    // The text ends at its NUL, as for the kernel.
    [[(ask) => ask.readlink(SLOW_SYMLINK).length, '200']],
    /[Ss]ymlink/,
  ),
  {
    name: 'a symbolic link in a block, with a NUL in it',
    image: IMAGE,
    make: (bench) => {
      const at = bench.inode(SLOW_SYMLINK).start + BLOCK + 12 + 8;
      const start = bench.image.readUInt32LE(at) * bench.blockSize;
      const block = {
        kind: 'other block',
        start,
        length: bench.blockSize,
        ino: bench.ino(SLOW_SYMLINK),
      } as const;
      bench.edit(block, (bytes) => {
        bytes[7] = 0;
      });
    },
    answers: [[(ask) => ask.readlink(SLOW_SYMLINK).length, '7']],
    judge: /[Ss]ymlink/,
  },
  inode(
    'a symbolic link without its block',
    SLOW_SYMLINK,
    (bytes) => bytes.writeUInt16LE(0, BLOCK + 2),
    [[(ask) => ask.readlink(SLOW_SYMLINK), 'EUCLEAN symlink-hole']],
    /[Ss]ymlink/,
  ),
  inode(
    'a file that says it is a directory',
    FILE,
    (bytes) => bytes.writeUInt16LE(0o040755, MODE),
    [
      [(ask) => ask.list(FILE), /^(EBADMSG|EUCLEAN) dir-/],
      [(ask) => ask.lookup(FILE, 'x'), /^(EBADMSG|EUCLEAN) dir-/],
    ],
    /directory/i,
  ),
  inode(
    'a directory that says it is a file',
    'links/sub0',
    (bytes) => bytes.writeUInt16LE(0o100644, MODE),
    [
      [(ask) => ask.list('links/sub0'), 'ENOTDIR not-directory'],
      [(ask) => ask.read('links/sub0'), '1024'],
    ],
    /[Ff]iletype|directory|Unattached|links/,
  ),
];
