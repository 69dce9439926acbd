/**
 * # Writing a file system
 *
 * A file system is an object with some of the methods below. They are named like the system calls they serve, and the
 * manual page of that call tells what is expected. A handler either returns, returns a promise, or throws; anything
 * thrown that has an `errno` (`failure('ENOENT')`, `Errno`, Node's own errors) becomes that error for the caller, anything
 * else becomes EIO and is reported to the session's `onError` hook.
 *
 * **Node ids** are safe integers that the file system chooses; 1 is the root. **Names** are bytes, without '/' and NUL. Names, written
 * data and the reply objects are parts of buffers that are used again: valid until the handler has finished, to be
 * copied by who wants to keep them. **File handles** are safe integers that the file system chooses in open, opendir, create and
 * tmpfile; they are 0 where it has no open method.
 *
 * ## What the kernel remembers
 *
 * - *Names* (dentries): for `entryValid` after a lookup, create, mkdir, … and readdirplus. A lookup answered with
 *   nodeid 0 remembers that the name does not exist, one that throws ENOENT remembers nothing.
 * - *Attributes*: for `attrValid`. Time 0 asks again at each use.
 * - *Pages* of a file until it is opened again, unless the open is answered with FOPEN_KEEP_CACHE (implied when there is no
 *   open method). *Listings* with FOPEN_CACHE_DIR (implied when there is no opendir method), while the directory's mtime stays.
 * - *Symlink targets* as long as the inode is in memory, *ACLs* with POSIX_ACL.
 * - *ENOSYS*, for the whole life of the mount: the method is never called again and the kernel does as the table says.
 *
 * A file system that changes behind the kernel's back either uses short times or tells the kernel (`notifications.ts`).
 *
 * | missing, or ENOSYS | the caller sees |
 * | --- | --- |
 * | open, opendir | success with handle 0 and everything cached; no release either |
 * | flush, fsync, fsyncdir, access | success |
 * | create | mknod, then open |
 * | getxattr, setxattr, listxattr, removexattr, fallocate, tmpfile | EOPNOTSUPP |
 * | rename with flags | EINVAL |
 * | lseek (SEEK_DATA, SEEK_HOLE) | the whole file is data |
 * | copyFileRange | read and write instead |
 * | bmap, ioctl | EINVAL, ENOTTY |
 * | poll | always ready |
 * | getlk, setlk | locks work, inside this kernel only |
 * | statx | what getattr says, no birth time |
 * | release, releasedir, forget, init, destroy | success; these may be missing but not fail |
| syncfs, thaw | success; freeze: EOPNOTSUPP |
 * | statfs | zeros, with names up to 255 bytes |
 * | anything else | ENOSYS |
 *
 * ## Lookup counts
 *
 * Every entry that is delivered (lookup, create, mknod, mkdir, symlink, link, tmpfile, each readdirplus record but "." and "..")
 * adds 1 to the kernel's count of that node id; `forget` subtracts. Until the count is 0 and the last open file is released
 * the id must stay valid, even when its last name is gone. The kernel sends no forgets for what is left at unmount. File
 * systems whose node ids are always valid (inode numbers of a disk) need no counting; others find `LookupCounts` useful.
 *
 * ## Interrupts
 *
 * When the caller gets a signal while its request is being served, `ctx.signal` is aborted. The caller waits until
 * the original request is answered all the same, even when killed. A handler that does not return a promise never sees it.
 *
 * ## Known deadlocks
 *
 * - The thread that serves a mount must never use that mount (stat, open, even `realpath` of a path in it), nor wait for one that does.
 * - invalEntry, delete, invalInode and store may wait for a lock held by a request that the server has not answered
 *   yet: never send them from inside a handler, nor from the only thread that answers.
 * - A file system that keeps its data in a file which is written through its own mount waits for itself when memory is short.
 */
import type {AttrReply, EntryReply} from './attributes.js';
import type {RequestContext} from './context.js';
import type {DirentList, DirentPlusList} from './directory-list.js';
import type {ConnectionInfo} from './init.js';
import type {
  FileLock,
  IoctlRequest,
  IoctlResult,
  OpenReply,
  SetattrChanges,
  StatfsReply,
  StatxReply,
} from './replies.js';

/** A value now or later. A promise keeps the request open while others are served. */
export type Answer<T = void> = T | Promise<T>;

