import {describe, expect, test} from 'vitest';
import {
  type ConnectionInfo,
  type FileSystem,
  type InitFlag,
  type InitOptions,
  Session,
} from '../../../src/fuse/index.js';
import {errorReply, Harness, INIT_BODY, request, rows, toRows} from './support.js';

const nothing: FileSystem = {};
const everything: FileSystem = {
  open() {},
  readdir() {},
  readdirplus() {},
  getlk() {},
  setlk() {},
};

function init(fs: FileSystem, options: InitOptions, body = INIT_BODY): {reply: Uint8Array; harness: Harness} {
  const harness = new Harness(fs, {init: options}, {}, {init: null});
  return {harness, reply: harness.ask(request('INIT', body, {nodeid: 0n, unique: 6n}))};
}

function agreed(fs: FileSystem, options: InitOptions = {}, body = INIT_BODY): ConnectionInfo {
  const {harness} = init(fs, options, body);
  if (harness.session.connection === undefined) throw new Error('no connection');
  return harness.session.connection;
}

/** INIT with other words. */
function body({major = 7, minor = 45, flags = 0x73ff_fffb, flags2 = 0x7fd}): Uint8Array {
  const bytes = INIT_BODY.slice();
  const view = new DataView(bytes.buffer);
  view.setUint32(0, major, true);
  view.setUint32(4, minor, true);
  view.setUint32(12, flags, true);
  view.setUint32(16, flags2, true);
  return bytes;
}

test('INIT of Linux 6.18 gets exactly this reply', () => {
  const {reply, harness} = init(everything, {maxBackground: 64, timeGranularityNs: 1});
  expect(harness.errors).toEqual([]);
  expect(toRows(reply)).toEqual(
    toRows(
      rows(
        '50000000 00000000  len error',
        '0600000000000000  unique',
        '07000000 2d000000  major minor',
        // ASYNC_READ POSIX_LOCKS ATOMIC_O_TRUNC BIG_WRITES | FLOCK_LOCKS IOCTL_DIR READDIRPLUS AUTO ASYNC_DIO |
        // NO_OPEN PARALLEL_DIROPS ABORT_ERROR MAX_PAGES CACHE_SYMLINKS | NO_OPENDIR SETXATTR_EXT INIT_EXT
        '00000200 2bece661  max_readahead flags',
        '4000 3000 00001000  max_background congestion_threshold max_write',
        '01000000 0001 0000  time_gran max_pages map_alignment',
        '08000000 00000000  flags2 (EXPIRE_ONLY) max_stack_depth',
        '0000 000000000000  request_timeout unused',
        '0000000000000000  unused',
        '0000000000000000  unused',
      ),
    ),
  );
});

