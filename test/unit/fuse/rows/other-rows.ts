import {reply, rows, text} from '../support.js';
import {type Row, str} from './row.js';

const LOCK_BODY = rows(
  '0900000000000000  fh',
  'efcdab8967452301  owner',
  '0a00000000000000  start',
  'ffffffffffffff7f  end',
  '01000000 92100000  type pid',
  '01000000 00000000  lk_flags (flock) padding',
);
const COPY_BODY = rows(
  '0900000000000000  fh_in',
  '0010000000000000  off_in',
  '0600000000000000  nodeid_out',
  '0a00000000000000  fh_out',
  '0020000000000000  off_out',
  '0000000001000000  len',
  '0000000000000000  flags',
);

export const otherRows: readonly Row[] = [
  {
    op: 'SETXATTR',
    body: rows(
      '03000000 01000000  size flags',
      '01000000 00000000  setxattr_flags padding',
      '757365722e61 00  name',
      '010002  value',
    ),
    fs: (note) => ({
      setxattr: (ino, name, value, flags, ctx) => note(ino, str(name), [...value], flags, ctx.requestFlags),
    }),
    seen: [5, 'user.a', [1, 0, 2], 1, 1],
    reply: reply(),
  },
  {
    op: 'GETXATTR',
    body: rows('10000000 00000000  size padding', '757365722e61 00  name'),
    fs: (note) => ({
      getxattr(ino, name) {
        note(ino, str(name));
        return Uint8Array.of(1, 0, 2);
      },
    }),
    seen: [5, 'user.a'],
    reply: reply('010002  value'),
  },
  {
    op: 'GETXATTR',
    what: 'that asks for the size',
    body: rows('00000000 00000000  size padding', '757365722e61 00  name'),
    fs: () => ({getxattr: () => new Uint8Array(300)}),
    seen: [],
    reply: reply('2c010000 00000000  size padding'),
  },
  {
    op: 'LISTXATTR',
    body: rows('10000000 00000000  size padding'),
    fs: (note) => ({
      listxattr(ino) {
        note(ino);
        return text('user.a\0');
      },
    }),
    seen: [5],
    reply: reply('757365722e61 00  names'),
  },
  {
    op: 'LISTXATTR',
    what: 'that asks for the size',
    body: rows('00000000 00000000  size padding'),
    fs: () => ({listxattr: () => new Uint8Array(0)}),
    seen: [],
    reply: reply('00000000 00000000  size padding'),
  },
  {
    op: 'REMOVEXATTR',
    body: rows('757365722e61 00  name'),
    fs: (note) => ({removexattr: (ino, name) => note(ino, str(name))}),
    seen: [5, 'user.a'],
    reply: reply(),
  },
  {
    op: 'GETLK',
    body: LOCK_BODY,
    fs: (note) => ({
      getlk(ino, fh, lock) {
        note(ino, fh, {...lock});
        Object.assign(lock, {start: 0n, end: 99n, type: 1, pid: 77});
      },
    }),
    seen: [
      5,
      9,
      {start: 10n, end: 2n ** 63n - 1n, type: 1, pid: 4242, owner: 0x0123456789abcdefn, flock: true},
    ],
    reply: reply('0000000000000000  start', '6300000000000000  end', '01000000 4d000000  type pid'),
  },
  {
    op: 'SETLK',
    body: LOCK_BODY,
    fs: (note) => ({setlk: (ino, fh, lock, wait) => note(ino, fh, lock.type, wait)}),
    seen: [5, 9, 1, false],
    reply: reply(),
  },
  {
    op: 'SETLKW',
    body: LOCK_BODY,
    fs: (note) => ({setlk: (ino, fh, lock, wait) => note(ino, fh, lock.start, wait)}),
    seen: [5, 9, 10n, true],
    reply: reply(),
  },
  {
    op: 'BMAP',
    body: rows('0700000000000000  block', '00040000 00000000  blocksize padding'),
    fs: (note) => ({
      bmap(ino, block, blockSize) {
        note(ino, block, blockSize);
        return 0x1_0000_0000;
      },
    }),
    seen: [5, 7, 1024],
    reply: reply('0000000001000000  block'),
  },
  {
    op: 'IOCTL',
    body: rows(
      '0900000000000000  fh',
      '10000000 01660880  flags (directory) cmd',
      'f0ffffffff7f0000  arg',
      '03000000 08000000  in_size out_size',
      '010203  data',
    ),
    fs: (note) => ({
      ioctl(ino, {input, ...rest}) {
        note(ino, rest, [...input]);
        return {result: -1, data: Uint8Array.of(4, 5)};
      },
    }),
    seen: [5, {fh: 9, cmd: 0x80086601, arg: 0x7ffffffffff0n, flags: 16, outSize: 8}, [1, 2, 3]],
    reply: reply('ffffffff 00000000  result flags', '00000000 00000000  in_iovs out_iovs', '0405  data'),
  },
  {
    op: 'POLL',
    body: rows('0900000000000000  fh', '0b00000000000000  kh', '01000000 05000000  flags (notify) events'),
    fs: (note) => ({
      poll(ino, fh, events, kh) {
        note(ino, fh, events, kh);
        return 4;
      },
    }),
    seen: [5, 9, 5, 11],
    reply: reply('04000000 00000000  revents padding'),
  },
  {
    op: 'FALLOCATE',
    body: rows(
      '0900000000000000  fh',
      '0010000000000000  offset',
      '0000000001000000  length',
      '03000000 00000000  mode padding',
    ),
    fs: (note) => ({fallocate: (ino, fh, mode, offset, length) => note(ino, fh, mode, offset, length)}),
    seen: [5, 9, 3, 4096, 2 ** 32],
    reply: reply(),
  },
  {
    op: 'LSEEK',
    body: rows('0900000000000000  fh', '0010000000000000  offset', '03000000 00000000  whence padding'),
    fs: (note) => ({
      lseek(ino, fh, offset, whence) {
        note(ino, fh, offset, whence);
        return 8192;
      },
    }),
    seen: [5, 9, 4096, 3],
    reply: reply('0020000000000000  offset'),
  },
  {
    op: 'COPY_FILE_RANGE',
    body: COPY_BODY,
    fs: (note) => ({
      copyFileRange(...args) {
        note(...args.slice(0, 8));
        return 4096;
      },
    }),
    // The reply has 32 bits, so no more than that is asked of the handler.
    seen: [5, 9, 4096, 6, 10, 8192, 0xffffffff, 0],
    reply: reply('00100000 00000000  size padding'),
  },
  {
    op: 'COPY_FILE_RANGE_64',
    body: COPY_BODY,
    fs: (note) => ({
      copyFileRange(...args) {
        note(...args.slice(0, 8));
        return 2 ** 32;
      },
    }),
    seen: [5, 9, 4096, 6, 10, 8192, 2 ** 32, 0],
    reply: reply('0000000001000000  bytes_copied'),
  },
  {
    op: 'FREEZE_FS',
    body: rows('0300000000000000  unlinked'),
    fs: (note) => ({freeze: (unlinked) => note(unlinked)}),
    seen: [3],
    reply: reply(),
  },
  {
    op: 'UNFREEZE_FS',
    body: rows(),
    fs: (note) => ({thaw: () => note()}),
    seen: [],
    reply: reply(),
  },
  {
    op: 'SHUTDOWN_FS',
    body: rows('0000000000000000  flags'),
    fs: (note) => ({shutdown: () => note()}),
    seen: [],
    reply: reply(),
  },
  {
    op: 'SYNCFS',
    body: rows('0000000000000000  padding'),
    fs: (note) => ({syncfs: (ino) => note(ino)}),
    seen: [5],
    reply: reply(),
  },
];
