/**
 * What kernel and server agree on in INIT, as bit numbers of one 64-bit set: 0 to 31 travel in `flags`, 32 to 63 in `flags2`.
 * Bits that are not listed are never set in a reply; the kernel offering them means nothing to us.
 */
export const INIT_FLAGS = {
  /** Several reads of one file at the same time (read-ahead). */
  ASYNC_READ: 0,
  /** POSIX locks are sent to the server instead of being kept in the kernel. */
  POSIX_LOCKS: 1,
  /** O_TRUNC comes with OPEN, and the server truncates there. */
  ATOMIC_O_TRUNC: 3,
  /** The server answers lookups of "." and ".." by node id, so NFS can export the mount. */
  EXPORT_SUPPORT: 4,
  /** Writes of more than 4 KiB; implied in today's kernels. */
  BIG_WRITES: 5,
  /** The server applies the umask itself (needed when it handles default ACLs). */
  DONT_MASK: 6,
  /** flock(2) locks are sent to the server. */
  FLOCK_LOCKS: 10,
  /** ioctls on directories are sent too. */
  HAS_IOCTL_DIR: 11,
  /** Cached pages are dropped when the mtime changed. */
  AUTO_INVAL_DATA: 12,
  /** READDIRPLUS exists. */
  DO_READDIRPLUS: 13,
  /** The kernel chooses between READDIR and READDIRPLUS. */
  READDIRPLUS_AUTO: 14,
  /** Direct I/O is sent as several requests at once. */
  ASYNC_DIO: 15,
  /** Writes stay in the page cache at first; the kernel then owns size, mtime and ctime. */
  WRITEBACK_CACHE: 16,
  /** The kernel understands ENOSYS from OPEN. */
  NO_OPEN_SUPPORT: 17,
  /** Lookups and readdirs in one directory run in parallel. */
  PARALLEL_DIROPS: 18,
  /** The kernel caches POSIX ACLs and checks them; switches default_permissions on. */
  POSIX_ACL: 20,
  /** After an abort, reading the device gives ECONNABORTED instead of ENODEV. */
  ABORT_ERROR: 21,
  /** max_pages of the reply is meant: requests of more than 32 pages. */
  MAX_PAGES: 22,
  /** Targets of symbolic links are kept. */
  CACHE_SYMLINKS: 23,
  /** The kernel understands ENOSYS from OPENDIR. */
  NO_OPENDIR_SUPPORT: 24,
  /** Cached pages are dropped by notifications only. Loses to AUTO_INVAL_DATA. */
  EXPLICIT_INVAL_DATA: 25,
  /** The server drops set-id bits and capabilities as the KILL_SUIDGID flags of requests say. */
  HANDLE_KILLPRIV_V2: 28,
  /** SETXATTR carries setxattr_flags. */
  SETXATTR_EXT: 29,
  /** flags2 is meant. */
  INIT_EXT: 30,
  /** Create requests carry security labels. */
  SECURITY_CTX: 32,
  /** Create requests carry the group that a set-group-id directory asks for. */
  CREATE_SUPP_GROUP: 34,
  /** EXPIRE_ONLY of the INVAL_ENTRY notification is understood. */
  HAS_EXPIRE_ONLY: 35,
  /** Shared mappings of files opened with FOPEN_DIRECT_IO. */
  DIRECT_IO_ALLOW_MMAP: 36,
  /** FOPEN_PASSTHROUGH; excludes WRITEBACK_CACHE. */
  PASSTHROUGH: 37,
  /** File handles (open_by_handle_at, NFS) are refused. */
  NO_EXPORT_SUPPORT: 38,
  /** The RESEND notification is understood. */
  HAS_RESEND: 39,
  /** Id-mapped mounts; needs default_permissions. */
  ALLOW_IDMAP: 40,
  /** Requests travel by io_uring once the server has registered for them. */
  OVER_IO_URING: 41,
  /** request_timeout of the reply is meant. */
  REQUEST_TIMEOUT: 42,
  /** The kernel does file I/O by itself and asks where data lie; not in released kernels. */
  IOMAP: 43,
} as const;

/** A feature that can be negotiated. */
export type InitFlag = keyof typeof INIT_FLAGS;

/** A set of INIT features, as the two words in which they travel. */
export class InitFlagSet {
  /** `flags`, unsigned. */
  low = 0;
  /** `flags2`, unsigned. */
  high = 0;

  constructor(low = 0, high = 0) {
    this.low = low >>> 0;
    this.high = high >>> 0;
  }

  has(flag: InitFlag): boolean {
    const bit = INIT_FLAGS[flag];
    return ((bit < 32 ? this.low >>> bit : this.high >>> (bit - 32)) & 1) === 1;
  }

  add(flag: InitFlag): void {
    const bit = INIT_FLAGS[flag];
    if (bit < 32) this.low = (this.low | (1 << bit)) >>> 0;
    else this.high = (this.high | (1 << (bit - 32))) >>> 0;
  }

  delete(flag: InitFlag): void {
    const bit = INIT_FLAGS[flag];
    if (bit < 32) this.low = (this.low & ~(1 << bit)) >>> 0;
    else this.high = (this.high & ~(1 << (bit - 32))) >>> 0;
  }

  /** Names of the known features that are set, in order of their bits. */
  names(): InitFlag[] {
    return (Object.keys(INIT_FLAGS) as InitFlag[]).filter((flag) => this.has(flag));
  }
}
