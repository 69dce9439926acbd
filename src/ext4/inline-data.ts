import type {Ext4Context} from './context.js';
import {CorruptError} from './errors.js';
import type {Inode} from './inode.js';
import {inodeEntries} from './xattr-area.js';
import {XATTR_INDEX} from './xattr-name.js';

/** "data": the attribute that holds what does not fit into i_block. */
const NAME = [0x64, 0x61, 0x74, 0x61] as const;

/** Content stored in an inode: the 60 bytes of i_block, and what follows them. */
export interface InlineParts {
  /** i_block, 60 bytes. */
  readonly start: Uint8Array;
  /** The value of system.data, 0 bytes up to the room the inode has. */
  readonly rest: Uint8Array;
}

/**
 * The two places of inline data. Only the inode's own area is searched, as in the kernel (ext4_find_inline_data_nolock).
 * @throws CorruptError `inline-data-missing` when the attribute is not there, `inline-data-inode` when it points to an
 *   inode, `xattr-…`.
 */
export function inlineParts(ctx: Ext4Context, inode: Inode): InlineParts {
  const entry = inodeEntries(ctx, inode).find(
    ({index, name}) =>
      index === XATTR_INDEX.system &&
      name.length === NAME.length &&
      NAME.every((byte, i) => name[i] === byte),
  );
  if (entry === undefined) throw new CorruptError('inline-data-missing', {ino: inode.ino});
  if (entry.value === undefined) {
    throw new CorruptError('inline-data-inode', {ino: inode.ino, valueInode: entry.valueInode});
  }
  return {start: inode.iBlock, rest: entry.value};
}

/**
 * The content of a file with inline data: at most i_size bytes. It may be shorter, after a truncate to a larger
 * size; what is missing reads as zeros.
 * @throws CorruptError as `inlineParts`.
 */
export function inlineData(ctx: Ext4Context, inode: Inode): Uint8Array {
  const {start, rest} = inlineParts(ctx, inode);
  const all = new Uint8Array(start.length + rest.length);
  all.set(start);
  all.set(rest, start.length);
  return inode.size < all.length ? all.subarray(0, inode.size) : all;
}
