import koffi from 'koffi';
import {errnoCode} from '../../src/sys/errno-codes.js';

/**
 * The system calls that node:fs lacks and that the proofs need: whole statx, raw directory entries, extended
 * attributes, lseek, ioctl, statfs, fallocate, mknod, utimensat, mmap. Beside the table of error
 * names nothing of `src/sys`, so that a fault there can't hide a difference here. Layouts are those of 64-bit Linux (`linux/stat.h`, `asm-generic/statfs.h`).
 */
const libc = koffi.load('libc.so.6');
const c = {
  statx: libc.func('int statx(int, const void *, int, unsigned int, void *)'),
  getdents64: libc.func('long getdents64(int, void *, size_t)'),
  llistxattr: libc.func('long llistxattr(const void *, void *, size_t)'),
  lgetxattr: libc.func('long lgetxattr(const void *, const void *, void *, size_t)'),
  lsetxattr: libc.func('int lsetxattr(const void *, const void *, const void *, size_t, int)'),
  lseek: libc.func('int64_t lseek(int, int64_t, int)'),
  ioctl: libc.func('int ioctl(int, unsigned long, void *)'),
  statfs: libc.func('int statfs(const void *, void *)'),
  fallocate: libc.func('int fallocate(int, int, int64_t, int64_t)'),
  mknod: libc.func('int mknod(const void *, unsigned int, uint64_t)'),
  utimensat: libc.func('int utimensat(int, const void *, const void *, int)'),
  mmap: libc.func('void *mmap(void *, size_t, int, int, int, int64_t)'),
  munmap: libc.func('int munmap(void *, size_t)'),
};

/** A path as text (UTF-8) or as its bytes. */
export type Path = string | Buffer;

/** A failed call; `code` is the symbolic name, as in the errors of node:fs. */
export class CallError extends Error {
  readonly code: string;
  constructor(errno: number, call: string, object: string) {
    const code = errnoCode(errno) ?? `E${errno}`;
    super(`${call} ${object}: ${code}`);
    this.code = code;
  }
}

const END = Buffer.of(0);
/** The NUL-terminated bytes of a path. */
export function cString(path: Path): Buffer {
  return Buffer.concat([typeof path === 'string' ? Buffer.from(path) : path, END]);
}

function check(result: number | bigint, call: string, object: Path | number): number {
  const value = Number(result);
  if (value < 0) throw new CallError(koffi.errno(), call, String(object));
  return value;
}

export interface Statx {
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  /** Major and minor device number, `8:1`; `0:0` for everything but device nodes. */
  rdev: string;
  ino: bigint;
  size: number;
  /** Units of 512 bytes. */
  blocks: number;
  blksize: number;
  /** Times are nanoseconds since 1970, negative before. */
  atime: bigint;
  mtime: bigint;
  ctime: bigint;
  /** Null where the file system records none. */
  btime: bigint | null;
  dev: string;
}

const STATX_BASIC_AND_BTIME = 0xfff;
const STATX_BTIME = 0x800;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const statxBytes = Buffer.alloc(256);
const statxView = new DataView(statxBytes.buffer, statxBytes.byteOffset, 256);

function statxTime(offset: number): bigint {
  return statxView.getBigInt64(offset, true) * 1_000_000_000n + BigInt(statxView.getUint32(offset + 8, true));
}

/** statx(2) without following a last symlink. `path` must be NUL-terminated bytes where it is a Buffer. */
export function statx(path: Buffer): Statx {
  check(c.statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_AND_BTIME, statxBytes), 'statx', path);
  const u32 = (offset: number): number => statxView.getUint32(offset, true);
  return {
    mode: statxView.getUint16(28, true),
    nlink: u32(16),
    uid: u32(20),
    gid: u32(24),
    rdev: `${u32(128)}:${u32(132)}`,
    ino: statxView.getBigUint64(32, true),
    size: Number(statxView.getBigUint64(40, true)),
    blocks: Number(statxView.getBigUint64(48, true)),
    blksize: u32(4),
    atime: statxTime(64),
    mtime: statxTime(112),
    ctime: statxTime(96),
    btime: (u32(0) & STATX_BTIME) === 0 ? null : statxTime(80),
    dev: `${u32(136)}:${u32(140)}`,
  };
}

export interface RawDirent {
  name: Buffer;
  ino: bigint;
  /** DT_* of readdir(3): 4 directory, 8 file, 10 symlink, 0 unknown. */
  type: number;
  /** The position that a later lseek of the directory goes on from. */
  offset: bigint;
}

const direntBytes = Buffer.alloc(256 * 1024);

/** All that getdents64(2) gives of an open directory from its position on, `.` and `..` included, in its order. */
export function getdents(fd: number, bufferSize: number = direntBytes.length): RawDirent[] {
  const entries: RawDirent[] = [];
  for (;;) {
    const filled = check(c.getdents64(fd, direntBytes, bufferSize), 'getdents64', fd);
    if (filled === 0) return entries;
    for (let at = 0; at < filled; ) {
      const length = direntBytes.readUInt16LE(at + 16);
      const nameEnd = direntBytes.indexOf(0, at + 19);
      entries.push({
        name: Buffer.from(direntBytes.subarray(at + 19, nameEnd)),
        ino: direntBytes.readBigUInt64LE(at),
        type: direntBytes[at + 18]!,
        offset: direntBytes.readBigInt64LE(at + 8),
      });
      at += length;
    }
  }
}

const xattrBytes = Buffer.alloc(128 * 1024);

