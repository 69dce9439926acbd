import {CorruptError} from './errors.js';
import {le16, le32} from './little-endian.js';

/** a_version of the form on disk (EXT4_ACL_VERSION). */
const DISK_VERSION = 1;
/** Version of the form that programs see (POSIX_ACL_XATTR_VERSION, linux/posix_acl_xattr.h). */
const XATTR_VERSION = 2;
const HEADER_SIZE = 4;
/** On disk: e_tag u16, e_perm u16, and e_id u32 for a named user or group alone. */
const SHORT_SIZE = 4;
const LONG_SIZE = 8;
/** For programs: e_tag u16, e_perm u16, e_id u32 in every entry. */
const XATTR_ENTRY_SIZE = 8;
/** e_id of entries that name nobody (ACL_UNDEFINED_ID). */
const NOBODY_NAMED = 0xffffffff;

/** e_tag: whether an entry of this kind names a user or group. Other tags do not exist. */
const NAMES_SOMEONE: Readonly<Record<number, boolean>> = {
  1: false, // ACL_USER_OBJ
  2: true, // ACL_USER
  4: false, // ACL_GROUP_OBJ
  8: true, // ACL_GROUP
  16: false, // ACL_MASK
  32: false, // ACL_OTHER
};

/**
 * Turns an ACL as ext4 stores it into the value of system.posix_acl_access or system.posix_acl_default that
 * getxattr(2) gives (ext4_acl_from_disk, posix_acl_to_xattr). Whether the entries make a valid ACL together is, as
 * in the kernel, not looked at.
 * @returns undefined for an ACL without entries, which is none.
 * @throws CorruptError `acl-…`
 */
export function decodeAcl(value: Uint8Array): Uint8Array | undefined {
  if (value.length < HEADER_SIZE) throw new CorruptError('acl-short', {length: value.length});
  const a_version = le32(value, 0);
  if (a_version !== DISK_VERSION) throw new CorruptError('acl-version', {version: a_version});
  const entries: Array<{tag: number; perm: number; id: number}> = [];
  // Ends: each entry takes at least 4 bytes of the value.
  for (let at = HEADER_SIZE; at < value.length; ) {
    if (at + SHORT_SIZE > value.length) throw new CorruptError('acl-length', {length: value.length});
    const e_tag = le16(value, at);
    const e_perm = le16(value, at + 2);
    const named = NAMES_SOMEONE[e_tag];
    if (named === undefined) throw new CorruptError('acl-tag', {tag: e_tag, offset: at});
    if (named && at + LONG_SIZE > value.length) throw new CorruptError('acl-length', {length: value.length});
    entries.push({tag: e_tag, perm: e_perm, id: named ? le32(value, at + 4) : NOBODY_NAMED});
    at += named ? LONG_SIZE : SHORT_SIZE;
  }
  if (entries.length !== entryCount(value.length))
    throw new CorruptError('acl-length', {length: value.length});
  if (entries.length === 0) return undefined;
  const out = new Uint8Array(HEADER_SIZE + entries.length * XATTR_ENTRY_SIZE);
  const view = new DataView(out.buffer);
  view.setUint32(0, XATTR_VERSION, true);
  entries.forEach(({tag, perm, id}, i) => {
    const at = HEADER_SIZE + i * XATTR_ENTRY_SIZE;
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, perm, true);
    view.setUint32(at + 4, id, true);
  });
  return out;
}

/** Entries in an ACL of `length` bytes: the first four are short, all others long (ext4_acl_count); -1 for other lengths. */
function entryCount(length: number): number {
  const long = length - HEADER_SIZE - 4 * SHORT_SIZE;
  if (long < 0) return (length - HEADER_SIZE) / SHORT_SIZE;
  return long % LONG_SIZE === 0 ? 4 + long / LONG_SIZE : -1;
}
