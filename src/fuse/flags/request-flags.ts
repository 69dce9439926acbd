/** Bits of `RequestContext.requestFlags`, by request. Bits not listed are passed on as they are. */
/** open, create, tmpfile: drop set-user-id and set-group-id bits (with O_TRUNC and HANDLE_KILLPRIV_V2). */
export const FUSE_OPEN_KILL_SUIDGID = 1 << 0;
/** read: the lock owner is known. */
export const FUSE_READ_LOCKOWNER = 1 << 1;
/** write: written from the page cache; the file handle is a guess. */
export const FUSE_WRITE_CACHE = 1 << 0;
/** write: the lock owner is known. */
export const FUSE_WRITE_LOCKOWNER = 1 << 1;
/** write: drop set-user-id and set-group-id bits; only with HANDLE_KILLPRIV_V2. */
export const FUSE_WRITE_KILL_SUIDGID = 1 << 2;
/** release: flush too. */
export const FUSE_RELEASE_FLUSH = 1 << 0;
/** release: gives up the flock(2) locks of `lockOwner`. */
export const FUSE_RELEASE_FLOCK_UNLOCK = 1 << 1;
/** setxattr: an ACL that takes away the set-group-id bit. */
export const FUSE_SETXATTR_ACL_KILL_SGID = 1 << 0;
/** getattr, statx: the file handle is meant. */
export const FUSE_GETATTR_FH = 1 << 0;
/** fsync, fsyncdir: data only (fdatasync). */
export const FUSE_FSYNC_FDATASYNC = 1 << 0;
/** getlk, setlk: a flock(2) lock. */
export const FUSE_LK_FLOCK = 1 << 0;
/** poll: send a notification when it changes. */
export const FUSE_POLL_SCHEDULE_NOTIFY = 1 << 0;
