import {viewOf} from '../wire/index.js';
import {crc32c} from './checksum.js';
import type {Ext4Context} from './context.js';
import {ChecksumError, CorruptError, Ext4Error} from './errors.js';
import {hasFlag, type Inode, isType} from './inode.js';
import {INODE_FLAG, MODE_TYPE} from './inode-flags.js';
import type {ReplayImage} from './journal/image.js';
import type {FileBlock, InodeNumber} from './units.js';

/** Ends each block of the orphan file: magic number and checksum. */
const ORPHAN_BLOCK_MAGIC = 0x0b10ca04;
const TAIL_SIZE = 8;
/** Bytes of an orphan file that the kernel accepts at most. */
const MAX_FILE_SIZE = 8 << 20;
/** Orphans listed at most. Any beyond stay counted as used, and nothing else: no name leads to them. */
const MAX_ORPHANS = 2 ** 16;

/** bg_flags: no inode of the group is in use. */
const INODE_UNINIT = 0x1;

/** Told about an entry that is no orphan; nothing after it in its list counts. */
export type OrphanLog = (event: string, values: Readonly<Record<string, number | string>>) => void;

/**
 * The inodes that were deleted or being truncated when the file system was last written to: those of the list
 * that starts in the superblock and goes on through i_dtime, then those of the orphan file.
 *
 * The kernel stops the list at the first entry that can't be an orphan, and skips such entries of the file; so
 * does this.
 * @throws CorruptError, ChecksumError for an orphan file that can't be: the kernel does not mount then
 */
export function listOrphans(ctx: Ext4Context, image: ReplayImage, log?: OrphanLog): Inode[] {
  const found = new Map<InodeNumber, Inode>();
  const {superblock} = ctx;
  const inFile = superblock.features.orphanFile ? readOrphanFile(ctx) : [];

  for (let ino = superblock.lastOrphan; ino !== 0; ) {
    // Ends: an inode that was there before ends the list, and MAX_ORPHANS bounds it.
    if (found.has(ino as InodeNumber) || found.size >= MAX_ORPHANS) {
      log?.('orphan list runs in a circle', {ino});
      break;
    }
    const inode = orphan(ctx, image, ino, log);
    if (inode === undefined) break;
    found.set(inode.ino, inode);
    ino = inode.deletionTime;
  }
  let looked = 0;
  for (const ino of inFile) {
    if (found.has(ino as InodeNumber)) continue;
    if (++looked > MAX_ORPHANS) break;
    const inode = orphan(ctx, image, ino, log);
    if (inode !== undefined) found.set(inode.ino, inode);
  }
  return [...found.values()];
}

/** The inode if it can be an orphan, by the rules of the kernel's ext4_orphan_get(). */
function orphan(ctx: Ext4Context, image: ReplayImage, ino: number, log?: OrphanLog): Inode | undefined {
  const {superblock} = ctx;
  if (ino < superblock.firstInode || ino > superblock.inodesCount) {
    log?.('not an orphan', {ino, why: 'number'});
    return undefined;
  }
  try {
    if (!inUse(image, ino)) {
      log?.('not an orphan', {ino, why: 'inode is free'});
      return undefined;
    }
    const inode = ctx.inode(ino as InodeNumber);
    if ((inode.links !== 0 && !canTruncate(inode)) || inode.deletionTime > superblock.inodesCount) {
      log?.('not an orphan', {ino, why: 'kind of inode'});
      return undefined;
    }
    return inode;
  } catch (error) {
    if (!(error instanceof Ext4Error)) throw error;
    log?.('not an orphan', {ino, why: error.code});
    return undefined;
  }
}

function canTruncate(inode: Inode): boolean {
  if (isType(inode, MODE_TYPE.regular) || isType(inode, MODE_TYPE.directory)) return true;
  // A fast symlink, whose target is in the inode, has nothing to truncate.
  return isType(inode, MODE_TYPE.symlink) && hasFlag(inode, INODE_FLAG.extents);
}

/** Whether the inode bitmap has this inode as used. */
function inUse(image: ReplayImage, ino: number): boolean {
  const {group, index} = image.inodePlace(ino);
  const descriptor = image.descriptor(group);
  if ((descriptor.flags & INODE_UNINIT) !== 0) return false;
  // The index is below inodesPerGroup, which one block of bits covers.
  return ((image.block(descriptor.inodeBitmap)[index >>> 3]! >>> (index & 7)) & 1) === 1;
}

/** Inode numbers in the orphan file, in its order. */
function readOrphanFile(ctx: Ext4Context): number[] {
  const {superblock} = ctx;
  const ino = superblock.orphanFileInode as InodeNumber;
  const inode = ctx.inode(ino);
  if (inode.links === 0 || !isType(inode, MODE_TYPE.regular)) throw new CorruptError('orphan-file', {ino});
  if (inode.size > MAX_FILE_SIZE) throw new CorruptError('orphan-file-size', {ino, size: inode.size});
  const numbers: number[] = [];
  const blocks = Math.floor(inode.size / superblock.blockSize);
  for (let index = 0; index < blocks; index++) {
    const disk = ctx.mapBlock(inode, index as FileBlock);
    if (disk === 0) throw new CorruptError('orphan-file-hole', {ino, block: index});
    const block = ctx.block(disk);
    checkOrphanBlock(ctx, inode, disk, block);
    const view = viewOf(block);
    for (let at = 0; at < block.length - TAIL_SIZE; at += 4) {
      const entry = view.getUint32(at, true);
      if (entry !== 0) numbers.push(entry);
    }
  }
  return numbers;
}

function checkOrphanBlock(ctx: Ext4Context, inode: Inode, disk: number, block: Uint8Array): void {
  const view = viewOf(block);
  const tail = block.length - TAIL_SIZE;
  const magic = view.getUint32(tail, true);
  if (magic !== ORPHAN_BLOCK_MAGIC) throw new CorruptError('orphan-block-magic', {block: disk, magic});
  if (!ctx.superblock.features.metadataCsum) return;
  const number = new Uint8Array(8);
  viewOf(number).setBigUint64(0, BigInt(disk), true);
  const computed = crc32c(crc32c(inode.checksumSeed, number), block, 0, tail);
  const stored = view.getUint32(tail + 4, true);
  if (stored !== computed) throw new ChecksumError('orphan-block-checksum', {block: disk, stored, computed});
}
