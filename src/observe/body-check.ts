import {OPCODE, REPLY_BODY} from '../fuse/index.js';
import {attrOut, entryOut, openOut} from '../fuse/structs/attr.js';
import {
  bmapOut,
  copyFileRangeOut,
  getxattrOut,
  ioctlOut,
  lkOut,
  lseekOut,
  pollOut,
  statfsOut,
  statxOut,
  writeOut,
} from '../fuse/structs/replies.js';
import type {Asked} from './asked.js';
import {
  attrOutFault,
  createFault,
  type EntryRules,
  entryFault,
  isNegative,
  openFault,
  statxFault,
} from './attribute-check.js';
import type {Fault} from './faults.js';
import {type ListingVerdict, listing, listingPlus} from './listing-check.js';
import type {NodeRegister} from './node-register.js';

/** A reply without an error, as far as it was found sound: header and request id fit. */
export interface Reply {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes of header and body; lowered where the end of the body is not to be passed on. */
  length: number;
}

/** What the kernel may be told depends on the request, and on what it was told before. */
type BodyCheck = (reply: Reply, asked: Asked, nodes: NodeRegister) => Fault | undefined;

const AT = REPLY_BODY;
const TYPE_MASK = 0o170000;
const DIRECTORY = 0o040000;
const LINK = 0o120000;
const REGULAR = 0o100000;
/** PATH_MAX without the NUL: what a symbolic link holds, and the longest name that the kernel takes. */
const LONGEST_PATH = 4095;
/** XATTR_SIZE_MAX, which is also XATTR_LIST_MAX. */
const LARGEST_XATTR = 65_536;
const LONGEST_XATTR_NAME = 255;
const F_UNLCK = 2;
/** FUSE_IOCTL_COMPAT, 32BIT, DIR and COMPAT_X32. UNRESTRICTED and RETRY are for character devices. */
const IOCTL_FLAGS = 0b111001;
const TWO_32 = 2 ** 32;

const bodyOf = ({length}: Reply): number => length - AT;

/** A body of exactly one size, then what it says. */
const fixed =
  (size: number, then: BodyCheck = () => undefined): BodyCheck =>
  (reply, asked, nodes) =>
    bodyOf(reply) === size ? then(reply, asked, nodes) : 'size';

/** Data, at most as much as was asked for. */
const atMostAsked =
  (then: BodyCheck = () => undefined): BodyCheck =>
  (reply, asked, nodes) =>
    bodyOf(reply) <= asked.size ? then(reply, asked, nodes) : 'too-much';

const EMPTY = fixed(0);

const entry = (rules: (asked: Asked) => EntryRules): BodyCheck =>
  fixed(entryOut.size, ({view}, asked, nodes) => entryFault(view, AT, rules(asked), nodes));

const made = (type: number): BodyCheck => {
  const rules = {mayBeAbsent: false, mayBeRoot: false, type};
  return entry(() => rules);
};

const LOOKED_UP: EntryRules = {mayBeAbsent: true, mayBeRoot: false, type: 0};
const LOOKED_UP_DOTS: EntryRules = {...LOOKED_UP, mayBeRoot: true};

/** mknod(2) takes a mode without a type as a regular file. */
function typeToMake({size: mode}: Asked): number {
  return (mode & TYPE_MASK) === 0 ? REGULAR : mode & TYPE_MASK;
}

const attributes: BodyCheck = fixed(attrOut.size, ({view}, asked, nodes) =>
  attrOutFault(view, AT, asked, nodes),
);

const opened = fixed(openOut.size, ({view}) => openFault(view, AT));

const created = fixed(entryOut.size + openOut.size, ({view}, _, nodes) => createFault(view, AT, nodes));

const written = fixed(writeOut.size, ({view}, {size}) =>
  view.getUint32(AT + writeOut.at.size, true) <= size ? undefined : 'too-much',
);

const copied = fixed(copyFileRangeOut.size, ({view}, {size}) => {
  const high = view.getUint32(AT + copyFileRangeOut.at.bytesCopied + 4, true);
  const low = view.getUint32(AT + copyFileRangeOut.at.bytesCopied, true);
  return high * TWO_32 + low <= size ? undefined : 'too-much';
});

const linkTarget: BodyCheck = (reply) => {
  const length = bodyOf(reply);
  if (length === 0 || length > LONGEST_PATH) return 'link-target';
  return reply.bytes.subarray(AT, reply.length).includes(0) ? 'link-target' : undefined;
};

const xattrSize = fixed(getxattrOut.size, ({view}) =>
  view.getUint32(AT + getxattrOut.at.size, true) <= LARGEST_XATTR ? undefined : 'xattr-size',
);

const value: BodyCheck = atMostAsked((reply) => (bodyOf(reply) <= LARGEST_XATTR ? undefined : 'xattr-size'));

/** Names of 1 to 255 bytes, each with a NUL. */
const names: BodyCheck = atMostAsked((reply) => {
  const {bytes, length} = reply;
  if (bodyOf(reply) > LARGEST_XATTR) return 'xattr-size';
  // Ends: each name is one byte at least.
  for (let at = AT; at < length; ) {
    const end = bytes.indexOf(0, at);
    if (end === -1 || end >= length || end === at || end - at > LONGEST_XATTR_NAME) return 'xattr-list';
    at = end + 1;
  }
  return undefined;
});

