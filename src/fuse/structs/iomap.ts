import {bytes, i32, i64, id64, pad, struct, u8, u16, u32, u64} from '../../wire/index.js';

// Requests, replies and notifications of the fuse-iomap patches, 7th posting; where the 6th differs it is told.

/** One mapping; offset, length and address are bytes, no address is 2^64 - 1. */
export const mappingIo = struct('fuse_iomap_io', 'le', 32, {
  offset: u64,
  length: u64,
  addr: i64,
  type: u16,
  flags: u16,
  dev: u32,
});
/** IOMAP_CONFIG; what follows the flags and maxbytes is zero in the 6th posting. */
export const iomapConfigIn = struct('fuse_iomap_config_in', 'le', 64, {
  flags: id64,
  maxbytes: id64,
  cacheMaxbytes: u32,
  zero: pad(4),
  padding: pad(40),
});
/** IOMAP_CONFIG; the 6th posting ends before cacheMaxbytes. The C struct is padded to 104. */
export const iomapConfigOut = struct('fuse_iomap_config_out', 'le', 100, {
  flags: id64,
  id: bytes(32),
  uuid: bytes(16),
  uuidLength: u8,
  padding: pad(3),
  blocksize: u32,
  maxLinks: u32,
  timeGran: u32,
  timeMin: i64,
  timeMax: i64,
  maxbytes: u64,
  cacheMaxbytes: u32,
});
/** IOMAP_BEGIN. */
export const iomapBeginIn = struct('fuse_iomap_begin_in', 'le', 32, {
  opflags: u32,
  reserved: pad(4),
  attrIno: u64,
  pos: u64,
  count: u64,
});
/** IOMAP_BEGIN: the mapping to read from, then the one to write to. */
export const iomapBeginOut = struct('fuse_iomap_begin_out', 'le', 64, {read: bytes(32), write: bytes(32)});
/** IOMAP_END; `written` is a negative errno where the operation failed. */
export const iomapEndIn = struct('fuse_iomap_end_in', 'le', 72, {
  opflags: u32,
  reserved: pad(4),
  attrIno: u64,
  pos: u64,
  count: u64,
  written: i64,
  map: bytes(32),
});
/** IOMAP_IOEND. `newAddr` is in bytes by the header and in 512-byte sectors by the code: not to be used. */
export const iomapIoendIn = struct('fuse_iomap_ioend_in', 'le', 48, {
  flags: u32,
  error: i32,
  attrIno: u64,
  pos: u64,
  newAddr: id64,
  written: u64,
  dev: u32,
  zero: pad(4),
});
/** IOMAP_IOEND of the 6th posting, which has no reply body. */
export const iomapIoendInV6 = struct('fuse_iomap_ioend_in (v6)', 'le', 40, {
  flags: u32,
  error: i32,
  attrIno: u64,
  pos: u64,
  newAddr: id64,
  written: u32,
  zero: pad(4),
});
/** IOMAP_IOEND: the size on disk. */
export const iomapIoendOut = struct('fuse_iomap_ioend_out', 'le', 8, {newsize: u64});
/** FREEZE_FS: how many inodes without a name are open. */
export const freezeIn = struct('fuse_freezefs_in', 'le', 8, {unlinked: u64});
/** SHUTDOWN_FS. */
export const shutdownIn = struct('fuse_shutdownfs_in', 'le', 8, {flags: id64});

/** DEV_INVAL. */
export const notifyIomapDevInvalOut = struct('fuse_iomap_dev_inval_out', 'le', 24, {
  dev: u32,
  zero: pad(4),
  offset: u64,
  length: u64,
});
/** UPSERT_MAPPINGS: one mapping for each tree, NOCACHE to leave it alone. */
export const notifyIomapUpsertOut = struct('fuse_iomap_upsert_mappings_out', 'le', 80, {
  nodeid: u64,
  attrIno: u64,
  read: bytes(32),
  write: bytes(32),
});
/** INVAL_MAPPINGS: a range of each tree; length 0 for none, 2^64 - 1 up to the end of the file. */
export const notifyIomapInvalOut = struct('fuse_iomap_inval_mappings_out', 'le', 48, {
  nodeid: u64,
  attrIno: u64,
  readOffset: u64,
  readLength: i64,
  writeOffset: u64,
  writeLength: i64,
});
