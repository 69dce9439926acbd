import {debugfs, MIB, type Recipe} from '../images.js';
import {sizes} from '../tree/data.js';
import {encrypted} from '../tree/encryption.js';
import {deep} from '../tree/names.js';
import {K1, TIB, tree} from './shared.js';

/** Checksums, attributes, hidden files, and all that a feature bit adds. */
export const FEATURES: readonly Recipe[] = [
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
    needs: 'encryption',
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
    needs: 'fast_commit',
    feature: 'fast commit blocks in the journal, at rest',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'fast_commit'],
    chapters: tree(),
  },
  {
    name: 'unknown-read-only-feature',
    feature: 'a feature bit nobody knows, of those that only forbid writing',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4'],
    chapters: [sizes(20), deep(4)],
    after: [debugfs('set_super_value feature_ro_compat 0x4000046b')],
  },
];
