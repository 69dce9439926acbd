import type {Ext4Context} from './context.js';
import {noKeyName} from './crypt-name.js';
import {checkEntry, checkName, dType, NAME_OFFSET, recLen} from './dir-block.js';
import {type EntryHasher, entryHasher} from './dir-hash.js';
import {isDots} from './dir-lookup.js';
import {DirReader} from './dir-reader.js';
import {RequestError} from './errors.js';
import {readInline} from './inline-dir.js';
import type {Inode} from './inode.js';
import {le32} from './little-endian.js';

/**
 * Takes one name of a directory. `fileType` is d_type of readdir(3), 0 where the image does not say. `name` is a view
 * that is valid during the call. `nextCookie` is where to go on after this entry.
 * @returns false to stop.
 */
export type EmitEntry = (ino: number, fileType: number, name: Uint8Array, nextCookie: number) => boolean;

/** Takes an entry where it lies. */
export type EmitRaw = (block: Uint8Array, at: number, fileType: number, nextCookie: number) => boolean;

/**
 * Lists a directory from `cookie` on, in the order on disk, `.` and `..` included; returns at its end or when `emit`
 * says so. Names of encrypted directories come as no-key names.
 *
 * A cookie is a position in bytes: 0 for the beginning, or what came with an entry. One that falls into the middle
 * of an entry means the entry after it. Holes are skipped.
 *
 * An error comes after all entries before the damage were handed out, and again for each call with a cookie up to
 * there: a caller that already has some should hand on those and ask again.
 *
 * @throws RequestError ENOTDIR, EINVAL `cookie`; CorruptError, ChecksumError.
 */
export function readdir(ctx: Ext4Context, dir: Inode, cookie: number, emit: EmitEntry): void {
  if (!Number.isSafeInteger(cookie) || cookie < 0) throw new RequestError('EINVAL', 'cookie', {cookie});
  const reader = new DirReader(ctx, dir);
  const emitRaw = reader.rules.encrypted ? withNoKeyNames(entryHasher(reader), emit) : asStored(emit);
  if (reader.inline) {
    readInline(ctx, dir, reader.rules, cookie, emit, emitRaw);
    return;
  }
  const {blockSize} = reader.rules;
  const first = Math.floor(cookie / blockSize);
  for (let number = first; number < reader.blocks; number++) {
    const block = reader.any(number);
    if (block === undefined) continue;
    const from = number === first ? entryStart(block, cookie % blockSize) : 0;
    if (!readBlock(reader, block, from, number * blockSize, emitRaw)) return;
  }
}

/** @returns whether to go on. */
function readBlock(
  reader: DirReader,
  block: Uint8Array,
  from: number,
  position: number,
  emit: EmitRaw,
): boolean {
  const {rules} = reader;
  const hasTypes = reader.ctx.superblock.features.filetype;
  // Ends: an entry takes at least 12 bytes.
  for (let at = from; at < block.length; ) {
    const next = at + checkEntry(rules, block, at, block.length);
    if (le32(block, at) !== 0) {
      checkName(rules, block, at);
      if (!emit(block, at, dType(block, at, hasTypes), position + next)) return false;
    }
    at = next;
  }
  return true;
}

/**
 * The first start of an entry at or after `offset`, so that a cookie somebody made up can't make names of what is
 * none. It stops early where the chain is broken; reading on from there finds that out.
 */
function entryStart(block: Uint8Array, offset: number): number {
  let at = 0;
  while (at < offset && at + 12 <= block.length) {
    const distance = recLen(block, at, block.length);
    if (distance < 12) break;
    at += distance;
  }
  return at;
}

function nameOf(block: Uint8Array, at: number): Uint8Array {
  const start = at + NAME_OFFSET;
  return block.subarray(start, start + block[at + 6]!); // checkEntry found it within the block
}

function asStored(emit: EmitEntry): EmitRaw {
  return (block, at, fileType, nextCookie) => emit(le32(block, at), fileType, nameOf(block, at), nextCookie);
}

function withNoKeyNames(hasher: EntryHasher, emit: EmitEntry): EmitRaw {
  return (block, at, fileType, nextCookie) => {
    const stored = nameOf(block, at);
    const ino = le32(block, at);
    if (isDots(stored)) return emit(ino, fileType, stored, nextCookie);
    const {hash, minor} = hasher(block, at, stored);
    return emit(ino, fileType, noKeyName(stored, hash, minor), nextCookie);
  };
}
