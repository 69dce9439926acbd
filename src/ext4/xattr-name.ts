import {RequestError} from './errors.js';

/** e_name_index: the name space of an attribute, of which only the rest of the name is stored (fs/ext4/xattr.h). */
export const XATTR_INDEX = {
  user: 1,
  aclAccess: 2,
  aclDefault: 3,
  trusted: 4,
  lustre: 5,
  security: 6,
  /** Inline data; no attribute that anybody sees. */
  system: 7,
  richacl: 8,
  /** The encryption context; no attribute that anybody sees. */
  encryption: 9,
  hurd: 10,
} as const;

/** The most bytes of a name without its prefix. */
export const XATTR_NAME_MAX = 255;

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** Name spaces that users see. Those of ACLs are whole names. */
const PREFIXES: ReadonlyArray<{index: number; prefix: Uint8Array; whole: boolean}> = [
  {index: XATTR_INDEX.user, prefix: latin1('user.'), whole: false},
  {index: XATTR_INDEX.aclAccess, prefix: latin1('system.posix_acl_access'), whole: true},
  {index: XATTR_INDEX.aclDefault, prefix: latin1('system.posix_acl_default'), whole: true},
  {index: XATTR_INDEX.trusted, prefix: latin1('trusted.'), whole: false},
  {index: XATTR_INDEX.security, prefix: latin1('security.'), whole: false},
  {index: XATTR_INDEX.hurd, prefix: latin1('gnu.'), whole: false},
];

/** What a name space is called in full names; undefined for those that are hidden or unknown. */
export function xattrPrefix(index: number): Uint8Array | undefined {
  return PREFIXES.find((entry) => entry.index === index)?.prefix;
}

/** A name as it is stored: its name space and the rest. */
export interface XattrName {
  readonly index: number;
  readonly name: Uint8Array;
}

/**
 * Splits a full name as getxattr(2) gets it.
 * @throws RequestError EOPNOTSUPP `xattr-namespace`, EINVAL `xattr-name` for a prefix alone, ERANGE `xattr-name-long`.
 */
export function splitXattrName(full: Uint8Array): XattrName {
  for (const {index, prefix, whole} of PREFIXES) {
    if (!startsWith(full, prefix)) continue;
    if (whole && full.length !== prefix.length) continue;
    const name = full.subarray(prefix.length);
    if (!whole && name.length === 0) throw new RequestError('EINVAL', 'xattr-name');
    if (name.length > XATTR_NAME_MAX) throw new RequestError('ERANGE', 'xattr-name-long');
    return {index, name};
  }
  throw new RequestError('EOPNOTSUPP', 'xattr-namespace');
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && prefix.every((byte, i) => bytes[i] === byte);
}
