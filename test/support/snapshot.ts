import {closeSync, constants, openSync, readlinkSync, readSync} from 'node:fs';
import {hashContent, type Range, type ReadAt} from './content.js';
import {
  cString,
  getdents,
  IOCTL,
  ioctl,
  lgetxattr,
  llistxattr,
  lseek,
  type Path,
  SEEK,
  type Statfs,
  statfs,
  statx,
} from './posix.js';
import {codeOf} from './snapshot-diff.js';

/**
 * All that system calls tell of one name. A value that could not be had is the error's name after an exclamation
 * mark, `!ENOKEY`, so that errors are compared like values. Byte strings (names, targets) are latin1 text.
 */
export interface Entry {
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: string;
  ino: bigint;
  size: number;
  blocks: number;
  blksize: number;
  atime: bigint;
  mtime: bigint;
  ctime: bigint;
  btime: bigint | null;
  /** What the directory said of this name; for the root itself null. */
  direntType: number | null;
  direntIno: bigint | null;
  /** Symlinks only. */
  target: string | null;
  /** Names in the order of listxattr, with their values in hex. */
  xattrs: string;
  /** Regular files: ranges of SEEK_DATA and SEEK_HOLE, `start-end` in bytes. */
  data: string | null;
  /** Regular files: see `hashContent`. */
  content: string | null;
  /** Regular files and directories: FS_IOC_GETFLAGS, FS_IOC_GETVERSION, and project id and flags of FS_IOC_FSGETXATTR. */
  flags: number | string | null;
  version: number | string | null;
  xflags: number | string | null;
  project: number | string | null;
  /** Directories: a second reading in small pieces gives the same names, each once; `.` and `..` are right. */
  listing: string | null;
}

/** What is told of the file system as a whole. */
export interface SystemInfo {
  statfs: Omit<Statfs, 'fsid' | 'flags'>;
  label: string;
  uuid: string;
}

export interface Snapshot {
  /** By path below the root, latin1, `.` for the root. */
  entries: Map<string, Entry>;
  system: SystemInfo;
}

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const O_READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Small enough to need several calls, large enough for one entry with a name of 255 bytes. */
const SMALL_READDIR = 1024;
/** Directories larger than this are not read a second time in small pieces. */
const SMALL_READDIR_LIMIT = 1 << 20;

/** A value or `!CODE` of the error. */
function attempt<T>(action: () => T): T | string {
  try {
    return action();
  } catch (error) {
    return `!${codeOf(error)}`;
  }
}

const answer = Buffer.alloc(28);

function u32Of(fd: number, request: number): number | string {
  return attempt(() => {
    ioctl(fd, request, answer);
    return answer.readUInt32LE(0);
  });
}

function xattrsOf(path: Buffer): string {
  const list = attempt(() => llistxattr(path));
  if (typeof list === 'string') return list;
  return list
    .map((name) => {
      const value = attempt(() => lgetxattr(path, name));
      return `${name}=${typeof value === 'string' ? value : value.toString('hex')}`;
    })
    .join('\n');
}

/** The ranges with data of an open file: SEEK_DATA and SEEK_HOLE in turn. Ends because each step moves forward. */
export function dataRanges(fd: number): Range[] {
  const ranges: Range[] = [];
  for (let at = 0; ; ) {
    let start: number;
    try {
      start = lseek(fd, at, SEEK.DATA);
    } catch (error) {
      if (codeOf(error) === 'ENXIO') return ranges;
      throw error;
    }
    const end = lseek(fd, start, SEEK.HOLE);
    if (start < at || end <= start) throw new Error(`lseek went back: ${at} ${start} ${end}`);
    ranges.push([start, end]);
    at = end;
  }
}

