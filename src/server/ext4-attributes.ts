import type {Inode} from '../ext4/index.js';
import {type Attr, deviceNumber} from '../fuse/index.js';

/** FUSE's root is node 1, ext4's is inode 2; inode 1 (bad blocks) is never shown, so the two can trade places. */
const FUSE_ROOT = 1;
const EXT4_ROOT = 2;

/** The inode number behind a node id. */
export function inodeOf(nodeid: number): number {
  return nodeid === FUSE_ROOT ? EXT4_ROOT : nodeid;
}

/** The node id of an inode. */
export function nodeOf(ino: number): number {
  return ino === EXT4_ROOT ? FUSE_ROOT : ino;
}

/** What the answers to stat and statx have in common. */
export type SharedAttributes = Pick<
  Attr,
  | 'ino'
  | 'size'
  | 'blocks'
  | 'atime'
  | 'atimensec'
  | 'mtime'
  | 'mtimensec'
  | 'ctime'
  | 'ctimensec'
  | 'mode'
  | 'nlink'
  | 'uid'
  | 'gid'
  | 'blksize'
> & {rdev?: number};

const NSEC_MAX = 999_999_999;

/**
 * Nanoseconds as FUSE takes them. An inode has room for 2^30 - 1, and ext4 in the kernel shows what is there; the kernel's FUSE
 * cuts it off at a second (fuse_change_attributes_common), and one odd inode must not spoil the listing it is in.
 */
export function nanoseconds(value: number): number {
  return Math.min(value, NSEC_MAX);
}

/** Fills in what stat(2) shows of an inode. @param size st_size, which for encrypted links is not i_size */
export function fillAttr(attr: SharedAttributes, inode: Inode, size: number, blockSize: number): void {
  attr.ino = inode.ino;
  attr.size = size;
  // Above 2^53 only where somebody made the number up: with blocks of 32 KiB and more i_blocks can say 2^55.
  attr.blocks = Math.min(inode.blocks512, Number.MAX_SAFE_INTEGER);
  attr.atime = inode.atime;
  attr.atimensec = nanoseconds(inode.atimeNsec);
  attr.mtime = inode.mtime;
  attr.mtimensec = nanoseconds(inode.mtimeNsec);
  attr.ctime = inode.ctime;
  attr.ctimensec = nanoseconds(inode.ctimeNsec);
  attr.mode = inode.mode;
  attr.nlink = inode.links;
  attr.uid = inode.uid;
  attr.gid = inode.gid;
  attr.blksize = blockSize;
  if (attr.rdev !== undefined) attr.rdev = deviceNumber(inode.rdevMajor, inode.rdevMinor);
}
