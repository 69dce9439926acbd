import {closeSync, constants, openSync, readdirSync, readSync} from 'node:fs';
import {hashContent, type Range} from '../content.js';
import {CallError, cString, ioctl, statx} from '../posix.js';
import {dataRanges, rangesText} from '../snapshot.js';
import {codeOf} from '../snapshot-diff.js';
import type {Inode} from './inode.js';
import type {SimKernel} from './kernel.js';
import {readdirplus} from './namespace.js';
import {OpenFile} from './open-file.js';
import {EXTENT, type Extent, fiemap} from './reports.js';
import {isLookedAt, Selection} from './selection.js';

/** What a reader can find out about a regular file. Errors are their names after an exclamation mark. */
export interface FileFacts {
  /** See `hashContent`. */
  readonly content: string;
  /** Ranges of SEEK_DATA and SEEK_HOLE. */
  readonly data: string;
  /** FIEMAP, see `extentsText`. */
  readonly extents: string;
}

/** Instead of extents: the file is none with iomap. */
export const SERVED_BY_READ = 'served by READ';

/** Facts by path. */
export type Facts = Map<string, FileFacts>;

function attempt(action: () => string): string {
  try {
    return action();
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    return `!${code}`;
  }
}

/**
 * Extents in words, `logical+length@physical` and what is special. Pieces that continue each other are one, since who answers may
 * join them or not; of data inside an inode it is told only that they are there, since only the kernel's own ext4 knows an address for them.
 */
export function extentsText(extents: readonly Extent[]): string {
  const joined: Extent[] = [];
  for (const each of extents) {
    const extent = {...each, flags: each.flags & (EXTENT.UNWRITTEN | EXTENT.DATA_INLINE | EXTENT.DELALLOC)};
    const before = joined.at(-1);
    const continues =
      before !== undefined &&
      before.flags === extent.flags &&
      before.logical + before.length === extent.logical &&
      before.physical + before.length === extent.physical;
    if (continues) joined[joined.length - 1] = {...before, length: before.length + extent.length};
    else joined.push(extent);
  }
  return joined
    .map(({logical, length, physical, flags}) => {
      if ((flags & EXTENT.DATA_INLINE) !== 0) return 'inline';
      return `${logical}+${length}@${physical}${(flags & EXTENT.UNWRITTEN) !== 0 ? ' unwritten' : ''}`;
    })
    .join('\n');
}

const FS_IOC_FIEMAP = 0xc020660b;
const HEAD = 32;
const EXTENT_SIZE = 56;
const AT_ONCE = 512;
const TO_END = 0xffff_ffff_ffff_ffffn;

/** FS_IOC_FIEMAP of an open file. */
function kernelFiemap(fd: number): Extent[] {
  const found: Extent[] = [];
  const memory = Buffer.alloc(HEAD + AT_ONCE * EXTENT_SIZE);
  for (let start = 0n; ; ) {
    memory.fill(0);
    memory.writeBigUInt64LE(start, 0);
    memory.writeBigUInt64LE(TO_END - start, 8);
    memory.writeUInt32LE(AT_ONCE, 24);
    ioctl(fd, FS_IOC_FIEMAP, memory);
    const count = memory.readUInt32LE(20);
    for (let i = 0; i < count; i++) {
      const at = HEAD + i * EXTENT_SIZE;
      found.push({
        logical: memory.readBigUInt64LE(at),
        physical: memory.readBigUInt64LE(at + 8),
        length: memory.readBigUInt64LE(at + 16),
        flags: memory.readUInt32LE(at + 40),
      });
    }
    const last = found.at(-1);
    if (count === 0 || last === undefined || (last.flags & EXTENT.LAST) !== 0) return found;
    start = last.logical + last.length;
  }
}