/** The methods of a file system; all optional. See the top of this file for what they have in common. */
export interface FileSystem {
  /** The connection stands; tells what was negotiated. Called once, before any other method. */
  init?(connection: ConnectionInfo): void;
  /** The mount is gone (or about to be); every node is forgotten. Called once, last. */
  destroy?(): void;

  /** Finds a name in a directory. Counts as a lookup of `entry.nodeid`. */
  lookup?(parent: number, name: Uint8Array, entry: EntryReply, ctx: RequestContext): Answer;
  /** The kernel gives back `count` lookups of a node. Can't fail and is not answered. */
  forget?(ino: number, count: number): void;
  /** stat(2); `fh` is given when it was asked for an open file. */
  getattr?(ino: number, fh: number | undefined, reply: AttrReply, ctx: RequestContext): Answer;
  /** chmod, chown, truncate, utimensat. Answers with the attributes afterwards. */
  setattr?(ino: number, changes: SetattrChanges, reply: AttrReply, ctx: RequestContext): Answer;
  /** The target of a symbolic link, 1 to 4095 bytes. */
  readlink?(ino: number, ctx: RequestContext): Answer<Uint8Array>;
  /** Makes a symbolic link. */
  symlink?(
    parent: number,
    name: Uint8Array,
    target: Uint8Array,
    entry: EntryReply,
    ctx: RequestContext,
  ): Answer;
  /** Makes a file, device, FIFO or socket. `mode` has the umask applied already, unless DONT_MASK was negotiated. */
  mknod?(
    parent: number,
    name: Uint8Array,
    mode: number,
    rdev: number,
    umask: number,
    entry: EntryReply,
    ctx: RequestContext,
  ): Answer;
  /** Makes a directory. `mode` comes without the type bits. */
  mkdir?(
    parent: number,
    name: Uint8Array,
    mode: number,
    umask: number,
    entry: EntryReply,
    ctx: RequestContext,
  ): Answer;
  unlink?(parent: number, name: Uint8Array, ctx: RequestContext): Answer;
  rmdir?(parent: number, name: Uint8Array, ctx: RequestContext): Answer;
  /** `flags`: RENAME_NOREPLACE 1, RENAME_EXCHANGE 2, RENAME_WHITEOUT 4; EINVAL for what is not supported. */
  rename?(
    parent: number,
    name: Uint8Array,
    newParent: number,
    newName: Uint8Array,
    flags: number,
    ctx: RequestContext,
  ): Answer;
  /** Makes another name for `ino`. Counts as a lookup of it. */
  link?(ino: number, newParent: number, newName: Uint8Array, entry: EntryReply, ctx: RequestContext): Answer;

  /**
   * Opens a file. `flags` are those of open(2) without O_CREAT, O_EXCL and O_NOCTTY. With O_TRUNC the file is to be
   * emptied here. A file system with this method must not throw ENOSYS from it unless it never truncates.
   */
  open?(ino: number, flags: number, reply: OpenReply, ctx: RequestContext): Answer;
  /**
   * Fills `target` from `offset` on and returns the number of bytes; fewer than its length means end of file. `target` is the
   * reply itself and holds old data: count only bytes that were written.
   */
  read?(ino: number, fh: number, offset: number, target: Uint8Array, ctx: RequestContext): Answer<number>;
  /** Writes all of `data`, returns the number of bytes taken. FUSE_WRITE_* bits are in `ctx.requestFlags`. */
  write?(ino: number, fh: number, offset: number, data: Uint8Array, ctx: RequestContext): Answer<number>;
  statfs?(ino: number, reply: StatfsReply, ctx: RequestContext): Answer;
  /** The last use of an open file is over. Called once per open; the result is ignored. */
  release?(ino: number, fh: number, ctx: RequestContext): Answer;
  fsync?(ino: number, fh: number, dataOnly: boolean, ctx: RequestContext): Answer;
  /** `flags`: XATTR_CREATE 1, XATTR_REPLACE 2; with SETXATTR_EXT bit 0 of `ctx.requestFlags` asks to drop the set-group-id bit. */
  setxattr?(ino: number, name: Uint8Array, value: Uint8Array, flags: number, ctx: RequestContext): Answer;
  /** The whole value; questions for its size and buffers that are too small are seen to here. ENODATA when there is none. */
  getxattr?(ino: number, name: Uint8Array, ctx: RequestContext): Answer<Uint8Array>;
  /** All names, each followed by a NUL. */
  listxattr?(ino: number, ctx: RequestContext): Answer<Uint8Array>;
  removexattr?(ino: number, name: Uint8Array, ctx: RequestContext): Answer;
  /** Called at each close(2) of a descriptor; its error is that of close. */
  flush?(ino: number, fh: number, ctx: RequestContext): Answer;

