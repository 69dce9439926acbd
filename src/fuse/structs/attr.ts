import {i32, i64, pad, struct, u32, u64} from '../../wire/index.js';

/** struct fuse_attr: what stat shows of a node. Times are signed seconds; rdev is new_encode_dev(). */
export const attrStruct = struct('fuse_attr', 'le', 88, {
  ino: u64,
  size: u64,
  blocks: u64,
  atime: i64,
  mtime: i64,
  ctime: i64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  mode: u32,
  nlink: u32,
  uid: u32,
  gid: u32,
  rdev: u32,
  blksize: u32,
  flags: u32,
});

/** struct fuse_entry_out without its attr, which follows directly: LOOKUP and everything that makes a name. */
export const entryOut = struct('fuse_entry_out', 'le', 128, {
  nodeid: u64,
  generation: u64,
  entryValid: u64,
  attrValid: u64,
  entryValidNsec: u32,
  attrValidNsec: u32,
  /** A fuse_attr (`attrStruct`). */
  attr: pad(88),
});

/** struct fuse_attr_out: GETATTR and SETATTR. */
export const attrOut = struct('fuse_attr_out', 'le', 104, {
  attrValid: u64,
  attrValidNsec: u32,
  dummy: pad(4),
  /** A fuse_attr (`attrStruct`). */
  attr: pad(88),
});

/** struct fuse_open_out: OPEN and OPENDIR; second half of CREATE and TMPFILE. */
export const openOut = struct('fuse_open_out', 'le', 16, {
  fh: u64,
  openFlags: u32,
  backingId: i32,
});
