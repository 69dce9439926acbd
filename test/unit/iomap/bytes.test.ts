import {describe, expect, test} from 'vitest';
import {MAPPING, MAPPING_FLAG, Mapping, MappingPair} from '../../../src/iomap/index.js';
import {readMapping, writeMapping} from '../../../src/iomap/mapping-codec.js';
import {viewOf} from '../../../src/wire/index.js';
import {errorReply, reply, request, rows, toRows} from '../fuse/support.js';
import {CONFIG_V7, IomapHarness, MIB, PlainDriver} from './support.js';

/** Rows of a mapping: offset, length, addr, then type u16, flags u16, dev u32. */
const NONE = 'ffffffffffffffff  addr';

describe('a mapping is exactly these bytes', () => {
  const table: Array<[what: string, make: (mapping: Mapping) => void, expected: Uint8Array]> = [
    [
      'mapped',
      (m) => m.place(MAPPING.MAPPED, 0x2000, 0x10000, 0x123456000, {flags: MAPPING_FLAG.MERGED}),
      rows(
        '0020000000000000  offset',
        '0000010000000000  length',
        '0060452301000000  addr',
        '0200 0800 01000000  type flags dev',
      ),
    ],
    [
      'unwritten on the second device, with every flag that a server sets',
      (m) => m.place(MAPPING.UNWRITTEN, 0, 512, 0, {dev: 2, flags: 0xff}),
      rows('0000000000000000', '0002000000000000', '0000000000000000', '0300 ff00 02000000'),
    ],
    [
      'a hole of all that is left',
      (m) => m.set(MAPPING.HOLE, 4096, 2 ** 53 - 2 ** 16 - 4096),
      rows('0010000000000000', '00f0feffffff1f00', NONE, '0000 0000 00000000'),
    ],
    [
      'delalloc',
      (m) => m.set(MAPPING.DELALLOC, 0, 1),
      rows('00'.repeat(8), '0100000000000000', NONE, '0100 0000 00000000'),
    ],
    [
      'inline',
      (m) => m.set(MAPPING.INLINE, 0, 1),
      rows('00'.repeat(8), '0100000000000000', NONE, '0400 0000 00000000'),
    ],
    [
      'no cache',
      (m) => m.set(MAPPING.NOCACHE, 0, 1),
      rows('00'.repeat(8), '0100000000000000', NONE, 'fd00 0000 00000000'),
    ],
    [
      'retry',
      (m) => m.set(MAPPING.RETRY_CACHE, 0, 1),
      rows('00'.repeat(8), '0100000000000000', NONE, 'fe00 0000 00000000'),
    ],
    [
      'pure overwrite',
      (m) => m.set(MAPPING.PURE_OVERWRITE, 0, 1),
      rows('00'.repeat(8), '0100000000000000', NONE, 'ff00 0000 00000000'),
    ],
  ];
  for (const [what, make, expected] of table) {
    test(what, () => {
      const mapping = new Mapping();
      make(mapping);
      const bytes = new Uint8Array(32);
      writeMapping(viewOf(bytes), 0, mapping, mapping.dev);
      expect(toRows(bytes)).toEqual(toRows(expected));
      const back = new Mapping();
      readMapping(viewOf(bytes), 0, back);
      expect({...back}).toEqual({...mapping});
    });
  }

  test.each([
    ['offset', 0],
    ['length', 8],
    ['addr', 16],
  ])('a mapping whose %s is above 2^53 is none of ours', (_field, at) => {
    const bytes = new Uint8Array(32);
    viewOf(bytes).setBigUint64(at, 2n ** 53n, true);
    expect(() => readMapping(viewOf(bytes), 0, new Mapping())).toThrowError(
      expect.objectContaining({code: 'EINVAL'}),
    );
  });
});

