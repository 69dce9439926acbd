import {describe, expect, test} from 'vitest';
import {
  CounterArray,
  type FileSystem,
  failure,
  InvalidReplyError,
  OPCODE,
  type OpcodeName,
  operation,
  S_IFREG,
} from '../../../src/fuse/index.js';
import {Errno} from '../../../src/sys/errno.js';
import {errorReply, Harness, request, rows, text, toRows} from './support.js';

const ENOSYS = 38;
const EINVAL = 22;
const EIO = 5;
/** Enough zeros for the fixed part of any request, and a name. */
const ROOM = Uint8Array.from([...new Array(88).fill(0), ...text('a\0b\0')]);
const NO_ANSWER: OpcodeName[] = ['FORGET', 'BATCH_FORGET', 'INTERRUPT', 'NOTIFY_REPLY'];

describe('a method that is missing', () => {
  const succeeds: OpcodeName[] = ['RELEASE', 'RELEASEDIR', 'STATFS', 'DESTROY', 'SHUTDOWN_FS'];
  for (const op of Object.keys(OPCODE) as OpcodeName[]) {
    if (op === 'INIT') continue;
    test(op, () => {
      const harness = new Harness({});
      if (NO_ANSWER.includes(op)) {
        harness.send(request(op, ROOM));
        expect(harness.replies).toEqual([]);
        return;
      }
      expect(harness.errnoOf(request(op, ROOM))).toBe(succeeds.includes(op) ? 0 : ENOSYS);
      expect(harness.errors).toEqual([]);
    });
  }

  test('open and opendir succeed on a kernel that does not understand ENOSYS from them', () => {
    const harness = new Harness({}, {}, {}, {init: rows('07000000 1f000000', '00000200 00000000')});
    const KEEP_CACHE = 2;
    const CACHE_DIR = 8;
    const flagsOf = (reply: Uint8Array) => new DataView(reply.buffer).getUint32(16 + 8, true);
    expect(harness.errnoOf(request('OPEN', new Uint8Array(8)))).toBe(0);
    expect(flagsOf(harness.ask(request('OPEN', new Uint8Array(8))))).toBe(KEEP_CACHE);
    expect(flagsOf(harness.ask(request('OPENDIR', new Uint8Array(8))))).toBe(KEEP_CACHE | CACHE_DIR);
  });

  test('open is answered one by one where that is not wanted, and pages are kept all the same', () => {
    const harness = new Harness({}, {init: {refuse: ['NO_OPEN_SUPPORT']}});
    expect(harness.errnoOf(request('OPEN', new Uint8Array(8)))).toBe(0);
    expect(harness.errnoOf(request('OPENDIR', new Uint8Array(8)))).toBe(ENOSYS);
  });

  test('an opcode of a later protocol', () => {
    const harness = new Harness({});
    for (const opcode of [0, 7, 19, 54, 63, 64, 4089, 0xffffffff]) {
      expect(harness.errnoOf(request(opcode, ROOM))).toBe(ENOSYS);
    }
  });
});

