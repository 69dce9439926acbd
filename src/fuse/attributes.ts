/**
 * What stat(2) shows of a node (struct fuse_attr). A handler gets one that is reset, and fills it in; the session
 * checks and encodes it after the handler has returned. All numbers are integers; sizes and times are safe
 * integers, the rest unsigned 32-bit.
 */
export class Attr {
  /** st_ino. Left 0, the node id is shown. */
  ino = 0;
  /** Bytes; below 2^53. */
  size = 0;
  /** Units of 512 bytes. */
  blocks = 0;
  /** Seconds since 1970, negative before. */
  atime = 0;
  mtime = 0;
  ctime = 0;
  /** Nanoseconds, 0 to 999,999,999. */
  atimensec = 0;
  mtimensec = 0;
  ctimensec = 0;
  /** Type and permission bits; a mode without a valid type never leaves the session. */
  mode = 0;
  nlink = 1;
  uid = 0;
  gid = 0;
  /** Device number of a character or block device, in the kernel's 32-bit form (`deviceNumber()`). */
  rdev = 0;
  /** st_blksize; 0 lets the kernel choose. */
  blksize = 0;
  /** Bit 0 SUBMOUNT, bit 1 DAX (`flags/attr-flags.ts`). */
  flags = 0;

  /** Takes over all values of another. */
  copy(from: Attr): void {
    this.ino = from.ino;
    this.size = from.size;
    this.blocks = from.blocks;
    this.atime = from.atime;
    this.mtime = from.mtime;
    this.ctime = from.ctime;
    this.atimensec = from.atimensec;
    this.mtimensec = from.mtimensec;
    this.ctimensec = from.ctimensec;
    this.mode = from.mode;
    this.nlink = from.nlink;
    this.uid = from.uid;
    this.gid = from.gid;
    this.rdev = from.rdev;
    this.blksize = from.blksize;
    this.flags = from.flags;
  }

  /** Sets the times named to `nowMs`, milliseconds since 1970. */
  touch(nowMs: number, ...times: readonly ('atime' | 'mtime' | 'ctime')[]): void {
    const seconds = Math.floor(nowMs / 1000);
    for (const time of times) {
      this[time] = seconds;
      this[`${time}nsec`] = Math.floor((nowMs - seconds * 1000) * 1e6);
    }
  }

  reset(): void {
    this.ino = 0;
    this.size = 0;
    this.blocks = 0;
    this.atime = 0;
    this.mtime = 0;
    this.ctime = 0;
    this.atimensec = 0;
    this.mtimensec = 0;
    this.ctimensec = 0;
    this.mode = 0;
    this.nlink = 1;
    this.uid = 0;
    this.gid = 0;
    this.rdev = 0;
    this.blksize = 0;
    this.flags = 0;
  }
}

/** The answer to getattr and setattr (struct fuse_attr_out). */
export class AttrReply {
  readonly attr: Attr = new Attr();
  /** How long the kernel may use these attributes without asking: seconds, then nanoseconds on top. */
  attrValid = 0;
  attrValidNsec = 0;

  reset(attrValid: number): void {
    this.attr.reset();
    this.attrValid = attrValid;
    this.attrValidNsec = 0;
  }
}

/**
 * A name and what it leads to (struct fuse_entry_out). Each one that is delivered with a nodeid adds 1 to the kernel's
 * lookup count of that node.
 */
export class EntryReply {
  readonly attr: Attr = new Attr();
  /** Node id, a safe integer above 0; 1 is the root. 0 says "no such name, and remember that for entryValid". */
  nodeid = 0;
  /** (nodeid, generation) never names two different files during the life of a mount. */
  generation = 0;
  /** How long the name may be used without asking again: seconds, then nanoseconds on top. */
  entryValid = 0;
  entryValidNsec = 0;
  /** How long the attributes may be used. */
  attrValid = 0;
  attrValidNsec = 0;

  reset(entryValid: number, attrValid: number): void {
    this.attr.reset();
    this.nodeid = 0;
    this.generation = 0;
    this.entryValid = entryValid;
    this.entryValidNsec = 0;
    this.attrValid = attrValid;
    this.attrValidNsec = 0;
  }
}

/** A device number as the kernel encodes it in 32 bits (new_encode_dev): minor 20 bits, major 12 bits. */
export function deviceNumber(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

/** The file type bits of a mode (S_IFMT). */
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;

/** Whether a mode's type bits name one of the seven file types. */
export function hasFileType(mode: number): boolean {
  switch (mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
    case S_IFLNK:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
      return true;
    default:
      return false;
  }
}
