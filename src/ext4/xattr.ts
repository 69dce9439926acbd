import {decodeAcl} from './acl.js';
import type {Ext4Context} from './context.js';
import {RequestError} from './errors.js';
import type {Inode} from './inode.js';
import {blockEntries, inodeEntries} from './xattr-area.js';
import {eaInodeValue, XATTR_VALUE_MAX} from './xattr-ea-inode.js';
import type {XattrEntry} from './xattr-entry.js';
import {splitXattrName, XATTR_INDEX, type XattrName, xattrPrefix} from './xattr-name.js';

export {inlineData} from './inline-data.js';

/**
 * The value of an extended attribute, a view or a new buffer; undefined when the file has none of this name
 * (ENODATA). ACLs come in the form that getfattr(1) shows. Who may read `trusted.` is for the caller.
 * @param name the whole name, as `user.comment`.
 * @throws RequestError EOPNOTSUPP for a name space that is not handed out, EINVAL, ERANGE, E2BIG;
 *   CorruptError, ChecksumError.
 */
export function getxattr(ctx: Ext4Context, inode: Inode, name: Uint8Array): Uint8Array | undefined {
  const wanted = splitXattrName(name);
  const entry = findXattr(inodeEntries(ctx, inode), wanted) ?? findXattr(blockEntries(ctx, inode), wanted);
  if (entry === undefined) return undefined;
  const value = readValue(ctx, inode, entry);
  const isAcl = wanted.index === XATTR_INDEX.aclAccess || wanted.index === XATTR_INDEX.aclDefault;
  return isAcl ? decodeAcl(value) : value;
}

/**
 * The full names of all extended attributes, each followed by a NUL: those in the inode first, then those of its
 * block, each in the order on disk, as the kernel lists them. Hidden are inline data, the encryption context and
 * name spaces that nothing is known of.
 * @throws CorruptError, ChecksumError.
 */
export function listxattr(ctx: Ext4Context, inode: Inode): Uint8Array {
  const parts: Array<readonly [prefix: Uint8Array, name: Uint8Array]> = [];
  let length = 0;
  for (const entry of [...inodeEntries(ctx, inode), ...blockEntries(ctx, inode)]) {
    const prefix = xattrPrefix(entry.index);
    if (prefix === undefined) continue;
    parts.push([prefix, entry.name]);
    length += prefix.length + entry.name.length + 1;
  }
  const list = new Uint8Array(length);
  let at = 0;
  for (const [prefix, name] of parts) {
    list.set(prefix, at);
    list.set(name, at + prefix.length);
    at += prefix.length + name.length + 1;
  }
  return list;
}

/** The first attribute of this name; undefined if there is none. */
function findXattr(entries: readonly XattrEntry[], wanted: XattrName): XattrEntry | undefined {
  return entries.find(
    ({index, name}) =>
      index === wanted.index &&
      name.length === wanted.name.length &&
      name.every((byte, i) => byte === wanted.name[i]),
  );
}

function readValue(ctx: Ext4Context, inode: Inode, entry: XattrEntry): Uint8Array {
  if (entry.value === undefined) return eaInodeValue(ctx, inode, entry);
  if (entry.size > XATTR_VALUE_MAX) throw new RequestError('E2BIG', 'xattr-value-large', {size: entry.size});
  return entry.value;
}
