import {i64, pad, struct, u32, u64} from '../../wire/index.js';

// Bodies of notifications, after an out header with unique 0 and the code in its error field.

/** POLL: wakes whoever waits for the poll handle. */
export const notifyPollOut = struct('fuse_notify_poll_wakeup_out', 'le', 8, {kh: u64});
/** INVAL_INODE. */
export const notifyInvalInodeOut = struct('fuse_notify_inval_inode_out', 'le', 24, {
  ino: u64,
  off: i64,
  len: i64,
});
/** INVAL_ENTRY, then the name and a NUL that namelen does not count. */
export const notifyInvalEntryOut = struct('fuse_notify_inval_entry_out', 'le', 16, {
  parent: u64,
  namelen: u32,
  flags: u32,
});
/** DELETE, then the name and a NUL that namelen does not count. */
export const notifyDeleteOut = struct('fuse_notify_delete_out', 'le', 24, {
  parent: u64,
  child: u64,
  namelen: u32,
  padding: pad(4),
});
/** STORE, then the data. */
export const notifyStoreOut = struct('fuse_notify_store_out', 'le', 24, {
  nodeid: u64,
  offset: u64,
  size: u32,
  padding: pad(4),
});
/** RETRIEVE; answered by a NOTIFY_REPLY request with this unique. */
export const notifyRetrieveOut = struct('fuse_notify_retrieve_out', 'le', 32, {
  notifyUnique: u64,
  nodeid: u64,
  offset: u64,
  size: u32,
  padding: pad(4),
});
/** PRUNE, then `count` node ids of 8 bytes. */
export const notifyPruneOut = struct('fuse_notify_prune_out', 'le', 16, {
  count: u32,
  padding: pad(4),
  spare: pad(8),
});
