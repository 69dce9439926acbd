import {id64, pad, struct, u32, u64} from '../../wire/index.js';

// The fixed part of each request, which follows the in header; names and data come after it.

/** FORGET. */
export const forgetIn = struct('fuse_forget_in', 'le', 8, {nlookup: u64});
/** BATCH_FORGET: followed by `count` times forgetOne. */
export const batchForgetIn = struct('fuse_batch_forget_in', 'le', 8, {count: u32, dummy: pad(4)});
export const forgetOne = struct('fuse_forget_one', 'le', 16, {nodeid: u64, nlookup: u64});
/** GETATTR. Flag bit 0: fh is meant. */
export const getattrIn = struct('fuse_getattr_in', 'le', 16, {flags: u32, dummy: pad(4), fh: u64});
/** SETATTR. */
export const setattrIn = struct('fuse_setattr_in', 'le', 88, {
  valid: u32,
  padding: pad(4),
  fh: u64,
  size: u64,
  lockOwner: id64,
  atime: u64,
  mtime: u64,
  ctime: u64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  mode: u32,
  unused4: pad(4),
  uid: u32,
  gid: u32,
  unused5: pad(4),
});
/** MKNOD, then the name. */
export const mknodIn = struct('fuse_mknod_in', 'le', 16, {mode: u32, rdev: u32, umask: u32, padding: pad(4)});
/** MKDIR, then the name. */
export const mkdirIn = struct('fuse_mkdir_in', 'le', 8, {mode: u32, umask: u32});
/** RENAME, then the old and the new name. */
export const renameIn = struct('fuse_rename_in', 'le', 8, {newdir: u64});
/** RENAME2, then the old and the new name. */
export const rename2In = struct('fuse_rename2_in', 'le', 16, {newdir: u64, flags: u32, padding: pad(4)});
/** LINK, then the new name; the header's node id is the directory. */
export const linkIn = struct('fuse_link_in', 'le', 8, {oldnodeid: u64});
/** OPEN and OPENDIR. */
export const openIn = struct('fuse_open_in', 'le', 8, {flags: u32, openFlags: u32});
/** CREATE and TMPFILE, then the name. */
export const createIn = struct('fuse_create_in', 'le', 16, {
  flags: u32,
  mode: u32,
  umask: u32,
  openFlags: u32,
});
/** READ, READDIR and READDIRPLUS. */
export const readIn = struct('fuse_read_in', 'le', 40, {
  fh: u64,
  offset: u64,
  size: u32,
  readFlags: u32,
  lockOwner: id64,
  flags: u32,
  padding: pad(4),
});
/** WRITE, then the data. */
export const writeIn = struct('fuse_write_in', 'le', 40, {
  fh: u64,
  offset: u64,
  size: u32,
  writeFlags: u32,
  lockOwner: id64,
  flags: u32,
  padding: pad(4),
});
/** RELEASE and RELEASEDIR. */
export const releaseIn = struct('fuse_release_in', 'le', 24, {
  fh: u64,
  flags: u32,
  releaseFlags: u32,
  lockOwner: id64,
});
/** FLUSH. */
export const flushIn = struct('fuse_flush_in', 'le', 24, {
  fh: u64,
  unused: pad(4),
  padding: pad(4),
  lockOwner: id64,
});
/** FSYNC and FSYNCDIR. Flag bit 0: data only. */
export const fsyncIn = struct('fuse_fsync_in', 'le', 16, {fh: u64, fsyncFlags: u32, padding: pad(4)});
/** SETXATTR, then name and value; only the first 8 bytes without SETXATTR_EXT. */
export const setxattrIn = struct('fuse_setxattr_in', 'le', 16, {
  size: u32,
  flags: u32,
  setxattrFlags: u32,
  padding: pad(4),
});
export const SETXATTR_IN_SHORT = 8;
/** GETXATTR, then the name, and LISTXATTR. */
export const getxattrIn = struct('fuse_getxattr_in', 'le', 8, {size: u32, padding: pad(4)});
/** ACCESS. */
export const accessIn = struct('fuse_access_in', 'le', 8, {mask: u32, padding: pad(4)});
/** INTERRUPT: the request id, as two halves. */
export const interruptIn = struct('fuse_interrupt_in', 'le', 8, {uniqueLow: u32, uniqueHigh: u32});
/** BMAP. */
export const bmapIn = struct('fuse_bmap_in', 'le', 16, {block: u64, blocksize: u32, padding: pad(4)});
/** IOCTL, then the data. */
export const ioctlIn = struct('fuse_ioctl_in', 'le', 32, {
  fh: u64,
  flags: u32,
  cmd: u32,
  arg: id64,
  inSize: u32,
  outSize: u32,
});
/** POLL. */
export const pollIn = struct('fuse_poll_in', 'le', 24, {fh: u64, kh: u64, flags: u32, events: u32});
/** NOTIFY_REPLY, then the data; laid out so as to match writeIn. */
export const notifyRetrieveIn = struct('fuse_notify_retrieve_in', 'le', 40, {
  dummy1: pad(8),
  offset: u64,
  size: u32,
  dummy2: pad(4),
  dummy3: pad(8),
  dummy4: pad(8),
});
/** FALLOCATE. */
export const fallocateIn = struct('fuse_fallocate_in', 'le', 32, {
  fh: u64,
  offset: u64,
  length: u64,
  mode: u32,
  padding: pad(4),
});
/** LSEEK. */
export const lseekIn = struct('fuse_lseek_in', 'le', 24, {
  fh: u64,
  offset: u64,
  whence: u32,
  padding: pad(4),
});
/** COPY_FILE_RANGE and COPY_FILE_RANGE_64; the header's node id is the source. */
export const copyFileRangeIn = struct('fuse_copy_file_range_in', 'le', 56, {
  fhIn: u64,
  offIn: u64,
  nodeidOut: u64,
  fhOut: u64,
  offOut: u64,
  len: u64,
  flags: u64,
});
/** SYNCFS. */
export const syncfsIn = struct('fuse_syncfs_in', 'le', 8, {padding: pad(8)});
/** GETLK, SETLK and SETLKW. */
export const lkIn = struct('fuse_lk_in', 'le', 48, {
  fh: u64,
  owner: id64,
  start: id64,
  end: id64,
  type: u32,
  pid: u32,
  lkFlags: u32,
  padding: pad(4),
});
/** STATX. Flag bit 0: fh is meant. */
export const statxIn = struct('fuse_statx_in', 'le', 24, {
  getattrFlags: u32,
  reserved: pad(4),
  fh: u64,
  sxFlags: u32,
  sxMask: u32,
});