/** What the kernel sends and gets, by the layouts of linux/fuse.h of the 7th posting. */
describe('requests and replies are exactly these bytes', () => {
  test('IOMAP_CONFIG with everything: 100 bytes', () => {
    const driver = new PlainDriver({
      ...{id: 'disk', uuid: Uint8Array.from({length: 16}, (_, i) => i + 1), maxLinks: 65000},
      ...{times: {granularityNs: 1, min: -2147483648, max: 15032385535}, maxBytes: 2 ** 44 - 4096},
      kernelCacheBytes: 65536,
    });
    const iomap = new IomapHarness(driver, {config: null});
    const answer = iomap.harness.ask(request('IOMAP_CONFIG', CONFIG_V7, {nodeid: 0n}));
    expect(toRows(answer)).toEqual(
      reply(
        '7f00000000000000  flags',
        '6469736b00000000  s_id',
        '0000000000000000',
        '0000000000000000',
        '0000000000000000',
        '0102030405060708  s_uuid',
        '090a0b0c0d0e0f10',
        '10 000000 00100000  s_uuid_len pad s_blocksize',
        'e8fd0000 01000000  s_max_links s_time_gran',
        '00000080ffffffff  s_time_min',
        'ffffff7f03000000  s_time_max',
        '00f0ffffff0f0000  s_maxbytes',
        '00000100  cache_maxbytes',
      ),
    );
  });

  test('IOMAP_CONFIG of the 6th posting: 96 bytes, without the cache limit', () => {
    const config = CONFIG_V7.slice();
    config[0] = 0x3f;
    config.fill(0, 16);
    const iomap = new IomapHarness(new PlainDriver({kernelCacheBytes: 65536}), {config: null});
    const answer = iomap.harness.ask(request('IOMAP_CONFIG', config, {nodeid: 0n}));
    expect(answer.length).toBe(16 + 96);
    expect(toRows(answer)[2]).toBe('2400000000000000');
  });

  test('nothing that this kernel does not understand is in the answer', () => {
    const config = CONFIG_V7.slice();
    config[0] = 0x04;
    const iomap = new IomapHarness(new PlainDriver({id: 'disk', maxLinks: 3}), {config: null});
    const answer = iomap.harness.ask(request('IOMAP_CONFIG', config, {nodeid: 0n}));
    expect(toRows(answer).slice(2, 4)).toEqual(['0400000000000000', '0000000000000000']);
  });

  test('IOMAP_BEGIN', () => {
    const iomap = new IomapHarness(new PlainDriver());
    iomap.refusal = 'ESTALE';
    const answer = iomap.harness.ask(
      request(
        'IOMAP_BEGIN',
        rows(
          '00000000 00000000  opflags reserved',
          '0500000000000000  attr_ino',
          '0020000000000000  pos',
          '0030000000000000  count',
        ),
      ),
    );
    expect(toRows(answer)).toEqual(
      reply(
        '0000000000000000  read: offset',
        '0000100000000000  length',
        '0000000100000000  addr',
        '0200 0000 07000000  type flags dev',
        '0000000000000000  write: offset',
        '0000100000000000  length',
        NONE,
        'ff00 0000 00000000  type flags dev',
      ),
    );
  });

  const END = rows(
    '01000000 00000000  opflags reserved',
    '0500000000000000  attr_ino',
    '0010000000000000  pos',
    '0020000000000000  count',
    '0010000000000000  written',
    '0000000000000000  map: offset',
    '0000100000000000  length',
    '0000000100000000  addr',
    '0200 0101 07000000  type, NEW and SIZE_CHANGED, dev',
  );

  test('IOMAP_END', () => {
    const ended: unknown[] = [];
    const driver = Object.assign(new PlainDriver(), {
      iomapEnd: (ino: number, {mapping, ...rest}: {mapping: Readonly<Mapping>}) =>
        void ended.push(ino, rest, {...mapping}),
    });
    expect(toRows(new IomapHarness(driver).harness.ask(request('IOMAP_END', END)))).toEqual(reply());
    expect(ended).toEqual([
      5,
      {op: 1, offset: 4096, length: 8192, written: 4096},
      {offset: 0, length: MIB, addr: 16 * MIB, type: 2, flags: 0x101, dev: 1},
    ]);
  });

  test('IOMAP_END of an operation that failed', () => {
    const written: number[] = [];
    const driver = Object.assign(new PlainDriver(), {
      iomapEnd: (_ino: number, ended: {written: number}) => void written.push(ended.written),
    });
    const body = END.slice();
    viewOf(body).setBigInt64(32, -28n, true);
    expect(new IomapHarness(driver).errnoOf(request('IOMAP_END', body))).toBe(0);
    expect(written).toEqual([-28]);
  });

  const IOEND = rows(
    '12000000 00000000  flags error',
    '0500000000000000  attr_ino',
    '0010000000000000  pos',
    'ffffffffffffffff  new_addr',
    '0020000000000000  written',
    '07000000 00000000  dev zero',
  );
  const ioendDriver = (calls: unknown[]) =>
    Object.assign(new PlainDriver({readOnly: false}), {
      ioend(ino: number, io: object): number {
        calls.push(ino, {...io});
        return 12345;
      },
    });

  test('IOMAP_IOEND', () => {
    const calls: unknown[] = [];
    const iomap = new IomapHarness(ioendDriver(calls));
    expect(toRows(iomap.harness.ask(request('IOMAP_IOEND', IOEND)))).toEqual(
      reply('3930000000000000  newsize'),
    );
    expect(calls).toEqual([5, {flags: 0x12, errno: 0, offset: 4096, length: 8192}]);
  });

  test('IOMAP_IOEND of the 6th posting: 40 bytes, and a reply without a body', () => {
    const calls: unknown[] = [];
    const iomap = new IomapHarness(ioendDriver(calls));
    const short = Uint8Array.from([...IOEND.subarray(0, 32), ...rows('00200000 00000000  written zero')]);
    expect(toRows(iomap.harness.ask(request('IOMAP_IOEND', short)))).toEqual(reply());
    expect(calls).toEqual([5, {flags: 0x12, errno: 0, offset: 4096, length: 8192}]);
  });

  test('IOMAP_IOEND with an error is answered with that error', () => {
    const calls: unknown[] = [];
    const iomap = new IomapHarness(ioendDriver(calls));
    const body = IOEND.slice();
    viewOf(body).setInt32(4, -28, true);
    expect(toRows(iomap.harness.ask(request('IOMAP_IOEND', body)))).toEqual(errorReply(28));
    expect(calls).toEqual([5, {flags: 0x12, errno: 28, offset: 4096, length: 8192}]);
  });
});

