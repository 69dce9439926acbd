import {body, changed, type Put} from './support.js';

/** A request, an answer that is sound, and what makes a fault of it. Offsets and sizes are those of linux/fuse.h, written out. */
export interface Row {
  readonly what: string;
  readonly opcode: number;
  readonly asked?: Buffer;
  readonly sound: Buffer;
  readonly faults: ReadonlyArray<readonly [what: string, answer: Buffer, fault: string]>;
}

const FILE = 0o100644;
const DIRECTORY = 0o040755;
const SYMLINK = 0o120777;
const NEGATIVE = 2n ** 63n;
const SECOND = 1_000_000_000;

const name = (text: string): Buffer => Buffer.from(`${text}\0`);

/** struct fuse_attr at an offset. */
const attr = (at: number, mode: number): Put[] => [
  [at, 5, 64],
  [at + 8, 4096, 64],
  [at + 60, mode],
  [at + 64, 1],
];
/** struct fuse_entry_out, 128 bytes; its attr is at 40. */
export const entry = (mode: number, nodeid: number | bigint = 9): Buffer =>
  body(128, [0, nodeid, 64], [8, 1, 64], ...attr(40, mode));
/** struct fuse_attr_out, 104 bytes; its attr is at 16. */
export const attributes = (mode: number): Buffer => body(104, ...attr(16, mode));
/** struct fuse_open_out, 16 bytes. */
const open = body(16, [0, 3, 64], [8, 2]);

/** struct fuse_dirent, its name and padding. */
export function dirent(text: string, type = 8, offset: number | bigint = 1): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const record = body(
    (24 + bytes.length + 7) & ~7,
    [0, 9, 64],
    [8, offset, 64],
    [16, bytes.length],
    [20, type],
  );
  bytes.copy(record, 24);
  return record;
}

const direntPlus = (text: string, before: Buffer = entry(FILE), type = 8): Buffer =>
  Buffer.concat([before, dirent(text, type)]);

/** What is wrong with attributes at an offset, wherever they are. */
const badAttr = (answer: Buffer, at: number): Row['faults'] => [
  ['no kind of file', changed(answer, [at + 60, 0o644]), 'mode'],
  ['a kind of file that there is not', changed(answer, [at + 60, 0o030644]), 'mode'],
  ['a size of 2^63', changed(answer, [at + 8, NEGATIVE, 64]), 'file-size'],
  ['nanoseconds of atime', changed(answer, [at + 48, SECOND]), 'nanoseconds'],
  ['nanoseconds of mtime', changed(answer, [at + 52, SECOND]), 'nanoseconds'],
  ['nanoseconds of ctime', changed(answer, [at + 56, 0xffffffff]), 'nanoseconds'],
];

const badEntry = (answer: Buffer): Row['faults'] => [
  ...badAttr(answer, 40),
  ['the root', changed(answer, [0, 1, 64]), 'node-root'],
  ['nanoseconds of the entry', changed(answer, [32, SECOND]), 'nanoseconds'],
  ['nanoseconds of the attributes', changed(answer, [36, SECOND]), 'nanoseconds'],
];

const sizes = (answer: Buffer): Row['faults'] => [
  ['a byte less', answer.subarray(0, -1), 'size'],
  ['a byte more', Buffer.concat([answer, Buffer.alloc(1)]), 'size'],
  ['nothing', Buffer.alloc(0), 'size'],
];

const absent = (answer: Buffer): Row['faults'] => [['no node', changed(answer, [0, 0, 64]), 'node-zero']];

const made = (what: string, opcode: number, asked: Buffer, mode: number, other: number): Row => ({
  what,
  opcode,
  asked,
  sound: entry(mode),
  faults: [
    ...sizes(entry(mode)),
    ...badEntry(entry(mode)),
    ...absent(entry(mode)),
    ['another kind of file', entry(other), 'mode'],
  ],
});

const created = Buffer.concat([entry(FILE), open]);
const badCreated: Row['faults'] = [
  ...sizes(created),
  ...badEntry(created),
  ...absent(created),
  ['a directory', changed(created, [40 + 60, DIRECTORY]), 'mode'],
  ['passthrough', changed(created, [128 + 8, 0x80]), 'open-flags'],
];

const opened = (what: string, opcode: number): Row => ({
  what,
  opcode,
  asked: body(8),
  sound: open,
  faults: [
    ...sizes(open),
    ['passthrough', changed(open, [8, 0x80]), 'open-flags'],
    ['flags that there are not', changed(open, [8, 0x10000]), 'open-flags'],
  ],
});

const empty = (what: string, opcode: number): Row => ({
  what,
  opcode,
  sound: Buffer.alloc(0),
  faults: [['a body', Buffer.alloc(8), 'size']],
});

