import {type Inode, type InodeNumber, isType, MODE_TYPE, type Volume} from '../../src/ext4/index.js';
import {hashContent, type Range} from './content.js';
import {type Entry, rangesText, type Snapshot, type SystemInfo} from './snapshot.js';
import {codeOf} from './snapshot-diff.js';

const SECOND = 1_000_000_000n;
const ROOT = 2 as InodeNumber;
/** How many entries the second reading of a directory takes at a time. */
const FEW = 7;
/** Directories with more entries are read once only, as by the snapshot through system calls. */
const SECOND_READING_LIMIT = 1 << 20;

function attempt<T>(action: () => T): T | string {
  try {
    return action();
  } catch (error) {
    return `!${codeOf(error)}`;
  }
}

function time(seconds: number, nanoseconds: number): bigint {
  return BigInt(seconds) * SECOND + BigInt(nanoseconds);
}

interface Named {
  name: Buffer;
  ino: number;
  type: number;
}

/** A directory's entries; `few` asks for them piece by piece, going on from the cookie of the last. */
function list(volume: Volume, dir: Inode, few?: number): Named[] {
  const entries: Named[] = [];
  let cookie = 0;
  for (;;) {
    const before = entries.length;
    volume.readdir(dir, cookie, (ino, type, name, next) => {
      if (few !== undefined && entries.length - before === few) return false;
      entries.push({name: Buffer.from(name), ino, type});
      cookie = next;
      return true;
    });
    if (few === undefined || entries.length === before) return entries;
  }
}

function checkListing(volume: Volume, dir: Inode, entries: readonly Named[], parent: number): string {
  const faults: string[] = [];
  const named = (name: string): number | undefined =>
    entries.find((entry) => entry.name.equals(Buffer.from(name)))?.ino;
  if (named('.') !== dir.ino) faults.push(`. is ${named('.')}`);
  if (named('..') !== parent) faults.push(`.. is ${named('..')}, not ${parent}`);
  if (new Set(entries.map((entry) => entry.name.toString('latin1'))).size !== entries.length)
    faults.push('twice');
  if (dir.size <= SECOND_READING_LIMIT) {
    const again = list(volume, dir, FEW);
    const same =
      again.length === entries.length &&
      again.every((entry, i) => entry.name.equals(entries[i]!.name) && entry.ino === entries[i]!.ino);
    if (!same) faults.push(`second reading: ${again.length} of ${entries.length} names`);
  }
  for (const {name, ino} of entries) {
    if (name.toString('latin1') === '.' || name.toString('latin1') === '..') continue;
    const found = attempt(() => volume.lookup(dir, name)?.ino);
    if (found !== ino) faults.push(`look-up of ${name.toString('latin1')} gives ${found}, not ${ino}`);
  }
  if (attempt(() => volume.lookup(dir, Buffer.from('no such name'))) !== undefined)
    faults.push('look-up finds too much');
  return faults.length === 0 ? 'ok' : faults.slice(0, 3).join(', ');
}

function xattrsOf(volume: Volume, inode: Inode): string {
  const names = attempt(() => Buffer.from(volume.listxattr(inode)).toString('latin1'));
  if (names.startsWith('!') || names === '') return names;
  return names
    .slice(0, -1)
    .split('\0')
    .map((name) => {
      const value = attempt(() => volume.getxattr(inode, Buffer.from(name, 'latin1')));
      return `${name}=${typeof value === 'string' ? value : Buffer.from(value ?? []).toString('hex')}`;
    })
    .join('\n');
}

function dataRanges(volume: Volume, inode: Inode): Range[] {
  const ranges: Range[] = [];
  for (let at = 0; ; ) {
    let start: number;
    try {
      start = volume.seek(inode, at, 'data');
    } catch (error) {
      if (codeOf(error) === 'ENXIO') return ranges;
      throw error;
    }
    const end = volume.seek(inode, start, 'hole');
    if (start < at || end <= start) throw new Error(`seek went back: ${at} ${start} ${end}`);
    ranges.push([start, end]);
    at = end;
  }
}

