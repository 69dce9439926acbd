import {viewOf} from '../wire/index.js';
import {groupDescriptorBlocks, groupHasSuper} from './group-descriptor.js';
import type {OpenedContext} from './opened-context.js';
import {RangeSet} from './range-set.js';
import {EXT4_MAGIC, type Superblock} from './superblock.js';
import {MAX_ZONE_GROUPS} from './system-zone.js';
import type {InodeNumber} from './units.js';

/** What statfs(2) tells; blocks are of `bsize` bytes. */
export interface StatFs {
  /** EXT4_SUPER_MAGIC. */
  readonly type: number;
  readonly bsize: number;
  /** Blocks that files can have: without what the file system needs for itself. */
  readonly blocks: number;
  readonly bfree: number;
  /** Free for ordinary users. */
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
  /** f_fsid: two 32-bit words made from the uuid. */
  readonly fsid: readonly [number, number];
  /** Longest name in bytes. */
  readonly namelen: number;
}

/** What orphan recovery gave back, added to what the groups say is free. */
export interface Freed {
  readonly clusters: number;
  readonly inodes: number;
}

/** Clusters that the kernel keeps back at most for delayed allocation. */
const MAX_RESERVED_CLUSTERS = 4096;

/**
 * The numbers of statfs(2), equal to those of the kernel (ext4_statfs, ext4_calculate_overhead,
 * ext4_calculate_resv_clusters).
 * @throws CorruptError when a descriptor block lies outside the file system.
 */
export function statfs(ctx: OpenedContext, freed: Freed = {clusters: 0, inodes: 0}): StatFs {
  const {superblock} = ctx;
  const {blocksCount, clusterBits, inodesCount, mountOptions} = superblock;
  let freeClusters = freed.clusters;
  let freeInodes = freed.inodes;
  ctx.groups.each((raw) => {
    freeClusters += raw.freeClusters;
    freeInodes += raw.freeInodes;
  });
  const ratio = 2 ** clusterBits;
  const overhead = mountOptions.split(',').includes('minixdf') ? 0 : overheadClusters(ctx) * ratio;
  const bfree = freeClusters * ratio;
  const kept = superblock.reservedBlocks + reservedClusters(superblock) * ratio;
  const uuid = viewOf(superblock.uuid);
  return {
    type: EXT4_MAGIC,
    bsize: superblock.blockSize,
    blocks: Math.max(0, blocksCount - overhead),
    bfree,
    bavail: Math.max(0, bfree - kept),
    files: inodesCount,
    ffree: freeInodes,
    fsid: [
      (uuid.getUint32(0, true) ^ uuid.getUint32(8, true)) >>> 0,
      (uuid.getUint32(4, true) ^ uuid.getUint32(12, true)) >>> 0,
    ],
    namelen: 255,
  };
}

/** Without extents the kernel needs no reserve: it knows how many blocks a write takes. */
function reservedClusters(superblock: Superblock): number {
  if (!superblock.features.extents) return 0;
  const clusters = Math.floor(superblock.blocksCount / 2 ** superblock.clusterBits);
  return Math.min(Math.floor(clusters / 50), MAX_RESERVED_CLUSTERS);
}

/** Clusters in use by the file system itself. */
function overheadClusters(ctx: OpenedContext): number {
  const {superblock} = ctx;
  const {features, clusterBits, firstDataBlock} = superblock;
  if (features.bigalloc && superblock.overheadClusters > 0) {
    if (superblock.overheadClusters <= superblock.blocksCount) return superblock.overheadClusters;
  }
  const first = Math.floor(firstDataBlock / 2 ** clusterBits);
  const shared = features.bigalloc && superblock.groupCount <= MAX_ZONE_GROUPS;
  const groups = shared ? metadataClusters(ctx) : Math.ceil(metadataBlocks(superblock) / 2 ** clusterBits);
  return first + groups + Math.ceil(journalBlocks(ctx) / 2 ** clusterBits);
}

function metadataBlocks(superblock: Superblock): number {
  const {groupCount, inodeTableBlocks, reservedDescriptorBlocks} = superblock;
  let blocks = 0;
  for (let group = 0; group < groupCount; group++) {
    const hasSuper = groupHasSuper(superblock, group);
    blocks += inodeTableBlocks + 2 + groupDescriptorBlocks(superblock, group);
    if (hasSuper) blocks += 1 + reservedDescriptorBlocks;
  }
  return blocks;
}

/** With bigalloc several metadata blocks may share a cluster, which counts once (count_overhead). */
function metadataClusters(ctx: OpenedContext): number {
  const {superblock} = ctx;
  const {clusterBits, firstDataBlock, blocksPerGroup, groupCount, inodeTableBlocks} = superblock;
  const clusters: number[] = [];
  const groupOf = (block: number): number => Math.floor((block - firstDataBlock) / blocksPerGroup);
  const add = (block: number, count: number): void => {
    // The kernel counts what lies in a group; a table that crosses into the next one in neither.
    const group = groupOf(block);
    if (count < 1 || group < 0 || group >= groupCount || group !== groupOf(block + count - 1)) return;
    const first = Math.floor((block - firstDataBlock) / 2 ** clusterBits);
    const last = Math.floor((block + count - 1 - firstDataBlock) / 2 ** clusterBits);
    clusters.push(first, last + 1);
  };
  ctx.groups.each((raw) => {
    add(raw.blockBitmap, 1);
    add(raw.inodeBitmap, 1);
    add(raw.inodeTable, inodeTableBlocks);
    const hasSuper = groupHasSuper(superblock, raw.group) ? 1 : 0;
    add(firstDataBlock + raw.group * blocksPerGroup, hasSuper + groupDescriptorBlocks(superblock, raw.group));
  });
  return new RangeSet(clusters).size;
}

function journalBlocks(ctx: OpenedContext): number {
  const {features, journalInode, journalDevice, blockSize} = ctx.superblock;
  if (!features.hasJournal || journalInode === 0 || journalDevice !== 0) return 0;
  return Math.floor(ctx.inode(journalInode as InodeNumber).size / blockSize);
}