const data = (what: string, opcode: number, size: number): Row => ({
  what,
  opcode,
  asked: body(40, [16, size]),
  sound: Buffer.alloc(size, 'x'),
  faults: [['more than was asked for', Buffer.alloc(size + 1), 'too-much']],
});

const writes = (what: string, opcode: number, asked: Buffer, answer: Buffer): Row => ({
  what,
  opcode,
  asked,
  sound: answer,
  faults: [...sizes(answer), ['more than there was', changed(answer, [0, 101]), 'too-much']],
});

const listing = Buffer.concat([dirent('.', 4), dirent('..', 0), dirent('file'), dirent('x'.repeat(255))]);
const badListing = (record: (text: string, type?: number, offset?: bigint) => Buffer): Row['faults'] => [
  ['an empty name', record(''), 'entry-name'],
  ['a name of 256 bytes', record('y'.repeat(256)), 'entry-name'],
  ['a slash', record('a/b'), 'entry-name'],
  ['a NUL', record('a\0b'), 'entry-name'],
  ['a kind of file that there is not', record('a', 3), 'entry-type'],
  ['. that is no directory', record('.', 8), 'entry-type'],
  ['a negative offset', record('a', 8, NEGATIVE), 'entry-offset'],
];

const lock = (start: bigint, end: bigint, type: number): Buffer =>
  body(24, [0, start, 64], [8, end, 64], [16, type], [20, 7]);
const statx = body(288, [32, 0x7ff], [60, FILE], [72, 100, 64]);
const list = Buffer.from('user.a\0user.b\0');

