export {type FsXattr, STATX_ATTRIBUTES_MASK} from './attributes.js';
export {
  ChecksumError,
  CorruptError,
  type ErrorDetails,
  Ext4Error,
  RequestError,
  UnsupportedError,
} from './errors.js';
export type {FileMapping} from './file-mapping.js';
export {hasFlag, type Inode, isType} from './inode.js';
export {INODE_FLAG, MODE_TYPE} from './inode-flags.js';
export {type FileRange, LAST_OFFSET, NO_ADDRESS, newFileRange, RANGE, type Reach} from './map-range.js';
export type {VolumeCounters} from './opened-context.js';
export type {StatFs} from './statfs.js';
export type {Superblock} from './superblock.js';
export {type DiskBlock, type FileBlock, type GroupNumber, type InodeNumber, ROOT_INODE} from './units.js';
export {type EmitEntry, Volume, type VolumeLog, type VolumeOptions} from './volume.js';