describe('a notification is exactly these bytes', () => {
  const iomap = new IomapHarness(new PlainDriver());
  const sent = (action: () => unknown): string[] => {
    iomap.notifications.length = 0;
    action();
    expect(iomap.notifications).toHaveLength(1);
    return toRows(iomap.notifications[0]!);
  };

  test('an upsert into the read tree', () => {
    const pair = new MappingPair();
    pair.read.place(MAPPING.MAPPED, 4096, 8192, 0x10000);
    pair.write.set(MAPPING.NOCACHE, 0, 0);
    expect(sent(() => iomap.server.upsert(5, pair))).toEqual(
      toRows(
        rows(
          '60000000 64000000  len code',
          '0000000000000000  unique',
          '0500000000000000  nodeid',
          '0500000000000000  attr_ino',
          '0010000000000000  read: offset',
          '0020000000000000  length',
          '0000010000000000  addr',
          '0200 0000 07000000  type flags dev',
          '0010000000000000  write: offset, like its sibling',
          '0020000000000000  length',
          NONE,
          'fd00 0000 00000000  type flags dev',
        ),
      ),
    );
  });

  test('an invalidation of a range, in whole blocks, in both trees', () => {
    expect(sent(() => iomap.server.invalidate(5, 5000, 4096))).toEqual(
      toRows(
        rows(
          '40000000 65000000  len code',
          '0000000000000000  unique',
          '0500000000000000  nodeid',
          '0500000000000000  attr_ino',
          '0010000000000000  read: offset',
          '0020000000000000  length',
          '0010000000000000  write: offset',
          '0020000000000000  length',
        ),
      ),
    );
  });

  test('an invalidation to the end of the file', () => {
    expect(sent(() => iomap.server.invalidate(5, 4096, Number.POSITIVE_INFINITY)).slice(4)).toEqual([
      '0010000000000000',
      'ffffffffffffffff',
      '0010000000000000',
      'ffffffffffffffff',
    ]);
  });

  test('an invalidation of a device', () => {
    expect(sent(() => iomap.server.invalidateDevice(1, 4096, 8192))).toEqual(
      toRows(
        rows(
          '28000000 63000000  len code',
          '0000000000000000  unique',
          '07000000 00000000  dev zero',
          '0010000000000000  offset',
          '0020000000000000  length',
        ),
      ),
    );
  });
});