/** Facts of an open file of the machine's kernel. Holes are asked for first: pages in memory count as data. */
function factsOfOpen(fd: number, size: number): FileFacts {
  const extents = attempt(() => extentsText(kernelFiemap(fd)));
  let ranges: Range[] = [];
  const data = attempt(() => {
    ranges = dataRanges(fd);
    return rangesText(ranges);
  });
  const content = attempt(() =>
    hashContent((target, pos) => readSync(fd, target, 0, target.length, pos), size, ranges),
  );
  return {content, data, extents};
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

/** The facts of all regular files below a directory, by the kernel of this machine. */
export function kernelFacts(root: string): Facts {
  const facts: Facts = new Map();
  const selection = new Selection();
  const walk = (directory: Buffer, key: string): void => {
    let names: Buffer[];
    try {
      names = readdirSync(directory, {encoding: 'buffer'}).sort(Buffer.compare);
    } catch (error) {
      facts.set(key, {content: '', data: `!${codeOf(error)}`, extents: ''});
      return;
    }
    for (const [index, name] of names.entries()) {
      if (!isLookedAt(index, names.length)) continue;
      const path = Buffer.concat([directory, Buffer.from('/'), name]);
      const childKey = `${key}/${name.toString('latin1')}`;
      const {mode, size} = statx(cString(path));
      if ((mode & S_IFMT) === S_IFDIR) walk(path, childKey);
      if ((mode & S_IFMT) !== S_IFREG || !selection.takes(size)) continue;
      try {
        const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
        try {
          facts.set(childKey, factsOfOpen(fd, size));
        } finally {
          closeSync(fd);
        }
      } catch (error) {
        if (error instanceof CallError) throw error;
        facts.set(childKey, {content: `!${codeOf(error)}`, data: '', extents: ''});
      }
    }
  };
  walk(Buffer.from(root), '');
  return facts;
}

/** Ranges of SEEK_DATA and SEEK_HOLE in turn. Ends because each step moves forward. */
function simulatedRanges(file: OpenFile): Range[] {
  const ranges: Range[] = [];
  for (let at = 0; ; ) {
    let start: number;
    try {
      start = file.seekData(at);
    } catch (error) {
      if (codeOf(error) === 'ENXIO') return ranges;
      throw error;
    }
    const end = file.seekHole(start);
    if (start < at || end <= start) throw new Error(`lseek went back: ${at} ${start} ${end}`);
    ranges.push([start, end]);
    at = end;
  }
}

/** The facts of one file through the simulated kernel. */
export function simulatedFactsOf(kernel: SimKernel, inode: Inode): FileFacts {
  let file: OpenFile;
  try {
    file = OpenFile.open(kernel, inode);
  } catch (error) {
    return {content: `!${codeOf(error)}`, data: '', extents: ''};
  }
  const extents = inode.iomap ? attempt(() => extentsText(fiemap(kernel, inode))) : SERVED_BY_READ;
  let ranges: Range[] = [];
  const data = attempt(() => {
    ranges = simulatedRanges(file);
    return rangesText(ranges);
  });
  const content = attempt(() => hashContent((target, pos) => file.read(target, pos), inode.size, ranges));
  file.close();
  inode.pages.reclaim();
  return {content, data, extents};
}

/** The facts of all regular files of a mount of the simulated kernel. */
export function simulatedFacts(kernel: SimKernel, root: Inode): Facts {
  const facts: Facts = new Map();
  const selection = new Selection();
  const walk = (directory: Inode, key: string): void => {
    let listed: ReturnType<typeof readdirplus>;
    try {
      listed = readdirplus(kernel, directory).sort((a, b) => Buffer.compare(a.name, b.name));
    } catch (error) {
      facts.set(key, {content: '', data: `!${codeOf(error)}`, extents: ''});
      return;
    }
    for (const [index, {name, inode}] of listed.entries()) {
      if (inode === undefined || !isLookedAt(index, listed.length)) continue;
      const childKey = `${key}/${name.toString('latin1')}`;
      if (inode.isDirectory) walk(inode, childKey);
      else if (inode.isFile && selection.takes(inode.size)) {
        facts.set(childKey, simulatedFactsOf(kernel, inode));
      }
    }
  };
  walk(root, '');
  return facts;
}

/**
 * Where two sets of facts differ, in words; SERVED_BY_READ differs from no extents.
 * @param fields what is compared
 */
export function factDifferences(
  wanted: Facts,
  found: Facts,
  fields: ReadonlyArray<keyof FileFacts> = ['content', 'data', 'extents'],
): string[] {
  const lines: string[] = [];
  for (const path of new Set([...wanted.keys(), ...found.keys()])) {
    const a = wanted.get(path);
    const b = found.get(path);
    if (a === undefined || b === undefined) {
      lines.push(`${path}: only in the ${a === undefined ? 'second' : 'first'}`);
      continue;
    }
    for (const field of fields) {
      if (a[field] === b[field] || (field === 'extents' && b.extents === SERVED_BY_READ)) continue;
      lines.push(`${path}: ${field}: ${brief(a[field])} / ${brief(b[field])}`);
    }
  }
  return lines;
}

function brief(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}… (${text.length})` : text;
}
