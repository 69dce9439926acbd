/** An inode number, 1 up to s_inodes_count. 2 is the root directory. */
export type InodeNumber = number & {readonly __unit: 'inode-number'};
/** A block counted from the start of the file system (physical block), below s_blocks_count. */
export type DiskBlock = number & {readonly __unit: 'disk-block'};
/** A block counted from the start of a file (logical block), at most 2^32 - 1. */
export type FileBlock = number & {readonly __unit: 'file-block'};
/** A block group, counted from 0. */
export type GroupNumber = number & {readonly __unit: 'group'};

/** The root directory's inode number (EXT4_ROOT_INO). */
export const ROOT_INODE = 2 as InodeNumber;