describe('features', () => {
  test('nothing is taken that was not offered', () => {
    const connection = agreed(
      everything,
      {want: ['WRITEBACK_CACHE', 'POSIX_ACL']},
      body({flags: 1 | (1 << 20)}),
    );
    expect(connection.flags.names()).toEqual(['ASYNC_READ', 'POSIX_ACL']);
  });

  test('flags2 is not read or taken without INIT_EXT', () => {
    const connection = agreed(nothing, {}, body({flags: 0x33ff_fffb, flags2: 0xffff_ffff}));
    expect([connection.offered.high, connection.flags.high]).toEqual([0, 0]);
    const refused = agreed(nothing, {refuse: ['INIT_EXT']});
    expect(refused.flags.high).toBe(0);
  });

  test('a kernel before 7.36 sends 16 bytes', () => {
    const connection = agreed(nothing, {}, body({minor: 31, flags: 0x7fffffb}).subarray(0, 16));
    expect([connection.minor, connection.flags.high]).toEqual([31, 0]);
  });

  const dependent: Array<[what: string, fs: FileSystem, flag: InitFlag, taken: boolean]> = [
    ['O_TRUNC in open', {open() {}}, 'ATOMIC_O_TRUNC', true],
    ['no O_TRUNC without an open method: it would be lost', {}, 'ATOMIC_O_TRUNC', false],
    ['READDIRPLUS', {readdirplus() {}}, 'DO_READDIRPLUS', true],
    ['no choice of listings when there is one', {readdirplus() {}}, 'READDIRPLUS_AUTO', false],
    ['no READDIRPLUS without its method', {readdir() {}}, 'DO_READDIRPLUS', false],
    ['no remote locks without methods', {}, 'POSIX_LOCKS', false],
    ['no remote POSIX locks when they can only be set', {setlk() {}}, 'POSIX_LOCKS', false],
    ['remote flock', {setlk() {}}, 'FLOCK_LOCKS', true],
    ['no ACLs unless wanted', everything, 'POSIX_ACL', false],
    ['no write-back unless wanted', everything, 'WRITEBACK_CACHE', false],
    ['no killing of set-id bits unless wanted', everything, 'HANDLE_KILLPRIV_V2', false],
  ];
  for (const [what, fs, flag, taken] of dependent) {
    test(what, () => expect(agreed(fs).flags.has(flag)).toBe(taken));
  }

  test('wanted and refused ones', () => {
    const {flags} = agreed(nothing, {
      want: ['EXPORT_SUPPORT', 'POSIX_ACL', 'REQUEST_TIMEOUT', 'CREATE_SUPP_GROUP'],
      refuse: ['CACHE_SYMLINKS'],
    });
    expect(flags.has('EXPORT_SUPPORT') && flags.has('POSIX_ACL') && flags.has('REQUEST_TIMEOUT')).toBe(true);
    expect(flags.has('CREATE_SUPP_GROUP')).toBe(true);
    expect(flags.has('CACHE_SYMLINKS')).toBe(false);
  });

  test('bits of an extension, when offered', () => {
    const options = {extraFlags2: 0x800, maxMinor: 99};
    expect(agreed(nothing, options).flags.high & 0x800).toBe(0);
    const offered = agreed(nothing, options, body({minor: 99, flags2: 0xffd}));
    expect([offered.flags.high & 0x800, offered.minor]).toEqual([0x800, 99]);
  });
});

describe('iomap', () => {
  const offer = body({minor: 99, flags2: 0x800 | 0x7fd});

  test('is taken when it is wanted and offered, with the minor version that it needs', () => {
    const {reply} = init(nothing, {want: ['IOMAP']}, offer);
    const view = new DataView(reply.buffer, reply.byteOffset);
    expect(view.getUint32(16 + 4, true)).toBe(99);
    expect((view.getUint32(16 + 12, true) >>> 30) & 1).toBe(1);
    expect(view.getUint32(16 + 32, true) & 0x800).toBe(0x800);
  });

  test('is not taken by those who do not want it: the minor version stays the one that is known', () => {
    const connection = agreed(nothing, {}, offer);
    expect([connection.flags.has('IOMAP'), connection.minor]).toEqual([false, 45]);
  });

  test('is never taken without an offer, nor without the flag that makes flags2 count', () => {
    expect(agreed(nothing, {want: ['IOMAP']}, body({minor: 99})).flags.has('IOMAP')).toBe(false);
    const without = agreed(nothing, {want: ['IOMAP'], refuse: ['INIT_EXT']}, offer);
    expect([without.flags.has('IOMAP'), without.minor]).toEqual([false, 45]);
  });

  test('an older posting of the patches, with a minor version below, is told 99 too', () => {
    const connection = agreed(nothing, {want: ['IOMAP']}, body({minor: 45, flags2: 0x800}));
    expect([connection.flags.has('IOMAP'), connection.kernelMinor, connection.minor]).toEqual([true, 45, 99]);
  });
});

