import {MIB, type Recipe} from './images.js';
import {acls, specialFiles, symlinks, xattrs} from './tree/attributes.js';
import {workBeforeCrash} from './tree/crash.js';
import {fragmented, indirectLevels, sizes, sparse} from './tree/data.js';
import {encrypted} from './tree/encryption.js';
import type {Chapter} from './tree/ground.js';
import {deep, hardLinks, shrunkDirectory} from './tree/names.js';

const K1 = {blockSize: 1024};
const GIB = 2 ** 30;
const tree: Chapter[] = [
  sizes(2),
  fragmented(120),
  sparse(GIB),
  deep(4),
  hardLinks,
  xattrs,
  acls,
  specialFiles,
  symlinks,
  shrunkDirectory(260),
];

/** Small images with every kind of structure, to be changed. Most have no checksums, so that each change is reached. */
export const MUTANTS: readonly Recipe[] = [
  {
    name: 'mutant-checksums',
    feature: 'metadata_csum, extents of depth 2, an index of directories',
    size: 8 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-J', 'size=1'],
    traits: K1,
    chapters: tree,
  },
  {
    name: 'mutant-extents',
    feature: 'the same without checksums, with attributes in inodes',
    size: 8 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-J', 'size=1', '-O', '^metadata_csum,ea_inode,large_dir'],
    traits: {...K1, xattrLimit: 5000},
    chapters: tree,
  },
  {
    name: 'mutant-inline',
    feature: 'inline data, clusters',
    size: 12 * MIB,
    mkfs: [
      '-t',
      'ext4',
      '-b',
      '1024',
      '-J',
      'size=1',
      '-O',
      '^metadata_csum,inline_data,bigalloc',
      '-C',
      '4096',
    ],
    traits: K1,
    chapters: tree,
  },
  {
    name: 'mutant-indirect',
    feature: 'ext2: indirect blocks up to triple',
    size: 8 * MIB,
    mkfs: ['-t', 'ext2', '-b', '1024'],
    traits: {...K1, extents: false},
    chapters: [indirectLevels, ...tree],
  },
  {
    name: 'mutant-encrypted',
    needs: 'encryption',
    feature: 'encrypted names and symlinks, meta groups',
    size: 8 * MIB,
    mkfs: [
      '-t',
      'ext4',
      '-b',
      '1024',
      '-J',
      'size=1',
      '-g',
      '1024',
      '-O',
      '^metadata_csum,encrypt,meta_bg,^resize_inode',
    ],
    traits: K1,
    chapters: [encrypted, symlinks],
  },
  {
    name: 'mutant-sealed',
    feature: 'metadata_csum with inline data and attributes in inodes',
    size: 8 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-J', 'size=1', '-O', 'metadata_csum,ea_inode,inline_data'],
    traits: {...K1, xattrLimit: 5000},
    chapters: tree,
  },
  {
    name: 'mutant-sealed-journal',
    feature: 'a journal with checksums to be replayed, orphans in a list',
    size: 8 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-J', 'size=1', '-O', 'metadata_csum,^resize_inode'],
    traits: K1,
    chapters: [workBeforeCrash(5)],
    dirty: 'ro',
  },
  {
    name: 'mutant-journal',
    feature: 'a journal to be replayed, orphans in a list',
    size: 8 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-J', 'size=1', '-O', '^metadata_csum,^resize_inode'],
    traits: K1,
    chapters: [workBeforeCrash(5)],
    dirty: 'ro',
  },
  {
    name: 'mutant-orphan-file',
    feature: 'a journal to be replayed, orphans in a file, checksums of groups alone',
    size: 8 * MIB,
    mkfs: ['-t', 'ext3', '-b', '1024', '-J', 'size=1', '-O', 'orphan_file,uninit_bg,^resize_inode'],
    traits: {...K1, extents: false},
    chapters: [workBeforeCrash(5)],
    dirty: 'ro',
  },
  {
    name: 'mutant-fast-commit',
    needs: 'fast_commit',
    feature: 'fast commits to be replayed',
    size: 12 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-J', 'size=4', '-O', 'fast_commit,^resize_inode'],
    traits: K1,
    chapters: [workBeforeCrash(0)],
    dirty: 'rw',
  },
];
