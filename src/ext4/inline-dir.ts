import type {Ext4Context} from './context.js';
import {checkEntry, checkName, dType, type EntryRules, findEntry, type NameMatcher} from './dir-block.js';
import type {EmitEntry, EmitRaw} from './dir-list.js';
import {CorruptError} from './errors.js';
import {inlineParts} from './inline-data.js';
import type {Inode} from './inode.js';
import {le32} from './little-endian.js';

/*
 * A small directory with inline_data: i_block begins with the parent's inode number, then entries up to its end;
 * further ones fill the value of system.data. `.` and `..` are not stored.
 */
const PARENT_SIZE = 4;
const DT_DIR = 4;
const DOT = Uint8Array.of(0x2e);
const DOTDOT = Uint8Array.of(0x2e, 0x2e);
/** Positions, as in the kernel: as if `.` and `..` lay before the entries (ext4_read_inline_dir). */
const DOTDOT_POSITION = 12;
const FIRST_POSITION = 24;
const SHIFT = FIRST_POSITION - PARENT_SIZE;

/** The two areas as one chain of bytes, with the place where one ends and the other begins. */
interface InlineDir {
  readonly rules: EntryRules;
  readonly bytes: Uint8Array;
  readonly seam: number;
  readonly parent: number;
}

function open(ctx: Ext4Context, dir: Inode, rules: EntryRules): InlineDir {
  const {start, rest} = inlineParts(ctx, dir);
  const bytes = new Uint8Array(start.length + rest.length);
  bytes.set(start);
  bytes.set(rest, start.length);
  const parent = le32(bytes, 0);
  if (parent === 0 || parent > rules.inodesCount) {
    throw new CorruptError('dir-parent', {ino: dir.ino, parent});
  }
  // Distances are never those of a 64 KiB block here.
  return {rules: {...rules, blockSize: 1024}, bytes, seam: start.length, parent};
}

/** Where the area that holds `at` ends. */
function areaEnd(dir: InlineDir, at: number): number {
  return at < dir.seam ? dir.seam : dir.bytes.length;
}

/** The entry that `matcher` is after; undefined if it is not there. @throws CorruptError */
export function findInline(
  ctx: Ext4Context,
  dir: Inode,
  rules: EntryRules,
  matcher: NameMatcher,
): {block: Uint8Array; at: number} | undefined {
  const inline = open(ctx, dir, rules);
  let at = findEntry(inline.rules, inline.bytes, PARENT_SIZE, inline.seam, matcher);
  if (at < 0) at = findEntry(inline.rules, inline.bytes, inline.seam, inline.bytes.length, matcher);
  return at < 0 ? undefined : {block: inline.bytes, at};
}

/** Inode number of `..`. @throws CorruptError */
export function inlineParent(ctx: Ext4Context, dir: Inode, rules: EntryRules): number {
  return open(ctx, dir, rules).parent;
}

/**
 * Lists an inline directory, as `readdir` does. `emit` gets `.` and `..`, `emitRaw` the entries that are stored.
 * @throws CorruptError
 */
export function readInline(
  ctx: Ext4Context,
  dir: Inode,
  rules: EntryRules,
  cookie: number,
  emit: EmitEntry,
  emitRaw: EmitRaw,
): void {
  const inline = open(ctx, dir, rules);
  const hasTypes = ctx.superblock.features.filetype;
  if (cookie === 0 && !emit(dir.ino, DT_DIR, DOT, DOTDOT_POSITION)) return;
  if (cookie <= DOTDOT_POSITION && !emit(inline.parent, DT_DIR, DOTDOT, FIRST_POSITION)) return;
  // Ends: an entry takes at least 12 bytes.
  for (let at = PARENT_SIZE; at < inline.bytes.length; ) {
    const next = at + checkEntry(inline.rules, inline.bytes, at, areaEnd(inline, at));
    if (at + SHIFT >= cookie && le32(inline.bytes, at) !== 0) {
      checkName(inline.rules, inline.bytes, at);
      if (!emitRaw(inline.bytes, at, dType(inline.bytes, at, hasTypes), next + SHIFT)) return;
    }
    at = next;
  }
}