describe('sizes', () => {
  const cases: Array<
    [what: string, options: InitOptions, flags: number, maxWrite: number, maxPages: number]
  > = [
    ['1 MiB by default', {}, 0x73ff_fffb, 1 << 20, 256],
    ['as the server wants', {maxWrite: 65536}, 0x73ff_fffb, 65536, 16],
    ['128 KiB without MAX_PAGES', {}, 0x73bf_fffb, 1 << 17, 0],
    ['pages of 64 KiB', {pageSize: 65536}, 0x73ff_fffb, 1 << 20, 16],
  ];
  for (const [what, options, flags, maxWrite, maxPages] of cases) {
    test(what, () => {
      const {reply, harness} = init(nothing, options, body({flags}));
      const view = new DataView(reply.buffer, reply.byteOffset);
      expect([view.getUint32(16 + 20, true), view.getUint16(16 + 28, true)]).toEqual([maxWrite, maxPages]);
      expect(harness.session.connection?.maxWrite).toBe(maxWrite);
    });
  }

  test('read-ahead is at most what the kernel offers', () => {
    expect(agreed(nothing, {maxReadahead: 1 << 30}).maxReadahead).toBe(131072);
    expect(agreed(nothing, {maxReadahead: 4096}).maxReadahead).toBe(4096);
  });

  for (const options of [
    {maxWrite: 4095},
    {maxWrite: 4097},
    {maxWrite: (1 << 20) + 4096},
    {maxBackground: 0},
    {timeGranularityNs: 0},
    {requestTimeoutSeconds: 14},
    {want: ['PASSTHROUGH', 'WRITEBACK_CACHE'] as InitFlag[]},
  ]) {
    test(`${JSON.stringify(options)} is refused`, () => {
      expect(() => new Session(nothing, {init: options})).toThrow(RangeError);
    });
  }
});

describe('versions', () => {
  test('a larger major gets ours alone, and may ask again', () => {
    const {reply, harness} = init(nothing, {}, body({major: 8, minor: 1}));
    expect(toRows(reply).slice(0, 3)).toEqual(
      toRows(rows('50000000 00000000', '0600000000000000', '07000000 2d000000')),
    );
    expect(toRows(reply).slice(3).join('')).toMatch(/^0+$/);
    expect(harness.session.connection).toBeUndefined();
    harness.ask(request('INIT', INIT_BODY, {nodeid: 0n}));
    expect(harness.session.connection?.minor).toBe(45);
  });

  test('the smaller minor wins', () => {
    expect(agreed(nothing, {}, body({minor: 38})).minor).toBe(38);
    expect(agreed(nothing, {}, body({minor: 46})).minor).toBe(45);
  });

  for (const [what, words] of [
    ['an older major', {major: 6}],
    ['a minor from before 7.31', {minor: 30}],
  ] as const) {
    test(`${what} ends the connection`, () => {
      const {reply, harness} = init(nothing, {}, body(words));
      expect(toRows(reply)).toEqual(errorReply(71));
      expect(harness.errors).toHaveLength(1);
    });
  }

  test('INIT a second time is refused', () => {
    const harness = new Harness(nothing);
    expect(harness.errnoOf(request('INIT', INIT_BODY))).toBe(22);
  });

  test('the file system hears of it once, before anything else', () => {
    const heard: string[] = [];
    const harness = new Harness({
      init: ({kernelMinor}) => void heard.push(`init ${kernelMinor}`),
      getattr: (_ino, _fh, {attr}) => {
        heard.push('getattr');
        attr.mode = 0o100644;
      },
      destroy: () => void heard.push('destroy'),
    });
    harness.ask(request('GETATTR', new Uint8Array(16)));
    harness.ask(request('DESTROY'));
    harness.session.end();
    expect(heard).toEqual(['init 45', 'getattr', 'destroy']);
  });

  test('a session can go on with what an earlier one agreed on', () => {
    const connection = agreed(nothing);
    const harness = new Harness({unlink() {}}, {connection}, {}, {init: null});
    expect(harness.errnoOf(request('UNLINK', rows('6100')))).toBe(0);
  });
});
