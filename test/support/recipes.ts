import {debugfs, MIB, type Recipe} from './images.js';
import {acls, fileFlags, owners, specialFiles, symlinks, times, xattrs} from './tree/attributes.js';
import {workBeforeCrash} from './tree/crash.js';
import {fragmented, indirectLevels, sizes, sparse} from './tree/data.js';
import {encrypted} from './tree/encryption.js';
import type {Chapter} from './tree/ground.js';
import {deep, fewFiles, hardLinks, manyEntries, names, shrunkDirectory} from './tree/names.js';

const TIB = 2 ** 40;
const GIB = 2 ** 30;

/** All that every file system of the family can hold. */
function tree(farthest = 15 * TIB, pieces = 150): Chapter[] {
  return [
    names,
    sizes(40),
    fragmented(pieces),
    sparse(farthest),
    deep(40),
    hardLinks,
    xattrs,
    acls,
    specialFiles,
    symlinks,
    times,
    owners,
    fileFlags,
    shrunkDirectory(500),
  ];
}

const EXT2 = {extents: false} as const;
const K1 = {blockSize: 1024} as const;

const plain: Recipe = {
  name: 'ext4',
  feature: 'what mkfs.ext4 makes by default, with a deep extent tree',
  size: 64 * MIB,
  mkfs: ['-t', 'ext4', '-L', 'plain ext4'],
  chapters: tree(15 * TIB, 1500),
};

/** What can be copied by `mke2fs -d` without loss, for the images that this kernel can't fill. */
const copySource: Recipe = {
  name: 'copy-source',
  feature: 'the tree that mke2fs -d copies',
  size: 48 * MIB,
  mkfs: ['-t', 'ext4'],
  chapters: [
    names,
    sizes(60),
    fragmented(40),
    sparse(14 * MIB),
    deep(20),
    hardLinks,
    xattrs,
    symlinks,
    owners,
    manyEntries(1500, 0, 'folded'),
  ],
};

function largeBlocks(blockSize: number): Recipe {
  return {
    name: `blocks-${blockSize / 1024}k`,
    feature: `blocks of ${blockSize / 1024} KiB, which kernels before 6.19 refuse on 4 KiB pages`,
    size: blockSize * 4096,
    mkfs: ['-t', 'ext4', '-b', `${blockSize}`, '-O', '^resize_inode'],
    copyOf: copySource,
    oracle: 'source',
  };
}

function hash(name: string, alg: string, unsigned: boolean): Recipe {
  return {
    name: `hash-${name}`,
    feature: `directories hashed by ${alg} over ${unsigned ? 'unsigned' : 'signed'} characters`,
    size: 24 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024'],
    traits: K1,
    before: [
      ['tune2fs', '-E', `hash_alg=${alg}`, 'IMAGE'],
      debugfs(`set_super_value flags ${unsigned ? 2 : 1}`),
    ],
    chapters: [names, shrunkDirectory(2500)],
  };
}