describe('a request that can not be understood', () => {
  const calls: string[] = [];
  const anything = new Proxy({} as FileSystem, {
    get: (_target, name) => () => {
      calls.push(String(name));
      return 0;
    },
    has: () => true,
  });
  const invalid: Array<[what: string, bytes: Uint8Array, errno: number]> = [
    ['a name without an end', request('LOOKUP', text('abc')), EINVAL],
    ['an empty name', request('LOOKUP', rows('00')), EINVAL],
    ['no name at all', request('LOOKUP'), EINVAL],
    ['one name where there should be two', request('SYMLINK', rows('6100')), EINVAL],
    ['a rename without new name', request('RENAME', rows('0100000000000000', '6100')), EINVAL],
    ['a getattr cut short', request('GETATTR', new Uint8Array(15)), EINVAL],
    ['a read cut short', request('READ', new Uint8Array(39)), EINVAL],
    ['a write of more data than it brings', request('WRITE', rows(...writeHead(5), '01020304')), EINVAL],
    ['an xattr of more data than it brings', request('SETXATTR', xattr(9)), EINVAL],
    ['an ioctl of more data than it brings', request('IOCTL', rows(...ioctlHead(4, 0), '010203')), EINVAL],
    ['a reply too large to be true', request('READ', rows(...readHead('ffffffff'))), EINVAL],
    [
      'a file handle that is not ours',
      request('READ', rows(...readHead('10000000', 'ffffffffffffffff'))),
      EINVAL,
    ],
    ['a node id that is not ours', request('UNLINK', rows('6100'), {nodeid: 2n ** 53n}), EINVAL],
    ['a length that is not the real one', lengthened(request('UNLINK', rows('6100')), 1), EINVAL],
    [
      'extensions longer than the request',
      withExtlen(request('MKDIR', rows('0000000000000000', '6100')), 99),
      EINVAL,
    ],
    ['a write past every file', request('WRITE', rows(...writeHead(1, 'ffffffffffffff7f'), '01')), 27],
    ['a truncate past every file', request('SETATTR', hugeSize()), 27],
    [
      'a listing from a position we never gave',
      request('READDIR', rows(...readHead('00100000', '0900000000000000', 'ffffffffffffff7f'))),
      EINVAL,
    ],
    [
      'a seek past every file',
      request('LSEEK', rows('0000000000000000', '00000000000000 40', '0300000000000000')),
      6,
    ],
  ];
  for (const [what, bytes, errno] of invalid) {
    test(what, () => {
      const harness = new Harness(anything);
      calls.length = 0;
      expect(toRows(harness.ask(bytes))).toEqual(errorReply(errno));
      expect(calls).toEqual([]);
    });
  }

  test('a read past every file is the end of it', () => {
    const harness = new Harness(anything);
    calls.length = 0;
    const answer = harness.ask(
      request('READ', rows(...readHead('00100000', '0900000000000000', '00000000000000 40'))),
    );
    expect([answer.length, calls.length]).toEqual([16, 0]);
  });

  test('less than a header: answered if it has an id', () => {
    const harness = new Harness(anything);
    const whole = request('UNLINK', rows('6100'));
    for (let length = 0; length < 40; length++) {
      harness.replies.length = 0;
      harness.send(whole.subarray(0, length));
      expect(harness.replies.map(toRows)).toEqual(length < 16 ? [] : [errorReply(EINVAL)]);
    }
    expect(harness.errors).toHaveLength(40);
  });

  test('before INIT there is nothing to be had', () => {
    const harness = new Harness(anything, {}, {}, {init: null});
    expect(harness.errnoOf(request('UNLINK', rows('6100')))).toBe(EIO);
  });

  test('what needs no answer never gets one, however broken', () => {
    const harness = new Harness(anything);
    for (const op of NO_ANSWER) {
      for (const length of [0, 3, 7, 8, 9, 39, 40]) {
        harness.send(request(op, new Uint8Array(length).fill(0xff)));
      }
    }
    expect(harness.replies).toEqual([]);
  });
});

function readHead(size: string, fh = '0900000000000000', offset = '0000000000000000'): string[] {
  return [fh, offset, `${size} 00000000`, '0000000000000000', '0000000000000000'];
}
function writeHead(size: number, offset = '0000000000000000'): string[] {
  const word = Buffer.alloc(4);
  word.writeUInt32LE(size);
  return readHead(word.toString('hex'), '0900000000000000', offset);
}
function ioctlHead(inSize: number, outSize: number): string[] {
  const word = Buffer.alloc(8);
  word.writeUInt32LE(inSize);
  word.writeUInt32LE(outSize, 4);
  return ['0900000000000000', '0000000001660880', '0000000000000000', word.toString('hex')];
}
function xattr(size: number): Uint8Array {
  return rows(`0${size}000000 00000000`, '0000000000000000', '757365722e61 00', '010203');
}
function hugeSize(): Uint8Array {
  const body = new Uint8Array(88);
  body[0] = 8;
  body[22] = 0x20;
  return body;
}
function lengthened(bytes: Uint8Array, by: number): Uint8Array {
  new DataView(bytes.buffer).setUint32(0, bytes.length + by, true);
  return bytes;
}
function withExtlen(bytes: Uint8Array, units: number): Uint8Array {
  new DataView(bytes.buffer).setUint16(36, units, true);
  return bytes;
}

