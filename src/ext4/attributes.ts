import {type Inode, isType} from './inode.js';
import {INODE_FLAG, MODE_TYPE} from './inode-flags.js';

/** EXT4_FL_USER_VISIBLE of fs/ext4/ext4.h: the bits of i_flags that FS_IOC_GETFLAGS shows. */
const USER_VISIBLE =
  INODE_FLAG.secrm |
  INODE_FLAG.unrm |
  INODE_FLAG.compr |
  INODE_FLAG.sync |
  INODE_FLAG.immutable |
  INODE_FLAG.append |
  INODE_FLAG.nodump |
  INODE_FLAG.noatime |
  INODE_FLAG.dirty |
  INODE_FLAG.comprblk |
  INODE_FLAG.nocompr |
  INODE_FLAG.encrypt |
  INODE_FLAG.index |
  INODE_FLAG.journalData |
  INODE_FLAG.notail |
  INODE_FLAG.dirsync |
  INODE_FLAG.topdir |
  INODE_FLAG.extents |
  INODE_FLAG.verity |
  // EXT4_EOFBLOCKS_FL, no longer used but still shown.
  0x400000 |
  INODE_FLAG.dax |
  INODE_FLAG.inlineData |
  INODE_FLAG.projInherit |
  INODE_FLAG.casefold;

/** What FS_IOC_GETFLAGS answers: the same bits as on disk, without those only the driver uses. */
export function userFlags(inode: Inode): number {
  const flags = inode.flags & USER_VISIBLE;
  return isType(inode, MODE_TYPE.regular) ? flags & ~INODE_FLAG.projInherit : flags;
}

/** struct fsxattr of linux/fs.h, what FS_IOC_FSGETXATTR answers. */
export interface FsXattr {
  /** FS_XFLAG_… bits. */
  readonly xflags: number;
  readonly extsize: number;
  readonly nextents: number;
  readonly projid: number;
  readonly cowextsize: number;
}

/** i_flags bit → FS_XFLAG_ bit (fileattr_fill_flags in fs/file_attr.c). */
const XFLAGS: ReadonlyArray<readonly [flag: number, xflag: number]> = [
  [INODE_FLAG.immutable, 0x8],
  [INODE_FLAG.append, 0x10],
  [INODE_FLAG.sync, 0x20],
  [INODE_FLAG.noatime, 0x40],
  [INODE_FLAG.nodump, 0x80],
  [INODE_FLAG.projInherit, 0x200],
  [INODE_FLAG.dax, 0x8000],
];

/** What FS_IOC_FSGETXATTR answers. */
export function fsxattr(inode: Inode): FsXattr {
  const flags = userFlags(inode);
  let xflags = 0;
  for (const [flag, xflag] of XFLAGS) if ((flags & flag) !== 0) xflags |= xflag;
  return {xflags, extsize: 0, nextents: 0, projid: inode.projectId, cowextsize: 0};
}

/** i_flags bit → STATX_ATTR_ bit (ext4_getattr). */
const STATX_ATTRIBUTES: ReadonlyArray<readonly [flag: number, attribute: number]> = [
  [INODE_FLAG.compr, 0x4],
  [INODE_FLAG.immutable, 0x10],
  [INODE_FLAG.append, 0x20],
  [INODE_FLAG.nodump, 0x40],
  [INODE_FLAG.encrypt, 0x800],
  [INODE_FLAG.verity, 0x100000],
];
/** STATX_ATTR_DAX: never set without a DAX device, but in the mask of every file. */
const STATX_ATTR_DAX = 0x200000;

/** stx_attributes_mask of every file: which attributes this driver knows about. */
export const STATX_ATTRIBUTES_MASK = STATX_ATTRIBUTES.reduce((mask, [, bit]) => mask | bit, STATX_ATTR_DAX);

/** stx_attributes of a file. */
export function statxAttributes(inode: Inode): number {
  let attributes = 0;
  for (const [flag, bit] of STATX_ATTRIBUTES) if ((inode.flags & flag) !== 0) attributes |= bit;
  return attributes;
}
