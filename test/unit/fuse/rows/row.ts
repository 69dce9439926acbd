import {
  type Attr,
  type FileSystem,
  type OpcodeName,
  type RequestContext,
  S_IFREG,
} from '../../../../src/fuse/index.js';
import {rows} from '../support.js';

/** One request as the kernel sends it, what the handler is to see of it, and the bytes that go back. */
export interface Row {
  op: OpcodeName;
  what?: string;
  body: Uint8Array;
  /** The one method there is; it notes what it was called with. */
  fs: (note: (...seen: unknown[]) => void) => FileSystem;
  seen: unknown[];
  reply: string[];
}

export const NAME_AB = '6162 00  name';

export function fillAttr(attr: Attr): void {
  attr.ino = 0x1122;
  attr.size = 0x1_0000_0005;
  attr.blocks = 9;
  attr.atime = -2;
  attr.mtime = 0x7fff_ffff;
  attr.ctime = 0x2_0000_0000;
  attr.atimensec = 1;
  attr.mtimensec = 2;
  attr.ctimensec = 999_999_999;
  attr.mode = S_IFREG | 0o644;
  attr.nlink = 3;
  attr.uid = 0xffff_fffe;
  attr.gid = 100;
  attr.rdev = 0x801;
  attr.blksize = 4096;
}

/** fuse_attr as filled in above. */
export const ATTR = [
  '2211000000000000  ino',
  '0500000001000000  size',
  '0900000000000000  blocks',
  'feffffffffffffff  atime',
  'ffffff7f00000000  mtime',
  '0000000002000000  ctime',
  '01000000 02000000  atimensec mtimensec',
  'ffc99a3b a4810000  ctimensec mode',
  '03000000 feffffff  nlink uid',
  '64000000 01080000  gid rdev',
  '00100000 00000000  blksize flags',
];
export const ENTRY = [
  '4d00000000000000  nodeid',
  '0700000000000000  generation',
  '0a00000000000000  entry_valid',
  '0100000000000000  attr_valid',
  '05000000 00000000  entry_valid_nsec attr_valid_nsec',
  ...ATTR,
];
export const entryFields = (entry: {
  nodeid: number;
  generation: number;
  entryValid: number;
  entryValidNsec: number;
  attr: Attr;
}): void => {
  entry.nodeid = 77;
  entry.generation = 7;
  entry.entryValid = 10;
  entry.entryValidNsec = 5;
  fillAttr(entry.attr);
};
export const str = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
export const flagsOf = (ctx: RequestContext): unknown[] => [ctx.requestFlags, ctx.fileFlags, ctx.lockOwner];

export const READ_BODY = rows(
  '0900000000000000  fh',
  '0010000000000000  offset',
  '20000000 02000000  size read_flags (lock owner)',
  'efcdab8967452301  lock_owner',
  '00800000 00000000  flags padding',
);