/** Each shows one or more things that the others don't; all are mounted and compared entry by entry. */
export const RECIPES: readonly Recipe[] = [
  plain,
  {
    name: 'ext4-1k',
    feature: 'blocks of 1 KiB: first data block 1, extent trees of depth 2',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024'],
    traits: K1,
    chapters: tree(3 * TIB, 800),
  },
  {
    name: 'ext4-2k',
    feature: 'blocks of 2 KiB',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-b', '2048'],
    traits: {blockSize: 2048},
    chapters: tree(6 * TIB),
  },
  {
    name: 'ext2-1k',
    feature: 'ext2: indirect blocks up to triple',
    size: 32 * MIB,
    mkfs: ['-t', 'ext2', '-b', '1024'],
    traits: {...K1, ...EXT2},
    chapters: [indirectLevels, ...tree(12 * GIB)],
  },
  {
    name: 'ext2-4k',
    feature: 'ext2 with blocks of 4 KiB',
    size: 48 * MIB,
    mkfs: ['-t', 'ext2'],
    traits: EXT2,
    chapters: [indirectLevels, ...tree(1 * TIB)],
  },
  {
    name: 'ext2-revision-0',
    feature: 'the first revision: no feature bits, inodes of 128 bytes, no file types in directories',
    size: 24 * MIB,
    mkfs: ['-t', 'ext2', '-b', '1024', '-r', '0'],
    traits: {...K1, ...EXT2},
    chapters: [names, sizes(20), sparse(1 * GIB), deep(10), hardLinks, specialFiles, symlinks, owners],
  },
  {
    name: 'ext3',
    feature: 'ext3: a journal and indirect blocks',
    size: 48 * MIB,
    mkfs: ['-t', 'ext3'],
    traits: EXT2,
    chapters: [indirectLevels, ...tree(1 * TIB)],
  },
  {
    name: 'ext3-inode-128',
    feature: 'inodes of 128 bytes: no nanoseconds, no birth time, times until 2038',
    size: 32 * MIB,
    mkfs: ['-t', 'ext3', '-b', '1024', '-I', '128'],
    traits: {...K1, ...EXT2},
    chapters: tree(1 * GIB),
  },
  {
    name: 'ext4-inode-128',
    feature: 'inodes of 128 bytes with checksums of 16 bits',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-I', '128'],
    chapters: tree(),
  },
  {
    name: 'ext4-inode-512',
    feature: 'inodes of 512 bytes: more attributes in the inode',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-I', '512'],
    chapters: tree(),
  },
  {
    name: 'ext4-inode-1024',
    feature: 'inodes as large as a block',
    size: 48 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-I', '1024'],
    traits: K1,
    chapters: tree(3 * TIB),
  },
  {
    name: 'no-64bit',
    feature: 'group descriptors of 32 bytes',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', '^64bit'],
    chapters: tree(),
  },
  {
    name: 'meta-bg',
    feature: 'group descriptors spread over meta groups, many small groups',
    size: 64 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-g', '1024', '-O', 'meta_bg,^resize_inode'],
    traits: K1,
    chapters: tree(3 * TIB),
  },
  {
    name: 'no-flex-bg',
    feature: 'each group with its own tables',
    size: 64 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-O', '^flex_bg'],
    traits: K1,
    chapters: tree(3 * TIB),
  },
  {
    name: 'sparse-super2',
    feature: 'two superblock copies at most',
    size: 48 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-O', 'sparse_super2,^resize_inode'],
    traits: K1,
    chapters: tree(3 * TIB),
  },
  {
    name: 'no-sparse-super',
    feature: 'a superblock copy in each group',
    size: 48 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-O', '^sparse_super,^resize_inode'],
    traits: K1,
    chapters: tree(3 * TIB),
  },
  {
    name: 'bigalloc',
    feature: 'clusters of 16 blocks',
    size: 128 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'bigalloc', '-C', '65536'],
    chapters: tree(),
  },
  {
    name: 'bigalloc-1k',
    feature: 'clusters of 8 KiB from blocks of 1 KiB',
    size: 64 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-O', 'bigalloc', '-C', '8192'],
    traits: K1,
    chapters: tree(3 * TIB),
  },
  {
    name: 'inline-data',
    feature: 'small files and directories inside the inode',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'inline_data'],
    chapters: tree(),
  },
  {
    name: 'inline-data-1024',
    feature: 'inline data in inodes of 1024 bytes',
    size: 48 * MIB,
    mkfs: ['-t', 'ext4', '-I', '1024', '-O', 'inline_data'],
    chapters: tree(),
  },
  {
    name: 'uninit-bg',
    feature: 'no metadata_csum; group descriptors with crc16, groups never initialised',
    size: 48 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-O', '^metadata_csum,uninit_bg', '-E', 'lazy_itable_init=1'],
    traits: K1,
    chapters: tree(3 * TIB),
  },
  {
    name: 'no-checksums',
    feature: 'no checksums at all',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', '^metadata_csum,^uninit_bg'],
    chapters: tree(),
  },
  {
    name: 'csum-seed',
    feature: 'metadata_csum_seed: the UUID changed after the checksums were made',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'metadata_csum_seed'],
    chapters: tree(),
    after: [['tune2fs', '-U', '00112233-4455-4677-8899-aabbccddeeff', 'IMAGE']],
  },
  {
    name: 'large-dir',
    feature: 'large_dir: 50,000 long names on blocks of 1 KiB, a hash tree of three levels',
    size: 96 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-N', '56000', '-O', 'large_dir', '-I', '128'],
    traits: K1,
    chapters: [manyEntries(50_000, 250)],
  },
  {
    name: 'many-entries',
    feature: 'a directory of 50,000 entries and inode numbers beyond 50,000',
    size: 48 * MIB,
    mkfs: ['-t', 'ext4', '-N', '60000'],
    chapters: [names, manyEntries(50_000)],
  },
  {
    name: 'no-dir-index',
    feature: 'a directory of 3000 entries without an index',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', '^dir_index'],
    chapters: [...tree(), manyEntries(3000)],
  },
  hash('half-md4-unsigned', 'half_md4', true),
  hash('tea', 'tea', false),
  hash('tea-unsigned', 'tea', true),
  hash('legacy', 'legacy', false),
  hash('legacy-unsigned', 'legacy', true),
  {
    name: 'no-filetype',
    feature: 'directories that do not say what their entries are',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-O', '^filetype'],
    traits: K1,
    chapters: tree(3 * TIB),
  },
  {
    name: 'ea-inode',
    feature: 'attributes of up to 64 KiB in inodes of their own, shared ones among them',
    size: 48 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'ea_inode'],
    traits: {xattrLimit: 60_000},
    chapters: tree(),
  },
  {
    name: 'quota-project',
    feature: 'hidden quota files and project ids',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4'],
    chapters: tree(),
    after: [
      ['tune2fs', '-O', 'project,quota', '-Q', 'usrquota,grpquota,prjquota', 'IMAGE'],
      debugfs('set_inode_field /sizes/100 projid 4711'),
      debugfs('set_inode_field /sizes projid 70000'),
      debugfs('set_inode_field /sizes flags 0x20080000'),
      debugfs('set_inode_field /deep projid 4294967294'),
    ],
  },
  {
    name: 'orphan-file',
    feature: 'a hidden orphan file',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'orphan_file'],
    chapters: tree(),
  },
  {
    name: 'encrypt',
    feature: 'encrypted directories, seen without the key',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'encrypt'],
    chapters: [...tree(), encrypted],
  },
  {
    name: 'verity',
    feature: 'the verity feature, no file with it',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'verity'],
    chapters: tree(),
  },
  {
    name: 'mmp',
    feature: 'multiple mount protection, at rest',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4'],
    chapters: tree(),
    after: [['tune2fs', '-O', 'mmp', 'IMAGE']],
  },
  {
    name: 'stable-inodes',
    feature: 'stable_inodes',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'stable_inodes'],
    chapters: [sizes(20)],
  },
  {
    name: 'no-resize-inode',
    feature: 'no blocks kept for growing, no reserved blocks, no journal',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-m', '0', '-O', '^resize_inode,^has_journal'],
    chapters: tree(),
  },
  {
    name: 'resized',
    feature: 'grown by resize2fs after it was filled',
    size: 96 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-m', '20'],
    traits: K1,
    before: [
      ['e2fsck', '-fp', 'IMAGE'],
      ['resize2fs', 'IMAGE', '32M'],
    ],
    chapters: tree(3 * TIB),
    after: [
      ['e2fsck', '-fp', 'IMAGE'],
      ['resize2fs', 'IMAGE', '96M'],
    ],
  },
  {
    name: 'edited-inodes',
    feature:
      'i_blocks in blocks (huge_file), inodes with a shorter extra part, directories with 1 link (dir_nlink)',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4'],
    chapters: tree(),
    after: [
      debugfs('set_inode_field /sizes/100 flags 0xc0000'),
      debugfs('set_inode_field /sizes/100 blocks 1'),
      debugfs('set_inode_field /sizes/4096 blocks_hi 3'),
      debugfs('set_inode_field /sizes/512 extra_isize 0'),
      debugfs('set_inode_field /sizes/513 extra_isize 4'),
      debugfs('set_inode_field /sizes/1023 extra_isize 12'),
      debugfs('set_inode_field /sizes/1024 extra_isize 24'),
      debugfs('set_inode_field /links links_count 1'),
      debugfs('set_inode_field /sizes/1 generation 0xdeadbeef'),
    ],
  },
  {
    name: 'fast-commit',
    feature: 'fast commit blocks in the journal, at rest',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'fast_commit'],
    chapters: tree(),
  },
  {
    name: 'hurd',
    feature: 'made for the Hurd: the high half of the attribute block is another field',
    size: 24 * MIB,
    mkfs: ['-t', 'ext2', '-o', 'hurd', '-I', '128'],
    traits: EXT2,
    chapters: [names, sizes(20), hardLinks, symlinks, owners],
  },
  {
    name: 'tiny',
    feature: '64 blocks of 1 KiB and 16 inodes',
    size: 64 * 1024,
    mkfs: ['-t', 'ext2', '-b', '1024', '-N', '16', '-L', 'sixteen-letters!'],
    traits: {...K1, ...EXT2},
    chapters: [fewFiles],
  },
  {
    name: 'many-inodes',
    feature: 'more inodes than blocks, blocks of 4 KiB, 12 groups of unusual size',
    size: 96 * MIB,
    mkfs: ['-t', 'ext4', '-g', '2048', '-N', '30000', '-O', '^resize_inode', '-G', '4'],
    chapters: tree(),
  },
  {
    name: 'dirty',
    feature: 'a journal that must be replayed, and orphans',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024'],
    traits: K1,
    chapters: [names, sizes(10), workBeforeCrash(5)],
    dirty: 'ro',
  },
  {
    name: 'dirty-orphan-file',
    feature: 'a journal that must be replayed, and an orphan file that is in use',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'orphan_file'],
    chapters: [names, sizes(10), workBeforeCrash(5)],
    dirty: 'ro',
  },
  {
    name: 'dirty-fast-commit',
    feature: 'fast commits that must be replayed after the journal',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'fast_commit'],
    // No orphans: Linux 6.18 finds inodes without links in its own fast commits corrupt.
    chapters: [names, sizes(10), workBeforeCrash(0)],
    // Nor can it replay them in a read-only mount: it answers EROFS to itself.
    dirty: 'rw',
    exceptions: [
      {
        path: 'crashed',
        fields: ['mtime', 'ctime'],
        reason: 'the kernel stamps the directory with the time of the replay, which is another each time',
      },
    ],
  },
  {
    name: 'dirty-ext3',
    feature: 'a journal without checksums that must be replayed',
    size: 32 * MIB,
    mkfs: ['-t', 'ext3'],
    traits: EXT2,
    chapters: [names, sizes(10), workBeforeCrash(5)],
    dirty: 'ro',
  },
  largeBlocks(8192),
  largeBlocks(16384),
  largeBlocks(32768),
  largeBlocks(65536),
  {
    name: 'casefold',
    feature: 'a directory whose names fold, with an index made over folded names',
    size: 64 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'casefold', '-E', 'encoding=utf8-12.1'],
    copyOf: copySource,
    oracle: 'source',
    after: [debugfs('set_inode_field /folded flags 0x40080000'), ['e2fsck', '-fyD', 'IMAGE']],
  },
];