describe('a reply that must not reach the kernel', () => {
  const mode = {mode: S_IFREG};
  const attr = (values: object): FileSystem => ({
    getattr: (_ino, _fh, reply) => void Object.assign(reply.attr, mode, values),
  });
  const listing = (name: Uint8Array): FileSystem => ({
    readdir: (_ino, _fh, _offset, list) => void list.add(1, 1, 8, name),
  });
  const plus = (nodeid: number, values: object): FileSystem => ({
    readdirplus(_ino, _fh, _offset, list) {
      const entry = list.add(text('a'), 1);
      if (entry) Object.assign(Object.assign(entry, {nodeid}).attr, values);
    },
  });
  const read = rows(...readHead('00100000'));
  const get = new Uint8Array(16);
  const invalid: Array<[what: string, bytes: Uint8Array, fs: FileSystem, code: string]> = [
    ['no file type', request('GETATTR', get), attr({mode: 0o644}), 'attr-mode'],
    ['a file type that does not exist', request('GETATTR', get), attr({mode: 0o170644}), 'attr-mode'],
    ['a size of 2^63', request('GETATTR', get), attr({size: 2 ** 63}), 'attr-size'],
    ['a negative size', request('GETATTR', get), attr({size: -1}), 'attr-size'],
    ['half a byte', request('GETATTR', get), attr({size: 0.5}), 'attr-size'],
    ['a size that is no number', request('GETATTR', get), attr({size: Number.NaN}), 'attr-size'],
    [
      'a second of more than its nanoseconds',
      request('GETATTR', get),
      attr({mtimensec: 1e9}),
      'attr-mtimensec',
    ],
    ['a link count above 32 bits', request('GETATTR', get), attr({nlink: 2 ** 32}), 'attr-nlink'],
    ['an owner of -1', request('GETATTR', get), attr({uid: -1}), 'attr-uid'],
    [
      'a new file without node id',
      request('MKDIR', rows('0000000000000000', '6100')),
      {mkdir() {}},
      'entry-nodeid',
    ],
    ['a name with a slash', request('READDIR', read), listing(text('a/b')), 'dirent-name'],
    ['a name with a NUL', request('READDIR', read), listing(text('a\0b')), 'dirent-name'],
    ['an empty name', request('READDIR', read), listing(text('')), 'dirent-name-length'],
    [
      'a name of 256 bytes',
      request('READDIR', read),
      listing(new Uint8Array(256).fill(97)),
      'dirent-name-length',
    ],
    ['a listed file without type', request('READDIRPLUS', read), plus(7, {}), 'attr-mode'],
    ['more than was asked for', request('READ', read), {read: () => 4097}, 'read-length'],
    ['a negative amount', request('READ', read), {read: () => -1}, 'read-length'],
    ['no amount', request('READ', read), {read: () => undefined as unknown as number}, 'read-length'],
    [
      'more written than there was',
      request('WRITE', rows(...writeHead(1), '01')),
      {write: () => 2},
      'written',
    ],
    ['an empty symlink', request('READLINK'), {readlink: () => text('')}, 'readlink-length'],
    [
      'a symlink of 4096 bytes',
      request('READLINK'),
      {readlink: () => new Uint8Array(4096).fill(97)},
      'readlink-length',
    ],
    ['a symlink with a NUL', request('READLINK'), {readlink: () => text('a\0')}, 'readlink-nul'],
    [
      'more ioctl data than fits',
      request('IOCTL', rows(...ioctlHead(0, 2))),
      {ioctl: () => ({result: 0, data: text('abc')})},
      'ioctl-length',
    ],
    ['a position that is none', request('LSEEK', new Uint8Array(24)), {lseek: () => -1}, 'result'],
    ['a position past 2^53', request('LSEEK', new Uint8Array(24)), {lseek: () => 2 ** 53}, 'result'],
    [
      'an ioctl result above 31 bits',
      request('IOCTL', rows(...ioctlHead(0, 2))),
      {ioctl: () => ({result: 2 ** 31, data: new Uint8Array(0)})},
      'ioctl-result',
    ],
    ...(
      [
        ['blocks', -1],
        ['bfree', 2 ** 64],
        ['ffree', Number.NaN],
        ['bsize', 2 ** 32],
        ['namelen', -1],
        ['frsize', 0.5],
      ] as const
    ).map(([field, value]): [string, Uint8Array, FileSystem, string] => [
      `${field} of ${value} in a statfs`,
      request('STATFS'),
      {statfs: (_ino, reply) => void Object.assign(reply, {[field]: value})},
      `statfs-${field}`,
    ]),
  ];
  for (const [what, bytes, fs, code] of invalid) {
    test(what, () => {
      const harness = new Harness(fs);
      expect(toRows(harness.ask(bytes))).toEqual(errorReply(EIO));
      expect(harness.errors.map(({error}) => (error as InvalidReplyError).code)).toEqual([code]);
      expect(harness.errors[0]?.error).toBeInstanceOf(InvalidReplyError);
    });
  }

  test('longer names when the session allows them', () => {
    const harness = new Harness(listing(new Uint8Array(1024).fill(97)), {longestName: 1024});
    expect(harness.ask(request('READDIR', read)).length).toBe(16 + 24 + 1024);
  });
});

