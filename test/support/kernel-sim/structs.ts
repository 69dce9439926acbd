import {bytes, i32, i64, id64, pad, struct, u8, u16, u32} from '../../../src/wire/index.js';

/**
 * Layouts of the protocol as the kernel's side sees them, written down here apart from the server's (`src/fuse`, `src/iomap`), so that a
 * mistake in one of the two shows.
 */
export const inHeader = struct('in header', 'le', 40, {
  len: u32,
  opcode: u32,
  unique: id64,
  nodeid: id64,
  uid: u32,
  gid: u32,
  pid: u32,
  extlen: u16,
  pad: pad(2),
});

export const outHeader = struct('out header', 'le', 16, {len: u32, error: i32, unique: id64});

export const attr = struct('attr', 'le', 88, {
  ino: id64,
  size: id64,
  blocks: id64,
  atime: id64,
  mtime: id64,
  ctime: id64,
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

/** The part of struct fuse_entry_out before the attributes. */
export const entryHead = struct('entry_out', 'le', 40, {
  nodeid: id64,
  generation: id64,
  entryValid: id64,
  attrValid: id64,
  entryValidNsec: u32,
  attrValidNsec: u32,
});
export const ENTRY_SIZE = 128;
/** Where the attributes lie in the answer to GETATTR and SETATTR, and how long that is. */
export const ATTR_OUT_ATTR = 16;
export const ATTR_OUT_SIZE = 104;

export const direntHead = struct('dirent', 'le', 24, {ino: id64, off: id64, namelen: u32, type: u32});

export const initIn = struct('init_in', 'le', 64, {
  major: u32,
  minor: u32,
  maxReadahead: u32,
  flags: u32,
  flags2: u32,
  unused: pad(44),
});
export const initOut = struct('init_out', 'le', 64, {
  major: u32,
  minor: u32,
  maxReadahead: u32,
  flags: u32,
  maxBackground: u16,
  congestionThreshold: u16,
  maxWrite: u32,
  timeGran: u32,
  maxPages: u16,
  mapAlignment: u16,
  flags2: u32,
  unused: pad(28),
});

export const openIn = struct('open_in', 'le', 8, {flags: u32, openFlags: u32});
export const openOut = struct('open_out', 'le', 16, {fh: id64, openFlags: u32, backingId: i32});
export const releaseIn = struct('release_in', 'le', 24, {fh: id64, flags: u32, how: u32, owner: id64});
export const createIn = struct('create_in', 'le', 16, {flags: u32, mode: u32, umask: u32, openFlags: u32});
export const getattrIn = struct('getattr_in', 'le', 16, {flags: u32, dummy: u32, fh: id64});
export const setattrIn = struct('setattr_in', 'le', 88, {
  valid: u32,
  pad: u32,
  fh: id64,
  size: id64,
  lockOwner: id64,
  atime: id64,
  mtime: id64,
  ctime: id64,
  nsec: bytes(12),
  mode: u32,
  unused: u32,
  uid: u32,
  gid: u32,
  tail: pad(4),
});
/** READ, READDIR and READDIRPLUS, and WRITE, which is laid out alike. */
export const readIn = struct('read_in', 'le', 40, {
  fh: id64,
  offset: id64,
  size: u32,
  readFlags: u32,
  lockOwner: id64,
  flags: u32,
  pad: pad(4),
});
export const writeOut = struct('write_out', 'le', 8, {size: u32, pad: pad(4)});
export const lseekIn = struct('lseek_in', 'le', 24, {fh: id64, offset: id64, whence: u32, pad: pad(4)});
export const fsyncIn = struct('fsync_in', 'le', 16, {fh: id64, flags: u32, pad: pad(4)});
export const fallocateIn = struct('fallocate_in', 'le', 32, {
  fh: id64,
  offset: id64,
  length: id64,
  mode: u32,
  pad: pad(4),
});

export const mapping = struct('iomap mapping', 'le', 32, {
  offset: id64,
  length: id64,
  addr: id64,
  type: u16,
  flags: u16,
  dev: u32,
});
export const beginIn = struct('iomap_begin_in', 'le', 32, {
  opflags: u32,
  reserved: u32,
  attrIno: id64,
  pos: id64,
  count: id64,
});
/** The mapping follows. */
export const endIn = struct('iomap_end_in', 'le', 40, {
  opflags: u32,
  reserved: u32,
  attrIno: id64,
  pos: id64,
  count: id64,
  written: i64,
});
export const ioendIn = struct('iomap_ioend_in', 'le', 48, {
  flags: u32,
  error: i32,
  attrIno: id64,
  pos: id64,
  newAddr: id64,
  written: id64,
  dev: u32,
  pad: u32,
});
/** Of the postings before v7; no reply body. */
export const ioendInV6 = struct('iomap_ioend_in v6', 'le', 40, {
  flags: u32,
  error: i32,
  attrIno: id64,
  pos: id64,
  newAddr: id64,
  written: u32,
  pad: u32,
});
export const configIn = struct('iomap_config_in', 'le', 64, {
  flags: id64,
  maxbytes: id64,
  cacheMaxbytes: u32,
  zero: bytes(44),
});
export const configOut = struct('iomap_config_out', 'le', 104, {
  flags: id64,
  sid: bytes(32),
  uuid: bytes(16),
  uuidLength: u8,
  padding: bytes(3),
  blockSize: u32,
  maxLinks: u32,
  timeGran: u32,
  timeMin: i64,
  timeMax: i64,
  maxbytes: id64,
  cacheMaxbytes: u32,
  tail: bytes(4),
});

/** Bodies of notifications; two mappings follow the first, two ranges are in the second. */
export const nodeHead = struct('notification for a node', 'le', 16, {nodeid: id64, attrIno: id64});
export const range = struct('range', 'le', 16, {offset: id64, length: id64});
export const devInval = struct('iomap_dev_inval', 'le', 24, {
  dev: u32,
  zero: u32,
  offset: id64,
  length: id64,
});
/** ioctl arguments. */
export const backingMap = struct('backing_map', 'le', 16, {fd: i32, flags: u32, padding: id64});
export const backingInfo = struct('iomap_backing_info', 'le', 8, {id: u32, blockSize: u32});