/** The names of a file's extended attributes in the order of llistxattr(2). `path` is NUL-terminated. */
export function llistxattr(path: Buffer): string[] {
  const length = check(c.llistxattr(path, xattrBytes, xattrBytes.length), 'llistxattr', path);
  if (length === 0) return [];
  return xattrBytes.toString('latin1', 0, length - 1).split('\0');
}

/** One extended attribute's value. `path` is NUL-terminated. */
export function lgetxattr(path: Buffer, name: string): Buffer {
  const cName = Buffer.from(`${name}\0`, 'latin1');
  const length = check(c.lgetxattr(path, cName, xattrBytes, xattrBytes.length), `lgetxattr ${name}`, path);
  return Buffer.from(xattrBytes.subarray(0, length));
}

/** What a call with a buffer of `size` bytes returns, 0 asking for the length; `name` null asks for the list of names. */
export function xattrSize(path: Buffer, name: string | null, size: number): number {
  if (name === null) return check(c.llistxattr(path, xattrBytes, size), 'llistxattr', path);
  return check(
    c.lgetxattr(path, Buffer.from(`${name}\0`, 'latin1'), xattrBytes, size),
    `lgetxattr ${name}`,
    path,
  );
}

/** Sets one extended attribute, without following a last symlink. */
export function lsetxattr(path: Path, name: string, value: Uint8Array): void {
  const cName = Buffer.from(`${name}\0`, 'latin1');
  check(c.lsetxattr(cString(path), cName, value, value.length, 0), `lsetxattr ${name}`, path);
}

export const SEEK = {SET: 0, CUR: 1, END: 2, DATA: 3, HOLE: 4} as const;

/** @param offset a bigint where it may be a directory position, which can have 63 bits */
export function lseek(fd: number, offset: number | bigint, whence: number): number {
  return check(c.lseek(fd, offset, whence), 'lseek', fd);
}

/** Request numbers as in `linux/fs.h`, for 64-bit Linux. */
export const IOCTL = {
  GETFLAGS: 0x80086601,
  SETFLAGS: 0x40086602,
  GETVERSION: 0x80087601,
  SETVERSION: 0x40087602,
  FSGETXATTR: 0x801c581f,
  FSSETXATTR: 0x401c5820,
  GETFSLABEL: 0x81009431,
  GETFSUUID: 0x80111500,
  ADD_ENCRYPTION_KEY: 0xc0506617,
  SET_ENCRYPTION_POLICY: 0x800c6613,
} as const;

export function ioctl(fd: number, request: number, argument: Uint8Array): void {
  check(c.ioctl(fd, request, argument), `ioctl 0x${request.toString(16)}`, fd);
}

export interface Statfs {
  type: number;
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
  fsid: string;
  namelen: number;
  frsize: number;
  flags: number;
}

export function statfs(path: Path): Statfs {
  const bytes = Buffer.alloc(120);
  check(c.statfs(cString(path), bytes), 'statfs', path);
  const long = (offset: number): number => Number(bytes.readBigUInt64LE(offset));
  return {
    type: long(0),
    bsize: long(8),
    blocks: long(16),
    bfree: long(24),
    bavail: long(32),
    files: long(40),
    ffree: long(48),
    fsid: bytes.toString('hex', 56, 64),
    namelen: long(64),
    frsize: long(72),
    flags: long(80),
  };
}

export const FALLOC = {KEEP_SIZE: 1, PUNCH_HOLE: 2, COLLAPSE_RANGE: 8, ZERO_RANGE: 16} as const;

export function fallocate(fd: number, mode: number, offset: number, length: number): void {
  check(c.fallocate(fd, mode, offset, length), 'fallocate', fd);
}

/** The type bits of st_mode that mknod(2) takes. */
export const S_IF = {FIFO: 0o010000, CHR: 0o020000, BLK: 0o060000, REG: 0o100000, SOCK: 0o140000} as const;

/** mknod(2); the device number is encoded as glibc's makedev does. */
export function mknod(path: Path, mode: number, major = 0, minor = 0): void {
  const device =
    ((BigInt(major) & 0xfffff000n) << 32n) |
    ((BigInt(major) & 0xfffn) << 8n) |
    ((BigInt(minor) & 0xffffff00n) << 12n) |
    (BigInt(minor) & 0xffn);
  check(c.mknod(cString(path), mode, device), 'mknod', path);
}

/** Sets access and modification time in nanoseconds since 1970, without following a last symlink. */
export function setTimes(path: Path, atime: bigint, mtime: bigint): void {
  const times = Buffer.alloc(32);
  for (const [at, time] of [
    [0, atime],
    [16, mtime],
  ] as const) {
    const nanoseconds = ((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    times.writeBigInt64LE((time - nanoseconds) / 1_000_000_000n, at);
    times.writeBigInt64LE(nanoseconds, at + 8);
  }
  check(c.utimensat(AT_FDCWD, cString(path), times, AT_SYMLINK_NOFOLLOW), 'utimensat', path);
}

const PROT_READ = 1;
const MAP_SHARED = 1;

/** A copy of `length` bytes of a file as a shared mapping shows them. */
export function readMapped(fd: number, offset: number, length: number): Buffer {
  const address = c.mmap(null, length, PROT_READ, MAP_SHARED, fd, offset) as unknown;
  if (koffi.address(address as never) === 0xffff_ffff_ffff_ffffn) {
    throw new CallError(koffi.errno(), 'mmap', String(fd));
  }
  try {
    return Buffer.from(Buffer.from(koffi.view(address as never, length)));
  } finally {
    c.munmap(address, length);
  }
}