/** With a size of 0 the caller wants to know how much there is. */
const xattr =
  (data: BodyCheck): BodyCheck =>
  (reply, asked, nodes) =>
    asked.size === 0 ? xattrSize(reply, asked, nodes) : data(reply, asked, nodes);

/** Whole records only. */
function trimmed(reply: Reply, {fault, whole}: ListingVerdict): Fault | undefined {
  if (fault === undefined) reply.length = AT + whole;
  return fault;
}

const entries = atMostAsked((reply) => trimmed(reply, listing(reply.bytes, reply.view, AT, reply.length)));

const entriesPlus = atMostAsked((reply, _, nodes) =>
  trimmed(reply, listingPlus(reply.bytes, reply.view, AT, reply.length, nodes)),
);

const statistics = fixed(statfsOut.size, ({view}) =>
  view.getUint32(AT + statfsOut.at.namelen, true) <= LONGEST_PATH ? undefined : 'name-max',
);

const lock = fixed(lkOut.size, ({view}) => {
  const type = view.getUint32(AT + lkOut.at.type, true);
  if (type > F_UNLCK) return 'lock';
  if (type === F_UNLCK) return undefined;
  const {start, end} = lkOut.at;
  if (isNegative(view, AT + start) || isNegative(view, AT + end)) return 'lock';
  return view.getBigUint64(AT + end, true) < view.getBigUint64(AT + start, true) ? 'lock' : undefined;
});

const ioctl: BodyCheck = (reply, {size}) => {
  const {view} = reply;
  if (bodyOf(reply) < ioctlOut.size) return 'size';
  if (bodyOf(reply) - ioctlOut.size > size) return 'too-much';
  return (view.getUint32(AT + ioctlOut.at.flags, true) & ~IOCTL_FLAGS) === 0 ? undefined : 'ioctl-flags';
};

const position = fixed(lseekOut.size, ({view}) =>
  isNegative(view, AT + lseekOut.at.offset) ? 'offset' : undefined,
);

/**
 * What the body of an answer has to be, by opcode. Requests that are not in here are not passed on to a server: nobody could say
 * what an answer to them may be.
 */
export const BODIES: ReadonlyMap<number, BodyCheck> = new Map<number, BodyCheck>([
  [OPCODE.LOOKUP, entry(({isDots}) => (isDots ? LOOKED_UP_DOTS : LOOKED_UP))],
  [OPCODE.GETATTR, attributes],
  [OPCODE.SETATTR, attributes],
  [OPCODE.READLINK, linkTarget],
  [OPCODE.SYMLINK, made(LINK)],
  [OPCODE.MKNOD, entry((asked) => ({mayBeAbsent: false, mayBeRoot: false, type: typeToMake(asked)}))],
  [OPCODE.MKDIR, made(DIRECTORY)],
  [OPCODE.UNLINK, EMPTY],
  [OPCODE.RMDIR, EMPTY],
  [OPCODE.RENAME, EMPTY],
  [OPCODE.LINK, made(0)],
  [OPCODE.OPEN, opened],
  [OPCODE.READ, atMostAsked()],
  [OPCODE.WRITE, written],
  [OPCODE.STATFS, statistics],
  [OPCODE.RELEASE, EMPTY],
  [OPCODE.FSYNC, EMPTY],
  [OPCODE.SETXATTR, EMPTY],
  [OPCODE.GETXATTR, xattr(value)],
  [OPCODE.LISTXATTR, xattr(names)],
  [OPCODE.REMOVEXATTR, EMPTY],
  [OPCODE.FLUSH, EMPTY],
  [OPCODE.OPENDIR, opened],
  [OPCODE.READDIR, entries],
  [OPCODE.RELEASEDIR, EMPTY],
  [OPCODE.FSYNCDIR, EMPTY],
  [OPCODE.GETLK, lock],
  [OPCODE.SETLK, EMPTY],
  [OPCODE.SETLKW, EMPTY],
  [OPCODE.ACCESS, EMPTY],
  [OPCODE.CREATE, created],
  [OPCODE.BMAP, fixed(bmapOut.size)],
  [OPCODE.DESTROY, EMPTY],
  [OPCODE.IOCTL, ioctl],
  [OPCODE.POLL, fixed(pollOut.size)],
  [OPCODE.FALLOCATE, EMPTY],
  [OPCODE.READDIRPLUS, entriesPlus],
  [OPCODE.RENAME2, EMPTY],
  [OPCODE.LSEEK, position],
  [OPCODE.COPY_FILE_RANGE, written],
  [OPCODE.SYNCFS, EMPTY],
  [OPCODE.TMPFILE, created],
  [OPCODE.STATX, fixed(statxOut.size, ({view}, asked, nodes) => statxFault(view, AT, asked, nodes))],
  [OPCODE.COPY_FILE_RANGE_64, copied],
]);
