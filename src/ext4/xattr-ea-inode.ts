import {crc32c} from './checksum.js';
import type {Ext4Context} from './context.js';
import {CorruptError, RequestError} from './errors.js';
import {hasFlag, type Inode, isType} from './inode.js';
import {INODE_FLAG, MODE_TYPE} from './inode-flags.js';
import {le32} from './little-endian.js';
import type {FileBlock, InodeNumber} from './units.js';
import type {XattrEntry} from './xattr-entry.js';

/** The most bytes of a value that getxattr(2) can give (XATTR_SIZE_MAX, linux/limits.h). */
export const XATTR_VALUE_MAX = 65_536;

/** Times of an inode that keep other things in one that holds a value. */
const I_ATIME = 0x8;
const I_MTIME = 0x10;

/**
 * The value of an attribute that lies in an inode of its own, its hashes verified (ext4_xattr_inode_get).
 * @throws CorruptError `ea-inode-…`, RequestError E2BIG `xattr-value-large`, and what reading an inode throws.
 */
export function eaInodeValue(ctx: Ext4Context, owner: Inode, entry: XattrEntry): Uint8Array {
  const ino = entry.valueInode as InodeNumber; // decodeEntries found it within the file system
  const details = {ino: owner.ino, valueInode: ino};
  if (ino === owner.ino) throw new CorruptError('ea-inode-self', details);
  if (entry.size > XATTR_VALUE_MAX) throw new RequestError('E2BIG', 'xattr-value-large', {size: entry.size});
  const inode = ctx.inode(ino);
  if (!hasFlag(inode, INODE_FLAG.eaInode) || !isType(inode, MODE_TYPE.regular)) {
    throw new CorruptError('ea-inode-flag', details);
  }
  if (inode.fileAcl !== 0) throw new CorruptError('ea-inode-xattrs', details);
  if (inode.size !== entry.size) throw new CorruptError('ea-inode-size', {...details, size: inode.size});
  const value = readWhole(ctx, inode, entry.size);
  // i_atime is the hash of the value. Lustre's older kind has no hash: its i_mtime names the owner.
  const storedHash = le32(inode.raw, I_ATIME);
  const lustre =
    entry.hash !== storedHash &&
    le32(inode.raw, I_MTIME) === owner.ino &&
    inode.generation === owner.generation;
  if (lustre) return value;
  const hash = crc32c(ctx.checksumSeed, value);
  if (hash !== storedHash) throw new CorruptError('ea-inode-hash', details);
  if (entryHash(entry.name, hash, false) !== entry.hash && entryHash(entry.name, hash, true) !== entry.hash) {
    throw new CorruptError('ea-inode-entry-hash', details);
  }
  return value;
}

/** @param size bytes, at most XATTR_VALUE_MAX. */
function readWhole(ctx: Ext4Context, inode: Inode, size: number): Uint8Array {
  const {blockSize} = ctx.superblock;
  const value = new Uint8Array(size);
  for (let number = 0; number * blockSize < size; number++) {
    const block = ctx.fileBlock(inode, number as FileBlock);
    if (block === undefined) throw new CorruptError('ea-inode-hole', {ino: inode.ino, block: number});
    const start = number * blockSize;
    value.set(block.subarray(0, Math.min(blockSize, size - start)), start);
  }
  return value;
}

/**
 * e_hash of an attribute whose value lies in an inode (ext4_xattr_hash_entry).
 * @param signed how kernels before 6.2 took bytes above 127 on machines with a signed `char`.
 */
export function entryHash(name: Uint8Array, valueHash: number, signed: boolean): number {
  let hash = 0;
  for (const byte of name) {
    const char = signed ? (byte << 24) >> 24 : byte;
    hash = (hash << 5) ^ (hash >>> 27) ^ char;
  }
  return ((hash << 16) ^ (hash >>> 16) ^ valueHash) >>> 0;
}