/** Reads of an open file; short reads before the end are continued, as every careful program does. */
function readerOf(fd: number): ReadAt {
  return (target, position) => {
    let done = 0;
    while (done < target.length) {
      const count = readSync(fd, target, done, target.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  };
}

type FdFields = Pick<Entry, 'data' | 'content' | 'flags' | 'version' | 'xflags' | 'project'>;

function fieldsOfOpen(fd: number, size: number, regular: boolean): FdFields {
  answer.fill(0);
  const ranges = regular ? attempt(() => dataRanges(fd)) : [];
  return {
    data: regular ? (typeof ranges === 'string' ? ranges : rangesText(ranges)) : null,
    content: regular
      ? attempt(() => hashContent(readerOf(fd), size, typeof ranges === 'string' ? [] : ranges))
      : null,
    flags: u32Of(fd, IOCTL.GETFLAGS),
    version: u32Of(fd, IOCTL.GETVERSION),
    xflags: u32Of(fd, IOCTL.FSGETXATTR),
    // Of the struct fsxattr that the line before filled.
    project: answer.readUInt32LE(12),
  };
}

export function rangesText(ranges: readonly Range[]): string {
  return ranges.map(([start, end]) => `${start}-${end}`).join(' ');
}

interface Named {
  name: Buffer;
  ino: bigint;
  type: number;
}

interface Walk {
  entries: Map<string, Entry>;
}

function checkListing(
  fd: number,
  size: number,
  names: readonly Named[],
  own: bigint,
  parent: bigint,
): string {
  const faults: string[] = [];
  const dot = names.find((entry) => entry.name.equals(Buffer.from('.')));
  const dotDot = names.find((entry) => entry.name.equals(Buffer.from('..')));
  if (dot?.ino !== own) faults.push(`. is ${dot?.ino}`);
  if (dotDot?.ino !== parent) faults.push(`.. is ${dotDot?.ino}, not ${parent}`);
  if (new Set(names.map((entry) => entry.name.toString('latin1'))).size !== names.length)
    faults.push('twice');
  if (size <= SMALL_READDIR_LIMIT) {
    lseek(fd, 0, SEEK.SET);
    const again = getdents(fd, SMALL_READDIR);
    const same =
      again.length === names.length &&
      again.every((entry, i) => entry.name.equals(names[i]!.name) && entry.ino === names[i]!.ino);
    if (!same) faults.push(`second reading: ${again.length} of ${names.length} names`);
  }
  return faults.length === 0 ? 'ok' : faults.join(', ');
}

function walk(state: Walk, path: Buffer, key: string, dirent: Named | null, parent: bigint): void {
  const cPath = cString(path);
  const stat = statx(cPath);
  const kind = stat.mode & S_IFMT;
  const {dev: _dev, ...fields} = stat;
  const entry: Entry = {
    ...fields,
    direntType: dirent?.type ?? null,
    direntIno: dirent?.ino ?? null,
    target: kind === S_IFLNK ? attempt(() => readlinkSync(path, 'latin1')) : null,
    xattrs: xattrsOf(cPath),
    data: null,
    content: null,
    flags: null,
    version: null,
    xflags: null,
    project: null,
    listing: null,
  };
  state.entries.set(key, entry);
  if (kind !== S_IFREG && kind !== S_IFDIR) return;
  const fd = attempt(() => openSync(path, O_READ));
  if (typeof fd === 'string') {
    entry.data = entry.content = entry.listing = fd;
    return;
  }
  let children: Named[] = [];
  try {
    Object.assign(entry, fieldsOfOpen(fd, stat.size, kind === S_IFREG));
    if (kind === S_IFDIR) {
      const names = attempt(() => getdents(fd));
      if (typeof names === 'string') entry.listing = names;
      else {
        children = names;
        entry.listing = attempt(() => checkListing(fd, stat.size, names, stat.ino, parent));
      }
    }
  } finally {
    closeSync(fd);
  }
  const prefix = Buffer.concat([path, Buffer.from('/')]);
  for (const child of children) {
    const name = child.name.toString('latin1');
    if (name === '.' || name === '..') continue;
    const childKey = key === '.' ? name : `${key}/${name}`;
    walk(state, Buffer.concat([prefix, child.name]), childKey, child, stat.ino);
  }
}

/**
 * Walks a mounted directory through system calls and records everything. Hole maps are asked before content is
 * read: reading fills the kernel's page cache, and a cached page of an unwritten extent counts as data.
 */
export function snapshot(root: Path): Snapshot {
  const rootBytes = typeof root === 'string' ? Buffer.from(root) : root;
  const state: Walk = {entries: new Map()};
  walk(state, rootBytes, '.', null, statx(cString(rootBytes)).ino);
  return {entries: state.entries, system: systemInfo(rootBytes)};
}

function systemInfo(root: Buffer): SystemInfo {
  const {fsid: _fsid, flags: _flags, ...numbers} = statfs(root);
  const fd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const text = (request: number, size: number, encoding: 'latin1' | 'hex'): string =>
      attempt(() => {
        const bytes = Buffer.alloc(size);
        ioctl(fd, request, bytes);
        return encoding === 'hex' ? bytes.toString('hex') : bytes.toString('latin1').replace(/\0.*$/s, '');
      });
    return {
      statfs: numbers,
      label: text(IOCTL.GETFSLABEL, 256, 'latin1'),
      uuid: text(IOCTL.GETFSUUID, 17, 'hex'),
    };
  } finally {
    closeSync(fd);
  }
}
