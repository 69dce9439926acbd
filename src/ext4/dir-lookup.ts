import {foldName} from './casefold.js';
import type {Ext4Context} from './context.js';
import {decodeNoKeyName} from './crypt-name.js';
import {dType, findEntry, NAME_MAX, type NameMatcher} from './dir-block.js';
import {hashVersions, seedWords} from './dir-hash.js';
import {DirReader} from './dir-reader.js';
import {type DirHash, dirHash} from './dirhash/index.js';
import {CorruptError, RequestError} from './errors.js';
import {HtreeWalk} from './htree.js';
import {findInline, inlineParent} from './inline-dir.js';
import type {Inode} from './inode.js';
import {le32} from './little-endian.js';
import {exactMatcher, foldedMatcher, noKeyMatcher} from './name-matcher.js';
import {type InodeNumber, ROOT_INODE} from './units.js';

const DOT = 0x2e;
const DT_DIR = 4;
/** s_encoding_flags: names that are not valid in the encoding are refused. */
const STRICT_ENCODING = 1;

/** What a directory says of a name. */
export interface DirEntry {
  readonly ino: InodeNumber;
  /** d_type of readdir(3): 4 directory, 8 regular file, 10 symbolic link, …, 0 where the image does not say. */
  readonly fileType: number;
}

/** How a name is found in one directory. */
interface Search {
  readonly matcher: NameMatcher;
  /** The name's hash under a version; undefined when that can't be computed. */
  hash(version: number): DirHash | undefined;
  /** The hash depends on how bytes above 127 count. */
  readonly signMatters: boolean;
}

interface Found {
  readonly block: Uint8Array;
  readonly at: number;
}

/**
 * Finds a name in a directory; undefined if it is not there. `.` and `..` are found too. In a directory that ignores
 * case, any spelling does; in an encrypted one, the no-key name that `readdir` gave.
 *
 * Cost: with an index one block a level and the leaf, otherwise all blocks up to the name.
 *
 * @throws RequestError ENOTDIR, ENAMETOOLONG `name-long`, EINVAL `name-encoding` for a name that a strict encoding
 *   forbids; CorruptError, ChecksumError.
 */
export function lookup(ctx: Ext4Context, dir: Inode, name: Uint8Array): DirEntry | undefined {
  if (name.length > NAME_MAX) throw new RequestError('ENAMETOOLONG', 'name-long', {length: name.length});
  const reader = new DirReader(ctx, dir);
  const dots = isDots(name);
  if (dots && reader.inline) {
    const ino = name.length === 1 ? dir.ino : (inlineParent(ctx, dir, reader.rules) as InodeNumber);
    return {ino, fileType: DT_DIR};
  }
  const search = dots ? exactSearch(reader, name) : searchFor(reader, name);
  if (search === undefined) return undefined;
  const found = find(reader, search, dots);
  if (found === undefined) return undefined;
  const ino = le32(found.block, found.at) as InodeNumber;
  checkTarget(reader, ino, dots);
  return {ino, fileType: dType(found.block, found.at, ctx.superblock.features.filetype)};
}

/** Whether a name is `.` or `..`. */
export function isDots(name: Uint8Array): boolean {
  return name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT));
}

function find(reader: DirReader, search: Search, dots: boolean): Found | undefined {
  if (reader.inline) return findInline(reader.ctx, reader.dir, reader.rules, search.matcher);
  // `.` and `..` lie in the first block, with and without an index.
  if (dots) return findInBlocks(reader, search.matcher, Math.min(1, reader.blocks));
  if (reader.indexed) {
    const found = findByIndex(reader, search);
    if (found !== NO_INDEX) {
      // Kernels folded some names differently over time, so one may lie where its hash does not lead.
      if (found !== undefined || !reader.casefolded) return found;
    }
  }
  return findInBlocks(reader, search.matcher, reader.blocks);
}

function findInBlocks(reader: DirReader, matcher: NameMatcher, blocks: number): Found | undefined {
  for (let number = 0; number < blocks; number++) {
    const block = reader.any(number);
    if (block === undefined) continue;
    const at = findEntry(reader.rules, block, 0, block.length, matcher);
    if (at >= 0) return {block, at};
  }
  return undefined;
}

/** The index is of no use. */
const NO_INDEX = Symbol('no-index');

function findByIndex(reader: DirReader, search: Search): Found | undefined | typeof NO_INDEX {
  const {superblock} = reader.ctx;
  // Ends: there are at most two versions.
  for (let attempt = 0; ; attempt++) {
    let last = true;
    const walk = HtreeWalk.open(reader, (version) => {
      const versions = hashVersions(superblock, version);
      last = !search.signMatters || attempt + 1 >= versions.length;
      const chosen = versions[attempt];
      return chosen === undefined ? undefined : search.hash(chosen);
    });
    if (walk === undefined) return NO_INDEX;
    // Ends: `next` goes on to the next slot of the index, or throws.
    do {
      const block = reader.leaf(walk.leaf);
      const at = findEntry(reader.rules, block, 0, block.length, search.matcher);
      if (at >= 0) return {block, at};
    } while (walk.next());
    if (last) return undefined;
  }
}

function searchFor(reader: DirReader, name: Uint8Array): Search | undefined {
  if (reader.rules.encrypted) {
    const wanted = decodeNoKeyName(name);
    if (wanted === undefined) return undefined;
    const matcher = noKeyMatcher(wanted);
    // The whole ciphertext is hashed like any name; of a long one, the name itself says the hash.
    if (wanted.digest === undefined && !reader.rules.hashed) {
      return {...exactSearch(reader, wanted.start), matcher};
    }
    return {matcher, hash: () => ({hash: wanted.hash, minor: wanted.minor}), signMatters: false};
  }
  if (!reader.casefolded) return exactSearch(reader, name);
  const folded = foldName(name);
  if (folded === undefined && (reader.ctx.superblock.encodingFlags & STRICT_ENCODING) !== 0) {
    throw new RequestError('EINVAL', 'name-encoding');
  }
  return {...exactSearch(reader, folded ?? name), matcher: foldedMatcher(name, folded)};
}

function exactSearch(reader: DirReader, name: Uint8Array): Search {
  const {superblock} = reader.ctx;
  return {
    matcher: exactMatcher(name),
    hash: (version) => {
      const out: DirHash = {hash: 0, minor: 0};
      return dirHash(name, version, seedWords(superblock), out) ? out : undefined;
    },
    signMatters: name.some((byte) => byte > 0x7f),
  };
}

/** What the kernel refuses to follow (ext4_lookup): reserved inodes, and a directory inside itself. */
function checkTarget(reader: DirReader, ino: InodeNumber, dots: boolean): void {
  const {firstInode, inodesCount} = reader.ctx.superblock;
  const details = {ino: reader.dir.ino, target: ino};
  if (ino !== ROOT_INODE && (ino < firstInode || ino > inodesCount)) {
    throw new CorruptError('dir-inode-reserved', details);
  }
  if (!dots && ino === reader.dir.ino) throw new CorruptError('dir-in-itself', details);
}