function contentOf(volume: Volume, inode: Inode, ranges: readonly Range[]): string {
  return hashContent(
    (target, position) => volume.read(inode, position, target, 0, target.length),
    inode.size,
    ranges,
  );
}

function entryOf(volume: Volume, inode: Inode, dirent: Named | null): Entry {
  const regular = isType(inode, MODE_TYPE.regular);
  const directory = isType(inode, MODE_TYPE.directory);
  const opened = regular || directory;
  const refused = regular ? attempt(() => volume.checkOpen(inode)) : undefined;
  const ranges = regular ? attempt(() => dataRanges(volume, inode)) : [];
  const entry: Entry = {
    mode: inode.mode,
    nlink: inode.links,
    uid: inode.uid,
    gid: inode.gid,
    rdev: `${inode.rdevMajor}:${inode.rdevMinor}`,
    ino: BigInt(inode.ino),
    size: volume.statSize(inode),
    blocks: inode.blocks512,
    blksize: volume.superblock.blockSize,
    atime: time(inode.atime, inode.atimeNsec),
    mtime: time(inode.mtime, inode.mtimeNsec),
    ctime: time(inode.ctime, inode.ctimeNsec),
    btime: inode.hasCrtime ? time(inode.crtime, inode.crtimeNsec) : null,
    direntType: dirent?.type ?? null,
    direntIno: dirent === null ? null : BigInt(dirent.ino),
    target: isType(inode, MODE_TYPE.symlink)
      ? attempt(() => Buffer.from(volume.readlink(inode)).toString('latin1'))
      : null,
    xattrs: xattrsOf(volume, inode),
    data: regular ? (typeof ranges === 'string' ? ranges : rangesText(ranges)) : null,
    content: regular
      ? attempt(() => contentOf(volume, inode, typeof ranges === 'string' ? [] : ranges))
      : null,
    flags: opened ? volume.flags(inode) : null,
    version: opened ? inode.generation : null,
    xflags: opened ? volume.fsxattr(inode).xflags : null,
    project: opened ? volume.fsxattr(inode).projid : null,
    listing: null,
  };
  if (typeof refused !== 'string') return entry;
  // What a failed open(2) leaves unknown to a program.
  return {
    ...entry,
    data: refused,
    content: refused,
    listing: refused,
    flags: null,
    version: null,
    xflags: null,
    project: null,
  };
}

function walk(
  volume: Volume,
  entries: Map<string, Entry>,
  inode: Inode,
  key: string,
  dirent: Named | null,
  parent: number,
): void {
  const entry = entryOf(volume, inode, dirent);
  entries.set(key, entry);
  if (!isType(inode, MODE_TYPE.directory)) return;
  const names = attempt(() => list(volume, inode));
  if (typeof names === 'string') {
    entry.listing = names;
    return;
  }
  entry.listing = attempt(() => checkListing(volume, inode, names, parent));
  for (const child of names) {
    const name = child.name.toString('latin1');
    if (name === '.' || name === '..') continue;
    const childKey = key === '.' ? name : `${key}/${name}`;
    walk(volume, entries, volume.inode(child.ino as InodeNumber), childKey, child, inode.ino);
  }
}

function systemInfo(volume: Volume): SystemInfo {
  const {fsid: _fsid, ...numbers} = volume.statfs();
  return {
    statfs: {...numbers, frsize: numbers.bsize},
    label: Buffer.from(volume.label()).toString('latin1').replace(/\0.*$/s, ''),
    uuid: `10${Buffer.from(volume.uuid()).toString('hex')}`,
  };
}

/**
 * The snapshot that a mount of this volume would give, from the volume itself. Beside what `snapshot` checks of a
 * directory, every name is looked up.
 */
export function volumeSnapshot(volume: Volume): Snapshot {
  const entries = new Map<string, Entry>();
  walk(volume, entries, volume.inode(ROOT), '.', null, ROOT);
  return {entries, system: systemInfo(volume)};
}
