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

/** Fills in what stat(2) shows of an inode. @param size st_size, which for encrypted links is not i_size */
export function fillAttr(attr: SharedAttributes, inode: Inode, size: number, blockSize: number): void {
  attr.ino = inode.ino;
  attr.size = size;
  attr.blocks = inode.blocks512;
  attr.atime = inode.atime;
  attr.atimensec = inode.atimeNsec;
  attr.mtime = inode.mtime;
  attr.mtimensec = inode.mtimeNsec;
  attr.ctime = inode.ctime;
  attr.ctimensec = inode.ctimeNsec;
  attr.mode = inode.mode;
  attr.nlink = inode.links;
  attr.uid = inode.uid;
  attr.gid = inode.gid;
  attr.blksize = blockSize;
  if (attr.rdev !== undefined) attr.rdev = deviceNumber(inode.rdevMajor, inode.rdevMinor);
}
