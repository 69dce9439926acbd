import {viewOf} from '../wire/index.js';
import type {Ext4Context} from './context.js';
import {Ext4Error} from './errors.js';
import {hasFlag, type Inode, isType} from './inode.js';
import {INODE_FLAG, MODE_TYPE} from './inode-flags.js';
import {type BlockList, listBlocks} from './journal/block-list.js';
import {ReplayImage} from './journal/image.js';
import {NO_COPIES, OverlaySource} from './journal/overlay.js';
import {listOrphans, type OrphanLog} from './orphan-list.js';
import type {InodeNumber} from './units.js';

/** s_state: an error was found on the file system, which the kernel then does not clean up. */
const STATE_ERRORS = 2;
/** h_refcount of an extended attribute block: how many inodes share it. */
const XATTR_REFCOUNT_AT = 4;

/** Runs and nodes of block maps looked at in all. What is beyond stays counted as used, which nothing else depends on. */
const MAX_WORK = 2 ** 22;

/** What becomes of an orphan: it is gone, or ends at its size. */
export type OrphanChange = 'deleted' | {readonly blocks512: number};

/** What the kernel's clean-up at mount would have done, for a view that shows the file system as if it had been. */
export interface OrphanResult {
  readonly changes: ReadonlyMap<InodeNumber, OrphanChange>;
  /** Clusters that become free, and the same in blocks. */
  readonly freedClusters: number;
  readonly freedBlocks: number;
  readonly freedInodes: number;
}

const NOTHING: OrphanResult = {changes: new Map(), freedClusters: 0, freedBlocks: 0, freedInodes: 0};

/**
 * Finds what a mount by the kernel, also a read-only one, would clean up: inodes without links are deleted, with
 * their blocks; the others lose the blocks beyond their size, which a crash kept from being freed. Nothing is
 * cleaned up where the file system is marked as having errors.
 *
 * Clean-up sets the times of truncated files to that of the mount; this leaves them. Inodes that hold the extended
 * attributes of a deleted inode (ea_inode) stay counted as used.
 *
 * Call it once, after the journal was replayed. Facts: Linux fs/ext4/orphan.c.
 * @throws CorruptError, ChecksumError for a damaged orphan file
 */
export function processOrphans(ctx: Ext4Context, log?: OrphanLog): OrphanResult {
  const {superblock} = ctx;
  if (superblock.lastOrphan === 0 && !superblock.features.orphanFile) return NOTHING;
  const image = new ReplayImage(new OverlaySource(ctx.source, superblock.blockSize, NO_COPIES), superblock);
  const orphans = listOrphans(ctx, image, log);
  if ((superblock.state & STATE_ERRORS) !== 0) return NOTHING;

  const changes = new Map<InodeNumber, OrphanChange>();
  const xattrBlocks = new Map<number, number>();
  let freedClusters = 0;
  let freedInodes = 0;
  const work = {left: MAX_WORK};
  for (const inode of orphans) {
    const deleted = inode.links === 0;
    const end = deleted ? 0 : Math.ceil(inode.size / superblock.blockSize);
    let freed = 0;
    try {
      freed = work.left > 0 ? beyond(image, inode, end, work) : 0;
      if (deleted && inode.fileAcl !== 0) freed += releaseXattrBlock(image, inode, xattrBlocks);
    } catch (error) {
      if (!(error instanceof Ext4Error)) throw error;
      log?.('orphan with a damaged block map', {ino: inode.ino, why: error.code});
    }
    freedClusters += freed;
    if (deleted) {
      freedInodes++;
      changes.set(inode.ino, 'deleted');
    } else {
      const blocks512 = inode.blocks512 - (freed * superblock.clusterSize) / 512;
      changes.set(inode.ino, {blocks512: Math.max(0, blocks512)});
    }
  }
  log?.('orphans cleaned up', {inodes: orphans.length, deleted: freedInodes, clusters: freedClusters});
  return {changes, freedClusters, freedBlocks: freedClusters * 2 ** superblock.clusterBits, freedInodes};
}

/** Clusters that a file holds beyond its first `end` blocks, those of its map included. */
function beyond(image: ReplayImage, inode: Inode, end: number, work: {left: number}): number {
  if (!hasBlockMap(inode)) return 0;
  const list = listBlocks(image, inode);
  work.left -= list.runs.length + list.metadata.size;
  const all = clusters(image, list);
  if (end === 0) return all;
  const kept = listBlocks(image, inode, end);
  const last = kept.runs.at(-1);
  if (last !== undefined) last.count = Math.min(last.count, end - last.first);
  return all - clusters(image, kept);
}

function hasBlockMap(inode: Inode): boolean {
  if (hasFlag(inode, INODE_FLAG.inlineData)) return false;
  if (hasFlag(inode, INODE_FLAG.extents)) return true;
  if (isType(inode, MODE_TYPE.regular) || isType(inode, MODE_TYPE.directory)) return true;
  // The target of a short symlink lies where the map would.
  return isType(inode, MODE_TYPE.symlink) && inode.size >= 60;
}

/** Clusters of a list. Runs that share a cluster follow each other: a cluster holds neighbours in the file. */
function clusters(image: ReplayImage, list: BlockList): number {
  const size = 2 ** image.superblock.clusterBits;
  let count = list.metadata.size;
  let previous = -1;
  for (const run of list.runs) {
    const first = Math.floor(run.disk / size);
    const last = Math.floor((run.disk + run.count - 1) / size);
    count += last - first + (first === previous ? 0 : 1);
    previous = last;
  }
  return count;
}

/** 1 when the last inode that shares the block is gone with this one. */
function releaseXattrBlock(image: ReplayImage, inode: Inode, left: Map<number, number>): number {
  const block = inode.fileAcl;
  const shared = left.get(block) ?? viewOf(image.block(block)).getUint32(XATTR_REFCOUNT_AT, true);
  left.set(block, shared - 1);
  return shared === 1 ? 1 : 0;
}
