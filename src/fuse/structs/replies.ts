import {i32, i64, id64, pad, struct, u16, u32, u64} from '../../wire/index.js';

/** WRITE and COPY_FILE_RANGE. */
export const writeOut = struct('fuse_write_out', 'le', 8, {size: u32, padding: pad(4)});
/** COPY_FILE_RANGE_64. */
export const copyFileRangeOut = struct('fuse_copy_file_range_out', 'le', 8, {bytesCopied: u64});
/** GETXATTR and LISTXATTR when the request's size is 0. */
export const getxattrOut = struct('fuse_getxattr_out', 'le', 8, {size: u32, padding: pad(4)});
/** STATFS (struct fuse_kstatfs). */
export const statfsOut = struct('fuse_statfs_out', 'le', 80, {
  blocks: u64,
  bfree: u64,
  bavail: u64,
  files: u64,
  ffree: u64,
  bsize: u32,
  namelen: u32,
  frsize: u32,
  padding: pad(4),
  spare: pad(24),
});
/** GETLK. */
export const lkOut = struct('fuse_lk_out', 'le', 24, {start: id64, end: id64, type: u32, pid: u32});
/** BMAP. */
export const bmapOut = struct('fuse_bmap_out', 'le', 8, {block: u64});
/** IOCTL, then the data. */
export const ioctlOut = struct('fuse_ioctl_out', 'le', 16, {
  result: i32,
  flags: u32,
  inIovs: u32,
  outIovs: u32,
});
/** POLL. */
export const pollOut = struct('fuse_poll_out', 'le', 8, {revents: u32, padding: pad(4)});
/** LSEEK. */
export const lseekOut = struct('fuse_lseek_out', 'le', 8, {offset: u64});

/** STATX: validity, then a struct fuse_statx of 256 bytes. */
export const statxOut = struct('fuse_statx_out', 'le', 288, {
  attrValid: u64,
  attrValidNsec: u32,
  flags: u32,
  spare1: pad(16),
  mask: u32,
  blksize: u32,
  attributes: u64,
  nlink: u32,
  uid: u32,
  gid: u32,
  mode: u16,
  spare2: pad(2),
  ino: u64,
  size: u64,
  blocks: u64,
  attributesMask: u64,
  atime: i64,
  atimensec: u32,
  spare3: pad(4),
  btime: i64,
  btimensec: u32,
  spare4: pad(4),
  ctime: i64,
  ctimensec: u32,
  spare5: pad(4),
  mtime: i64,
  mtimensec: u32,
  spare6: pad(4),
  rdevMajor: u32,
  rdevMinor: u32,
  devMajor: u32,
  devMinor: u32,
  spare7: pad(112),
});