describe('what a handler throws', () => {
  const thrown: Array<[what: string, error: unknown, errno: number, reported: boolean]> = [
    ['a failure', failure('ENOTEMPTY'), 39, false],
    ['an Errno', new Errno('EROFS', 'write'), 30, false],
    ['a symbolic errno', Object.assign(new Error('x'), {errno: 'EUCLEAN'}), 117, false],
    ["Node's negative errno", Object.assign(new Error('x'), {errno: -13, code: 'EACCES'}), 13, false],
    ['a programming mistake', new TypeError('x is undefined'), EIO, true],
    ['nothing', undefined, EIO, true],
    ['an errno no reply can carry', {errno: 512}, EIO, true],
  ];
  for (const [what, error, errno, reported] of thrown) {
    for (const later of [false, true]) {
      test(`${what}${later ? ', later' : ''}`, async () => {
        const harness = new Harness({
          unlink() {
            if (later) return Promise.reject(error);
            throw error;
          },
        });
        harness.send(request('UNLINK', rows('6100')));
        await new Promise(setImmediate);
        expect(harness.replies.map(toRows)).toEqual([errorReply(errno)]);
        expect(harness.errors.map((entry) => entry.error)).toEqual(reported ? [error] : []);
        if (reported) expect(harness.errors[0]?.request).toEqual({opcode: 10, name: 'UNLINK', nodeid: 5});
      });
    }
  }
});

describe('extended attributes', () => {
  const fs: FileSystem = {getxattr: () => new Uint8Array(10), listxattr: () => new Uint8Array(10)};
  for (const [size, errno] of [
    [9, 34],
    [10, 0],
    [11, 0],
  ] as const) {
    test(`a value of 10 bytes into ${size}`, () => {
      const body = Uint8Array.from([size, 0, 0, 0, 0, 0, 0, 0, ...text('user.a\0')]);
      const harness = new Harness(fs);
      expect(harness.errnoOf(request('GETXATTR', body))).toBe(errno);
      expect(harness.errnoOf(request('LISTXATTR', body.subarray(0, 8)))).toBe(errno);
    });
  }

  test('SETXATTR as it was before SETXATTR_EXT', () => {
    const seen: unknown[] = [];
    const harness = new Harness(
      {setxattr: (_ino, name, value) => void seen.push(Buffer.from(name).toString(), [...value])},
      {init: {refuse: ['SETXATTR_EXT']}},
    );
    const body = rows('03000000 00000000  size flags', '757365722e61 00  name', '010203  value');
    expect(harness.errnoOf(request('SETXATTR', body))).toBe(0);
    expect(seen).toEqual(['user.a', [1, 2, 3]]);
  });
});

test('a hook that throws does not keep a request from its answer', () => {
  const hooks = {
    onError: () => {
      throw new Error('from the hook');
    },
  };
  const harness = new Harness({unlink: () => Promise.reject(new Error('x'))}, {}, hooks);
  expect(harness.errnoOf(request('READ', new Uint8Array(3)))).toBe(EINVAL);
  harness.replies.length = 0;
  harness.send(request('UNLINK', rows('6100')), false);
  expect(harness.replies.map(toRows)).toEqual([errorReply(EIO)]);
});

test('timeouts are whole seconds', () => {
  for (const entryTimeout of [-1, 0.5, Number.NaN]) {
    expect(() => new Harness({}, {entryTimeout})).toThrow(RangeError);
  }
});

test('a file system with its own rules for another opcode', () => {
  const own = operation<number>({
    opcode: 4094,
    name: 'OWN',
    bodySize: 8,
    replySize: 8,
    call: (slot) => slot.u64(0),
    encode: (slot, value) => {
      slot.replyView.setUint32(16, value + 1, true);
      slot.replyView.setUint32(20, 0, true);
      return 8;
    },
  });
  const harness = new Harness({}, {operations: [own]});
  const answer = harness.ask(request(4094, rows('0700000000000000')));
  expect(toRows(answer).slice(2)).toEqual(['0800000000000000']);
  expect(harness.errnoOf(request(4094, rows('07')))).toBe(EINVAL);
  expect(() => new Harness({}, {operations: [own, own]})).toThrow('two operations');
});