export const ROWS: readonly Row[] = [
  {
    what: 'LOOKUP',
    opcode: 1,
    asked: name('file'),
    sound: entry(FILE),
    faults: [...sizes(entry(FILE)), ...badEntry(entry(FILE))],
  },
  {
    what: 'LOOKUP of nothing',
    opcode: 1,
    asked: name('nothing'),
    sound: body(128, [16, 1, 64]),
    faults: [['nanoseconds of the entry', body(128, [32, SECOND]), 'nanoseconds']],
  },
  {what: 'LOOKUP of ..', opcode: 1, asked: name('..'), sound: entry(DIRECTORY, 1), faults: []},
  {
    what: 'GETATTR',
    opcode: 3,
    asked: body(16),
    sound: attributes(FILE),
    faults: [
      ...sizes(attributes(FILE)),
      ...badAttr(attributes(FILE), 16),
      ['nanoseconds of the attributes', changed(attributes(FILE), [8, SECOND]), 'nanoseconds'],
    ],
  },
  {
    what: 'SETATTR',
    opcode: 4,
    asked: body(88),
    sound: attributes(FILE),
    faults: badAttr(attributes(FILE), 16),
  },
  {
    what: 'READLINK',
    opcode: 5,
    sound: Buffer.alloc(4095, 'a'),
    faults: [
      ['nothing', Buffer.alloc(0), 'link-target'],
      ['4096 bytes', Buffer.alloc(4096, 'a'), 'link-target'],
      ['a NUL', Buffer.from('a\0b'), 'link-target'],
    ],
  },
  made('SYMLINK', 6, Buffer.concat([name('l'), name('to')]), SYMLINK, FILE),
  made('MKNOD', 8, Buffer.concat([body(16, [0, 0o010600]), name('p')]), 0o010600, FILE),
  made('MKNOD without a type', 8, Buffer.concat([body(16, [0, 0o600]), name('p')]), FILE, 0o010600),
  made('MKDIR', 9, Buffer.concat([body(8), name('d')]), DIRECTORY, FILE),
  empty('UNLINK', 10),
  empty('RMDIR', 11),
  empty('RENAME', 12),
  {
    what: 'LINK',
    opcode: 13,
    asked: Buffer.concat([body(8, [0, 9, 64]), name('l')]),
    sound: entry(FILE),
    faults: [...sizes(entry(FILE)), ...badEntry(entry(FILE)), ...absent(entry(FILE))],
  },
  opened('OPEN', 14),
  data('READ', 15, 100),
  writes('WRITE', 16, body(40, [16, 100]), body(8, [0, 100])),
  {
    what: 'STATFS',
    opcode: 17,
    sound: body(80, [40, 4096], [44, 255], [48, 4096]),
    faults: [...sizes(body(80)), ['a longest name beyond PATH_MAX', body(80, [44, 4096]), 'name-max']],
  },
  empty('RELEASE', 18),
  empty('FSYNC', 20),
  empty('SETXATTR', 21),
  {
    what: 'GETXATTR',
    opcode: 22,
    asked: body(8, [0, 10]),
    sound: Buffer.alloc(10, 'v'),
    faults: [['more than was asked for', Buffer.alloc(11), 'too-much']],
  },
  {
    what: 'GETXATTR of its size',
    opcode: 22,
    asked: body(8),
    sound: body(8, [0, 65_536]),
    faults: [
      ['more than an attribute holds', body(8, [0, 65_537]), 'xattr-size'],
      ['a value', Buffer.from('v'), 'size'],
    ],
  },
  {
    what: 'LISTXATTR',
    opcode: 23,
    asked: body(8, [0, 1000]),
    sound: list,
    faults: [
      ['no NUL at the end', list.subarray(0, -1), 'xattr-list'],
      ['an empty name', Buffer.concat([list, Buffer.alloc(1)]), 'xattr-list'],
      ['a name of 256 bytes', name('n'.repeat(256)), 'xattr-list'],
      ['more than was asked for', Buffer.alloc(1001, 'a\0'), 'too-much'],
    ],
  },
  empty('REMOVEXATTR', 24),
  empty('FLUSH', 25),
  opened('OPENDIR', 27),
  {
    what: 'READDIR',
    opcode: 28,
    asked: body(40, [16, 4096]),
    sound: listing,
    faults: [
      ...badListing((text, type, offset) => Buffer.concat([dirent('a'), dirent(text, type, offset)])),
      ['more than was asked for', Buffer.alloc(4097), 'too-much'],
    ],
  },
  empty('RELEASEDIR', 29),
  empty('FSYNCDIR', 30),
  {
    what: 'GETLK',
    opcode: 31,
    asked: body(48),
    sound: lock(0n, NEGATIVE - 1n, 1),
    faults: [
      ...sizes(lock(0n, 1n, 0)),
      ['a kind of lock that there is not', lock(0n, 1n, 3), 'lock'],
      ['an end before its start', lock(2n, 1n, 0), 'lock'],
      ['a negative start', lock(NEGATIVE, NEGATIVE + 1n, 0), 'lock'],
    ],
  },
  empty('SETLK', 32),
  empty('SETLKW', 33),
  empty('ACCESS', 34),
  {
    what: 'CREATE',
    opcode: 35,
    asked: Buffer.concat([body(16), name('f')]),
    sound: created,
    faults: badCreated,
  },
  {what: 'BMAP', opcode: 37, asked: body(16), sound: body(8, [0, 77, 64]), faults: sizes(body(8))},
  empty('DESTROY', 38),
  {
    what: 'IOCTL',
    opcode: 39,
    asked: body(32, [28, 4]),
    sound: body(20),
    faults: [
      ['less than its head', body(15), 'size'],
      ['more than was asked for', body(21), 'too-much'],
      ['to be repeated', body(16, [4, 1 << 2]), 'ioctl-flags'],
      ['unrestricted', body(16, [4, 1 << 1]), 'ioctl-flags'],
    ],
  },
  {what: 'POLL', opcode: 40, asked: body(24), sound: body(8, [0, 1]), faults: sizes(body(8))},
  empty('FALLOCATE', 43),
  {
    what: 'READDIRPLUS',
    opcode: 44,
    asked: body(40, [16, 8192]),
    sound: Buffer.concat([
      direntPlus('.', Buffer.alloc(128, 0xff), 4),
      direntPlus('without', body(128)),
      direntPlus('file'),
    ]),
    faults: [
      ...badListing((text, type, offset) =>
        Buffer.concat([direntPlus('a'), entry(FILE), dirent(text, type, offset)]),
      ),
      ...badEntry(direntPlus('a')),
      ['more than was asked for', Buffer.alloc(8193), 'too-much'],
    ],
  },
  empty('RENAME2', 45),
  {
    what: 'LSEEK',
    opcode: 46,
    asked: body(24),
    sound: body(8, [0, NEGATIVE - 1n, 64]),
    faults: [...sizes(body(8)), ['a negative offset', body(8, [0, NEGATIVE, 64]), 'offset']],
  },
  writes('COPY_FILE_RANGE', 47, body(56, [40, 100, 64]), body(8, [0, 100])),
  empty('SYNCFS', 50),
  {
    what: 'TMPFILE',
    opcode: 51,
    asked: Buffer.concat([body(16), name('f')]),
    sound: created,
    faults: badCreated,
  },
  {
    what: 'STATX',
    opcode: 52,
    asked: body(24),
    sound: statx,
    faults: [
      ...sizes(statx),
      ['no kind of file', changed(statx, [60, 0o644]), 'mode'],
      ['a size of 2^63', changed(statx, [72, NEGATIVE, 64]), 'file-size'],
      ['nanoseconds of atime', changed(statx, [32 + 64 + 8, SECOND]), 'nanoseconds'],
      ['nanoseconds of mtime', changed(statx, [32 + 112 + 8, SECOND]), 'nanoseconds'],
    ],
  },
  writes('COPY_FILE_RANGE_64', 53, body(56, [40, 100, 64]), body(8, [0, 100, 64])),
];
