import type {Ext4Context} from './context.js';
import {noKeySymlink} from './crypt-name.js';
import {CorruptError, RequestError} from './errors.js';
import {inlineData} from './inline-data.js';
import {hasFlag, type Inode, isType} from './inode.js';
import {INODE_FLAG, MODE_TYPE} from './inode-flags.js';
import {I_BLOCK_SIZE} from './inode-record.js';
import type {Superblock} from './superblock.js';
import type {FileBlock} from './units.js';

/** PATH_MAX without its final zero byte: the longest target symlink(2) makes. */
export const MAX_TARGET = 4095;

/** Whether the target lies in i_block (ext4_inode_is_fast_symlink). */
export function isFastSymlink(superblock: Superblock, inode: Inode): boolean {
  if (!isType(inode, MODE_TYPE.symlink)) return false;
  if (superblock.features.eaInode) return inode.size > 0 && inode.size < I_BLOCK_SIZE;
  if (hasFlag(inode, INODE_FLAG.inlineData)) return false;
  const xattrBlocks = inode.fileAcl === 0 ? 0 : superblock.clusterSize / 512;
  return inode.blocks512 - xattrBlocks === 0;
}

/**
 * Checks the target in i_block: its length must be i_size exactly. The kernel does this when the inode is read.
 * @throws CorruptError `symlink-length`.
 */
export function checkFastSymlink(inode: Inode): void {
  if (hasFlag(inode, INODE_FLAG.encrypt)) return;
  const {size, iBlock, ino} = inode;
  if (size === 0 || size >= iBlock.length || iBlock.indexOf(0) !== size) {
    throw new CorruptError('symlink-length', {ino, size});
  }
}

/**
 * A symbolic link's target, without a final zero byte. An encrypted one looks as the kernel shows it without the key.
 * @throws RequestError EINVAL `not-symlink`, CorruptError `symlink-length`, `symlink-hole`, `crypt-symlink`.
 */
export function readlink(ctx: Ext4Context, inode: Inode): Uint8Array {
  if (!isType(inode, MODE_TYPE.symlink)) throw new RequestError('EINVAL', 'not-symlink', {ino: inode.ino});
  const fast = isFastSymlink(ctx.superblock, inode);
  if (hasFlag(inode, INODE_FLAG.encrypt)) return noKeySymlink(fast ? inode.iBlock : slowTarget(ctx, inode));
  if (fast) {
    checkFastSymlink(inode);
    return inode.iBlock.subarray(0, inode.size);
  }
  // The kernel ends the text at i_size and within the block; then it is a C string.
  const target = slowTarget(ctx, inode).subarray(0, Math.min(inode.size, ctx.superblock.blockSize - 1));
  const zero = target.indexOf(0);
  const length = zero < 0 ? target.length : zero;
  if (length > MAX_TARGET) throw new CorruptError('symlink-length', {ino: inode.ino, size: length});
  return target.subarray(0, length);
}

/** Where the target of a link begins that is not in i_block, or not only: its first block, or inline data. */
function slowTarget(ctx: Ext4Context, inode: Inode): Uint8Array {
  if (hasFlag(inode, INODE_FLAG.inlineData)) return inlineData(ctx, inode);
  const block = ctx.fileBlock(inode, 0 as FileBlock);
  if (block === undefined) throw new CorruptError('symlink-hole', {ino: inode.ino});
  return block;
}
