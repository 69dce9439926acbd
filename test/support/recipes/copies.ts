import {debugfs, MIB, type Recipe} from '../images.js';
import {owners, symlinks, xattrs} from '../tree/attributes.js';
import {fragmented, sizes, sparse} from '../tree/data.js';
import {deep, foldable, hardLinks, names} from '../tree/names.js';

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
    foldable(1500),
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

/** What this kernel may refuse to write or to mount, filled by `mke2fs -d`. */
export const COPIES: readonly Recipe[] = [
  largeBlocks(8192),
  largeBlocks(16384),
  largeBlocks(32768),
  largeBlocks(65536),
  {
    name: 'verity-files',
    feature: 'files with the verity flag, which a kernel without fs-verity refuses to open',
    size: 48 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'verity'],
    copyOf: copySource,
    oracle: 'source',
    after: ['0', '1', '4097', '65537'].map((name) =>
      debugfs(`set_inode_field /sizes/${name} flags 0x180000`),
    ),
  },
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
