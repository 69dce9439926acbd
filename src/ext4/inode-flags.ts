/**
 * i_flags (fs/ext4/ext4.h, Documentation/filesystems/ext4/inodes.rst). An unknown bit means nothing to a reader.
 */
export const INODE_FLAG = {
  secrm: 0x1,
  unrm: 0x2,
  compr: 0x4,
  sync: 0x8,
  immutable: 0x10,
  append: 0x20,
  nodump: 0x40,
  noatime: 0x80,
  dirty: 0x100,
  comprblk: 0x200,
  nocompr: 0x400,
  encrypt: 0x800,
  /** Indexed directory. */
  index: 0x1000,
  imagic: 0x2000,
  journalData: 0x4000,
  notail: 0x8000,
  dirsync: 0x10000,
  topdir: 0x20000,
  /** i_blocks counts file system blocks. */
  hugeFile: 0x40000,
  /** i_block holds an extent tree. */
  extents: 0x80000,
  verity: 0x100000,
  /** The inode is the value of an extended attribute. */
  eaInode: 0x200000,
  dax: 0x2000000,
  inlineData: 0x10000000,
  projInherit: 0x20000000,
  casefold: 0x40000000,
} as const;

/** File type bits of i_mode, as in stat(2). */
export const MODE_TYPE = {
  mask: 0o170000,
  fifo: 0o010000,
  characterDevice: 0o020000,
  directory: 0o040000,
  blockDevice: 0o060000,
  regular: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
} as const;
