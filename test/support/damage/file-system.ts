import type {Damage} from './damage.js';

const IMAGE = 'mutant-checksums';
const NEVER: Damage['answers'] = [];

/** Offsets in the superblock. */
const S = {
  blocksCount: 0x4,
  firstBlock: 0x14,
  logBlockSize: 0x18,
  logClusterSize: 0x1c,
  blocksPerGroup: 0x20,
  inodesPerGroup: 0x28,
  firstInode: 0x54,
  inodeSize: 0x58,
  incompat: 0x60,
  descriptorSize: 0xfe,
  blocksHigh: 0x150,
} as const;

/** Damage that the image is refused for; the answer is that of the mount. */
function superblock(name: string, change: (bytes: Buffer) => void, refused: string | RegExp): Damage {
  return {
    name,
    image: IMAGE,
    make: (bench) => bench.edit(bench.superblock(), change),
    answers: NEVER,
    judge: undefined,
    refused,
  };
}

function group(
  name: string,
  change: (bytes: Buffer) => void,
  answers: Damage['answers'],
  judge: RegExp | undefined,
): Damage {
  return {name, image: IMAGE, make: (bench) => bench.edit(bench.group(0), change), answers, judge};
}

export const FILE_SYSTEM_DAMAGES: readonly Damage[] = [
  superblock(
    'blocks of 2^42 bytes',
    (bytes) => bytes.writeUInt32LE(32, S.logBlockSize),
    'EUCLEAN superblock-block-size',
  ),
  superblock(
    'clusters smaller than blocks',
    (bytes) => bytes.writeUInt32LE(7, S.logClusterSize),
    /^EUCLEAN superblock-cluster/,
  ),
  superblock('2^63 blocks', (bytes) => bytes.writeUInt32LE(0x80000000, S.blocksHigh), /^EUCLEAN/),
  superblock(
    'one block more than the image has',
    (bytes) => bytes.writeUInt32LE(8193, S.blocksCount),
    /^EUCLEAN device-too-small/,
  ),
  superblock('no blocks at all', (bytes) => bytes.writeUInt32LE(0, S.blocksCount), /^EUCLEAN/),
  superblock(
    'a first block past the end',
    (bytes) => bytes.writeUInt32LE(0xffffffff, S.firstBlock),
    'EUCLEAN superblock-first-block',
  ),
  superblock(
    'groups without inodes',
    (bytes) => bytes.writeUInt32LE(0, S.inodesPerGroup),
    'EUCLEAN superblock-inodes-per-group',
  ),
  superblock(
    'groups without blocks',
    (bytes) => bytes.writeUInt32LE(0, S.blocksPerGroup),
    /^EUCLEAN superblock-/,
  ),
  superblock(
    'inodes of three bytes',
    (bytes) => bytes.writeUInt16LE(3, S.inodeSize),
    'EUCLEAN superblock-inode-size',
  ),
  superblock(
    'inodes larger than blocks',
    (bytes) => bytes.writeUInt16LE(0x8000, S.inodeSize),
    'EUCLEAN superblock-inode-size',
  ),
  superblock(
    'descriptors of five bytes',
    (bytes) => bytes.writeUInt16LE(5, S.descriptorSize),
    'EUCLEAN superblock-descriptor-size',
  ),
  superblock(
    'a first inode among the reserved',
    (bytes) => bytes.writeUInt32LE(1, S.firstInode),
    'EUCLEAN superblock-first-inode',
  ),
  superblock(
    'features that nobody knows',
    (bytes) => bytes.writeUInt32LE(0x80000000, S.incompat),
    /^EOPNOTSUPP/,
  ),
  {
    ...group(
      'an inode table past the end of the file system',
      (bytes) => bytes.writeUInt32LE(0x7fffffff, 8),
      NEVER,
      undefined,
    ),
    refused: 'EUCLEAN group-inode-table',
  },
  {
    ...group('a bitmap at block 0', (bytes) => bytes.writeUInt32LE(0, 0), NEVER, undefined),
    refused: 'EUCLEAN group-block-bitmap',
  },
  {
    ...group(
      'an inode table where the journal is',
      (bytes) => bytes.writeUInt32LE(bytes.readUInt32LE(8) + 40, 8),
      NEVER,
      undefined,
    ),
    refused: /^(EBADMSG|EUCLEAN) inode-/,
  },
  group(
    'a group that says it has no inodes in use',
    (bytes) => bytes.writeUInt16LE(bytes.readUInt16LE(0x12) | 1, 0x12),
    [
      [(ask) => ask.list(''), '13'],
      [(ask) => ask.stat('sizes/4096'), '4096'],
    ],
    undefined,
  ),
  group(
    'counts of free blocks and inodes past the group',
    (bytes) => {
      bytes.writeUInt16LE(0xffff, 0xc);
      bytes.writeUInt16LE(0xffff, 0xe);
      bytes.writeUInt16LE(0xffff, 0x1c);
    },
    [[(ask) => ask.volume.statfs().ffree, /^\d+$/]],
    /count|[Ff]ree/,
  ),
  {
    name: 'a bitmap past the end, with the CRC-16 of uninit_bg right',
    image: 'mutant-orphan-file',
    make: (bench) => bench.edit(bench.group(0), (bytes) => bytes.writeUInt32LE(0x7fffffff, 4)),
    answers: NEVER,
    judge: undefined,
    refused: 'EUCLEAN group-inode-bitmap',
  },
];
