/** The answer to open, opendir, create and tmpfile (struct fuse_open_out). */
export class OpenReply {
  /** File handle, a safe integer; comes back with every request on this open file. */
  fh = 0;
  /** FOPEN_* bits (`flags/open-flags.ts`). */
  flags = 0;
  /** Id of a backing file for FOPEN_PASSTHROUGH, else 0. */
  backingId = 0;

  reset(): void {
    this.fh = 0;
    this.flags = 0;
    this.backingId = 0;
  }
}

/** The answer to statfs (struct fuse_kstatfs). Counts are safe integers. */
export class StatfsReply {
  /** Size of the file system, free, and free for ordinary users, in units of frsize bytes. */
  blocks = 0;
  bfree = 0;
  bavail = 0;
  /** Inodes in all, and free. */
  files = 0;
  ffree = 0;
  /** Preferred transfer size in bytes. */
  bsize = 4096;
  /** Longest name in bytes. */
  namelen = 255;
  /** Unit of the block counts in bytes. */
  frsize = 4096;

  reset(): void {
    this.blocks = 0;
    this.bfree = 0;
    this.bavail = 0;
    this.files = 0;
    this.ffree = 0;
    this.bsize = 4096;
    this.namelen = 255;
    this.frsize = 4096;
  }
}

/** The answer to statx (struct fuse_statx). `mask` says which fields are meant; times are seconds and nanoseconds. */
export class StatxReply {
  /** STATX_* bits of the fields that are filled in. */
  mask = 0;
  /** STATX_ATTR_* bits that are set, and those this file system knows at all. 53 bits are enough for all that exist. */
  attributes = 0;
  attributesMask = 0;
  /** Left 0, the node id is shown. */
  ino = 0;
  mode = 0;
  nlink = 1;
  uid = 0;
  gid = 0;
  size = 0;
  /** Units of 512 bytes. */
  blocks = 0;
  blksize = 0;
  atime = 0;
  btime = 0;
  ctime = 0;
  mtime = 0;
  atimensec = 0;
  btimensec = 0;
  ctimensec = 0;
  mtimensec = 0;
  rdevMajor = 0;
  rdevMinor = 0;
  devMajor = 0;
  devMinor = 0;
  /** How long the kernel may use the basic attributes: seconds, then nanoseconds on top. */
  attrValid = 0;
  attrValidNsec = 0;

  reset(attrValid: number): void {
    this.mask = 0;
    this.attributes = 0;
    this.attributesMask = 0;
    this.ino = 0;
    this.mode = 0;
    this.nlink = 1;
    this.uid = 0;
    this.gid = 0;
    this.size = 0;
    this.blocks = 0;
    this.blksize = 0;
    this.atime = 0;
    this.btime = 0;
    this.ctime = 0;
    this.mtime = 0;
    this.atimensec = 0;
    this.btimensec = 0;
    this.ctimensec = 0;
    this.mtimensec = 0;
    this.rdevMajor = 0;
    this.rdevMinor = 0;
    this.devMajor = 0;
    this.devMinor = 0;
    this.attrValid = attrValid;
    this.attrValidNsec = 0;
  }
}

/** A lock as getlk and setlk see it. Offsets are exact 64-bit values; `end` 2^63 - 1 means "to the end of the file". */
export interface FileLock {
  start: bigint;
  end: bigint;
  /** F_RDLCK 0, F_WRLCK 1, F_UNLCK 2. */
  type: number;
  /** Process that holds it, 0 when unknown. */
  pid: number;
  /** Opaque id of the owner. */
  owner: bigint;
  /** Whether it is a flock(2) lock (whole file) and not a POSIX one. */
  flock: boolean;
}

/** What an ioctl brings. */
export interface IoctlRequest {
  fh: number;
  /** The ioctl's number; direction and size are encoded in it (asm-generic/ioctl.h). */
  cmd: number;
  /** The caller's third argument, usually an address in its memory that means nothing here. */
  arg: bigint;
  /** FUSE_IOCTL_* bits (`flags/ioctl-flags.ts`). */
  flags: number;
  /** Bytes copied from the caller, as many as cmd says; valid until the handler has finished. */
  input: Uint8Array;
  /** Most bytes that go back to the caller. */
  outSize: number;
}

/** What ioctl answers: the call's return value, and at most `outSize` bytes for the caller. */
export interface IoctlResult {
  result: number;
  data?: Uint8Array;
}

/** What setattr shall change. Fields whose bit in `valid` is not set hold 0. */
export interface SetattrChanges {
  /** FATTR_* bits (`flags/setattr-flags.ts`). */
  valid: number;
  /** File handle, when FATTR_FH is set (ftruncate and the like). */
  fh: number;
  size: number;
  /** Seconds, possibly negative; with FATTR_ATIME_NOW and FATTR_MTIME_NOW the server's clock is meant instead. */
  atime: number;
  mtime: number;
  ctime: number;
  atimensec: number;
  mtimensec: number;
  ctimensec: number;
  mode: number;
  uid: number;
  gid: number;
}
