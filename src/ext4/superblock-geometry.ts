import {CorruptError, UnsupportedError} from './errors.js';
import type {Features} from './features.js';
import type {Superblock} from './superblock.js';
import type {RawSuperblock} from './superblock-layout.js';

/** Groups at most, 512 TiB of 4 KiB blocks: statfs and the like look at each once. */
const MAX_GROUPS = 1 << 22;

type BlockGeometry = Pick<
  Superblock,
  'blockSize' | 'blockBits' | 'clusterSize' | 'clusterBits' | 'blocksCount' | 'firstDataBlock'
>;

/**
 * Sizes of blocks and clusters, and how many there are.
 * @throws CorruptError `superblock-…`.
 */
export function blockGeometry(s: RawSuperblock, features: Features): BlockGeometry {
  if (s.s_log_block_size > 6) {
    throw new CorruptError('superblock-block-size', {log: s.s_log_block_size});
  }
  const blockBits = 10 + s.s_log_block_size;
  const blockSize = 1 << blockBits;
  const clusterBits = s.s_log_cluster_size - s.s_log_block_size;
  if (s.s_log_cluster_size > 20 || clusterBits < 0 || (clusterBits > 0 && !features.bigalloc)) {
    throw new CorruptError('superblock-cluster-size', {log: s.s_log_cluster_size});
  }
  const blocksCount = s.s_blocks_count_lo + (features.bit64 ? s.s_blocks_count_hi * 2 ** 32 : 0);
  if (blocksCount === 0 || blocksCount * blockSize > Number.MAX_SAFE_INTEGER) {
    throw new CorruptError('superblock-blocks-count', {blocks: blocksCount});
  }
  const first = s.s_first_data_block;
  // Block 0 of 1 KiB is the boot block; only clusters may begin there.
  if (first >= blocksCount || (first === 0 && blockSize === 1024 && clusterBits === 0)) {
    throw new CorruptError('superblock-first-block', {first, blocks: blocksCount});
  }
  return {
    blockSize,
    blockBits,
    clusterSize: blockSize * 2 ** clusterBits,
    clusterBits,
    blocksCount,
    firstDataBlock: first,
  };
}

type GroupGeometry = Pick<
  Superblock,
  | 'blocksPerGroup'
  | 'clustersPerGroup'
  | 'inodesPerGroup'
  | 'inodesCount'
  | 'groupCount'
  | 'descriptorSize'
  | 'descriptorsPerBlock'
  | 'descriptorBlocks'
  | 'reservedDescriptorBlocks'
  | 'firstMetaGroup'
  | 'inodeSize'
  | 'inodesPerBlock'
  | 'inodeTableBlocks'
  | 'firstInode'
>;

/**
 * What a group consists of, and how many groups and inodes there are.
 * @throws CorruptError `superblock-…`, UnsupportedError `too-many-groups`.
 */
export function groupGeometry(s: RawSuperblock, features: Features, b: BlockGeometry): GroupGeometry {
  const {blockSize} = b;
  const inodeSize = s.s_rev_level === 0 ? 128 : s.s_inode_size;
  if (inodeSize < 128 || inodeSize > blockSize || (inodeSize & (inodeSize - 1)) !== 0) {
    throw new CorruptError('superblock-inode-size', {size: inodeSize, blockSize});
  }
  const extra = Math.max(s.s_min_extra_isize, s.s_want_extra_isize);
  if (inodeSize > 128 && extra > inodeSize - 128) {
    throw new CorruptError('superblock-extra-size', {extra, inodeSize});
  }
  if (features.flexBg && s.s_log_groups_per_flex > 31) {
    throw new CorruptError('superblock-flex-groups', {log: s.s_log_groups_per_flex});
  }
  const firstInode = s.s_rev_level === 0 ? 11 : s.s_first_ino;
  if (firstInode < 11) throw new CorruptError('superblock-first-inode', {first: firstInode});

  let descriptorSize = 32;
  if (features.bit64) {
    descriptorSize = s.s_desc_size;
    if (descriptorSize < 64 || descriptorSize > 1024 || (descriptorSize & (descriptorSize - 1)) !== 0) {
      throw new CorruptError('superblock-descriptor-size', {size: descriptorSize});
    }
  }
  const blocksPerGroup = s.s_blocks_per_group;
  const clustersPerGroup = s.s_clusters_per_group;
  // One bitmap block describes a group.
  if (clustersPerGroup === 0 || clustersPerGroup > blockSize * 8) {
    throw new CorruptError('superblock-blocks-per-group', {clusters: clustersPerGroup, blockSize});
  }
  if (blocksPerGroup !== clustersPerGroup * 2 ** b.clusterBits) {
    throw new CorruptError('superblock-clusters-per-group', {
      blocks: blocksPerGroup,
      clusters: clustersPerGroup,
    });
  }
  const inodesPerBlock = blockSize / inodeSize;
  const inodesPerGroup = s.s_inodes_per_group;
  if (inodesPerGroup < inodesPerBlock || inodesPerGroup > blockSize * 8) {
    throw new CorruptError('superblock-inodes-per-group', {inodes: inodesPerGroup, perBlock: inodesPerBlock});
  }
  if (s.s_reserved_gdt_blocks > blockSize / 4) {
    throw new CorruptError('superblock-reserved-descriptors', {blocks: s.s_reserved_gdt_blocks});
  }
  const groupCount = Math.ceil((b.blocksCount - b.firstDataBlock) / blocksPerGroup);
  if (groupCount * inodesPerGroup !== s.s_inodes_count) {
    throw new CorruptError('superblock-inodes-count', {
      inodes: s.s_inodes_count,
      groups: groupCount,
      perGroup: inodesPerGroup,
    });
  }
  if (groupCount > MAX_GROUPS) throw new UnsupportedError('too-many-groups', {groups: groupCount});
  const descriptorsPerBlock = blockSize / descriptorSize;
  const descriptorBlocks = Math.ceil(groupCount / descriptorsPerBlock);
  if (features.metaBg && s.s_first_meta_bg > descriptorBlocks) {
    throw new CorruptError('superblock-first-meta-group', {
      first: s.s_first_meta_bg,
      blocks: descriptorBlocks,
    });
  }
  return {
    blocksPerGroup,
    clustersPerGroup,
    inodesPerGroup,
    inodesCount: s.s_inodes_count,
    groupCount,
    descriptorSize,
    descriptorsPerBlock,
    descriptorBlocks,
    reservedDescriptorBlocks: s.s_reserved_gdt_blocks,
    firstMetaGroup: s.s_first_meta_bg,
    inodeSize,
    inodesPerBlock,
    inodeTableBlocks: Math.floor(inodesPerGroup / inodesPerBlock),
    firstInode,
  };
}