  opendir?(ino: number, flags: number, reply: OpenReply, ctx: RequestContext): Answer;
  /** Adds entries from the cookie `offset` on (0 at the start, else the `nextOffset` of an entry) until the list is full. */
  readdir?(ino: number, fh: number, offset: number, list: DirentList, ctx: RequestContext): Answer;
  /** The same with attributes; each record but "." and ".." counts as a lookup. */
  readdirplus?(ino: number, fh: number, offset: number, list: DirentPlusList, ctx: RequestContext): Answer;
  releasedir?(ino: number, fh: number, ctx: RequestContext): Answer;
  fsyncdir?(ino: number, fh: number, dataOnly: boolean, ctx: RequestContext): Answer;

  /** Changes `lock` to the one that stands in its way, or its type to F_UNLCK (2). */
  getlk?(ino: number, fh: number, lock: FileLock, ctx: RequestContext): Answer;
  /** Takes or gives up a lock; EAGAIN when another has it and `wait` is false. */
  setlk?(ino: number, fh: number, lock: FileLock, wait: boolean, ctx: RequestContext): Answer;
  /** `mask`: R_OK 4, W_OK 2, X_OK 1. Not called with the mount option default_permissions. */
  access?(ino: number, mask: number, ctx: RequestContext): Answer;
  /** Makes a regular file and opens it. Counts as a lookup. */
  create?(
    parent: number,
    name: Uint8Array,
    mode: number,
    umask: number,
    flags: number,
    entry: EntryReply,
    open: OpenReply,
    ctx: RequestContext,
  ): Answer;
  /** The block on the device that holds a block of the file; fuseblk mounts only. */
  bmap?(ino: number, block: number, blockSize: number, ctx: RequestContext): Answer<number>;
  ioctl?(ino: number, request: IoctlRequest, ctx: RequestContext): Answer<IoctlResult>;
  /** Which of `events` are ready. With `kh` the kernel wants a poll notification when that changes. */
  poll?(ino: number, fh: number, events: number, kh: number | undefined, ctx: RequestContext): Answer<number>;
  /** `mode`: FALLOC_FL_* bits; EOPNOTSUPP for what is not supported. */
  fallocate?(
    ino: number,
    fh: number,
    mode: number,
    offset: number,
    length: number,
    ctx: RequestContext,
  ): Answer;
  /** SEEK_DATA (3) and SEEK_HOLE (4) only; the kernel does the others. ENXIO past the end of the file. */
  lseek?(ino: number, fh: number, offset: number, whence: number, ctx: RequestContext): Answer<number>;
  /** Copies inside this file system; returns the number of bytes copied. */
  copyFileRange?(
    ino: number,
    fh: number,
    offset: number,
    inoOut: number,
    fhOut: number,
    offsetOut: number,
    length: number,
    flags: number,
    ctx: RequestContext,
  ): Answer<number>;
  /** syncfs(2), sync(2) and the end of the mount; on fuseblk and iomap mounts only. All finished requests are durable afterwards. */
  syncfs?(ino: number, ctx: RequestContext): Answer;
  /**
   * FIFREEZE, after a sync: all metadata are on disk, the file system is marked clean, and nothing is written until thaw.
   * `unlinked` inodes have no name and are still open. Kernels with iomap only.
   */
  freeze?(unlinked: number, ctx: RequestContext): Answer;
  /** FITHAW. Kernels with iomap only. */
  thaw?(ctx: RequestContext): Answer;
  /**
   * The device is gone or the file system was shut down: nothing may be written any more. The session answers every later request
   * but DESTROY with EIO. Kernels with iomap only; the result is ignored.
   */
  shutdown?(ctx: RequestContext): Answer;
  /** Makes a file without a name and opens it (O_TMPFILE). Counts as a lookup. */
  tmpfile?(
    parent: number,
    mode: number,
    umask: number,
    flags: number,
    entry: EntryReply,
    open: OpenReply,
    ctx: RequestContext,
  ): Answer;
  /** statx(2). `mask`: STATX_* bits asked for; `flags`: AT_STATX_* bits. */
  statx?(
    ino: number,
    fh: number | undefined,
    mask: number,
    flags: number,
    reply: StatxReply,
    ctx: RequestContext,
  ): Answer;
}