test('counters: numbers, bytes, errors and times by opcode', () => {
  const counters = new CounterArray();
  const harness = new Harness({unlink() {}}, {}, {counters});
  harness.ask(request('UNLINK', rows('6100')));
  harness.ask(request('RMDIR', rows('6100')));
  harness.send(request('FORGET', new Uint8Array(8)));
  harness.ask(request(4094, new Uint8Array(32)));
  harness.ask(request(4088, rows('00')));
  // A reader elsewhere only has the memory.
  const reader = new CounterArray(counters.memory);
  const unlink = reader.read(OPCODE.UNLINK);
  expect(unlink).toMatchObject({count: 1, errors: 0, bytesIn: 42, bytesOut: 16});
  expect(unlink.buckets.reduce((sum, value) => sum + value)).toBe(1);
  expect(unlink.totalNs).toBeGreaterThan(0);
  expect(reader.read(OPCODE.RMDIR)).toMatchObject({count: 1, errors: 1});
  expect(reader.read(OPCODE.FORGET)).toMatchObject({count: 1, errors: 0, bytesOut: 0});
  expect(reader.read(OPCODE.IOMAP_BEGIN)).toMatchObject({count: 1, errors: 1, bytesIn: 72});
  expect(reader.read(0)).toMatchObject({count: 1, errors: 1});
});

test('counters: buckets are powers of two of microseconds', () => {
  const counters = new CounterArray();
  for (const ns of [0, 999, 1000, 1999, 2000, 1e6, 1e15]) counters.record(1, 0, ns, 0, 0);
  const {buckets} = counters.read(1);
  expect([buckets[0], buckets[1], buckets[2], buckets[10], buckets[23]]).toEqual([2, 2, 1, 1, 1]);
});

describe('a kernel that freezes, thaws and shuts down', () => {
  test('freeze tells how many open inodes have no name; both go to the file system', () => {
    const told: unknown[] = [];
    const harness = new Harness({
      freeze: (unlinked) => void told.push(['freeze', unlinked]),
      thaw: () => void told.push(['thaw']),
    });
    expect(harness.errnoOf(request('FREEZE_FS', rows('0300000000000000  unlinked')))).toBe(0);
    expect(harness.errnoOf(request('UNFREEZE_FS'))).toBe(0);
    expect(told).toEqual([['freeze', 3], ['thaw']]);
  });

  test('after a shutdown every request is EIO, and DESTROY is still served', () => {
    const told: string[] = [];
    const harness = new Harness(
      {shutdown: () => void told.push('shutdown'), unlink() {}, destroy: () => void told.push('destroy')},
      {},
      {onShutdown: () => told.push('hook')},
    );
    expect(harness.errnoOf(request('SHUTDOWN_FS', new Uint8Array(8)))).toBe(0);
    expect(harness.errnoOf(request('UNLINK', rows('6100')))).toBe(EIO);
    expect(harness.errnoOf(request('STATFS'))).toBe(EIO);
    harness.replies.length = 0;
    harness.send(request('FORGET', new Uint8Array(8)));
    expect(harness.replies).toEqual([]);
    expect(harness.errnoOf(request('DESTROY'))).toBe(0);
    expect(told).toEqual(['hook', 'shutdown', 'destroy']);
  });

  test('DESTROY is answered after the requests that came before it', async () => {
    const order: string[] = [];
    let finish: () => void = () => {};
    const harness = new Harness({
      release: () =>
        new Promise<void>((resolve) => (finish = resolve)).then(() => void order.push('release')),
      destroy: () => void order.push('destroy'),
    });
    harness.send(request('RELEASE', new Uint8Array(24)));
    harness.send(request('DESTROY', new Uint8Array(0), {unique: 8n}));
    expect(harness.replies).toHaveLength(0);
    finish();
    await new Promise((resolve) => setTimeout(resolve));
    expect(order).toEqual(['release', 'destroy']);
    const uniques = harness.replies.map((bytes) => Number(new DataView(bytes.buffer).getBigUint64(8, true)));
    expect(uniques).toEqual([6, 8]);
  });
});
