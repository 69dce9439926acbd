import {describe, expect, test} from 'vitest';
import {MAPPING, MAPPING_FLAG, MappingPair, OP} from '../../../src/iomap/index.js';
import {RetryGuard} from '../../../src/iomap/retry-guard.js';
import {viewOf} from '../../../src/wire/index.js';
import {ExtentFs} from '../../support/extent-fs.js';
import {IomapHarness, MIB, mappingAt, NO_ADDR, PlainDriver} from './support.js';

const UPSERT = 100;
const INVAL = 101;
const codeOf = (message: Uint8Array): number => viewOf(message).getInt32(4, true);
/** The two mappings of an upsert. */
const upserted = (message: Uint8Array) => [mappingAt(viewOf(message), 32), mappingAt(viewOf(message), 64)];

describe('what the kernel is told to keep', () => {
  test('rule 22: a mapping that lasts is put into the cache, and the answer is to look there', () => {
    const iomap = new IomapHarness(new PlainDriver());
    const {read, write} = iomap.begin(8192);
    expect(read).toEqual({
      type: MAPPING.RETRY_CACHE,
      offset: 0,
      length: MIB,
      addr: NO_ADDR,
      dev: 0,
      flags: 0,
    });
    expect(write.type).toBe(MAPPING.PURE_OVERWRITE);
    expect(iomap.notifications.map(codeOf)).toEqual([UPSERT]);
    const [readTree, writeTree] = upserted(iomap.notifications[0]!);
    expect(readTree).toMatchObject({
      type: MAPPING.MAPPED,
      offset: 0,
      length: MIB,
      addr: BigInt(16 * MIB),
      dev: 7,
    });
    expect(writeTree).toMatchObject({
      type: MAPPING.NOCACHE,
      offset: 0,
      length: MIB,
      addr: NO_ADDR,
      dev: 0,
      flags: 0,
    });
  });

  test('rule 22: the same request again gets the mapping itself', () => {
    const iomap = new IomapHarness(new PlainDriver());
    expect(iomap.begin(8192).read.type).toBe(MAPPING.RETRY_CACHE);
    expect(iomap.begin(8192).read).toMatchObject({type: MAPPING.MAPPED, addr: BigInt(16 * MIB), dev: 7});
  });

  test('rule 22: also when threads ask for different things in turn', () => {
    const iomap = new IomapHarness(new PlainDriver());
    const asked = [1, 2, 3, 4].flatMap((ino) => [0, 4096].map((position) => ({ino, position})));
    const types = () => asked.map(({ino, position}) => iomap.begin(position, {ino}).read.type);
    expect(new Set(types())).toEqual(new Set([MAPPING.RETRY_CACHE]));
    expect(new Set(types())).toEqual(new Set([MAPPING.MAPPED]));
  });

  test('rule 22: a crowd of requests never has one that is told to look twice in a row', () => {
    const guard = new RetryGuard(() => 1000);
    const told = (ino: number): boolean => guard.permits(ino, 0, 0);
    const crowd = Array.from({length: 20_000}, (_, ino) => ino);
    const first = crowd.filter(told);
    expect(first.length).toBeGreaterThan(3000);
    expect(first.filter(told)).toEqual([]);
  });

  test('rule 22: what was asked long ago is another request', () => {
    const iomap = new IomapHarness(new PlainDriver());
    iomap.begin(0);
    iomap.nowMs += 60_000;
    expect(iomap.begin(0).read.type).toBe(MAPPING.RETRY_CACHE);
  });

  test.each(['ESTALE', 'EINVAL', 'ENOMEM', 'EUCLEAN', 'EIO', 'ENODEV'] as const)(
    'rules 22 and 32: when the kernel takes no mapping (%s) the answer is the mapping',
    (errno) => {
      const iomap = new IomapHarness(new PlainDriver());
      iomap.refusal = errno;
      expect(iomap.begin(0)).toMatchObject({errno: 0, read: {type: MAPPING.MAPPED}});
      expect(iomap.server.counters).toMatchObject({upserts: 0, upsertFailures: 1, retries: 0, errors: 0});
      expect(iomap.harness.errors).toEqual([]);
      expect(iomap.problems).toHaveLength(errno === 'EUCLEAN' ? 1 : 0);
    },
  );

  test('a kernel that refuses every mapping is not asked for ever', () => {
    const iomap = new IomapHarness(new PlainDriver());
    iomap.refusal = 'EINVAL';
    for (let ino = 0; ino < 100; ino++) expect(iomap.begin(0, {ino}).errno).toBe(0);
    expect(iomap.notifications.length).toBe(16);
    expect(iomap.problems).toHaveLength(1);
  });

  test.each([OP.REPORT, OP.SWAPFILE + OP.REPORT, OP.WRITE + OP.ATOMIC + OP.DIRECT])(
    'rule 21: reports, swap files and atomic writes get the mapping and leave the cache alone (op %i)',
    (op) => {
      const iomap = new IomapHarness(new PlainDriver({readOnly: false}));
      expect(iomap.begin(0, {op}).read.type).toBe(MAPPING.MAPPED);
      expect(iomap.notifications).toEqual([]);
    },
  );

  const notKept: Array<[what: string, answer: (out: MappingPair) => void, op: number]> = [
    [
      'that the kernel would zero again',
      ({read}) => read.place(2, 0, MIB, 0, {flags: MAPPING_FLAG.NEW}),
      OP.WRITE,
    ],
    ['that is not on disk yet', ({read}) => read.place(2, 0, MIB, 0, {flags: MAPPING_FLAG.DIRTY}), OP.WRITE],
    [
      'of shared blocks, which a write would find',
      ({read}) => read.place(2, 0, MIB, 0, {flags: MAPPING_FLAG.SHARED}),
      0,
    ],
    ['whose END is wanted', ({read}) => read.place(2, 0, MIB, 0, {flags: MAPPING_FLAG.WANT_IOMAP_END}), 0],
    ['of blocks that are converted soon', ({read}) => read.place(3, 0, 15 * 4096, 0), OP.WRITE],
    ['of space without blocks', ({read}) => read.set(MAPPING.DELALLOC, 0, MIB), OP.WRITE],
    ['of inline data', ({read}) => read.set(MAPPING.INLINE, 0, 4096), 0],
    [
      'that writes to other blocks than it reads from',
      ({read, write}) => {
        read.place(2, 0, MIB, 0);
        write.place(3, 0, MIB, MIB);
      },
      OP.WRITE,
    ],
  ];
  test.each(notKept)('a mapping %s is not kept', (_what, answer, op) => {
    const driver = new PlainDriver({readOnly: false});
    driver.answer = answer;
    const iomap = new IomapHarness(driver);
    const {errno, read} = iomap.begin(0, {op});
    expect([errno, read.type === MAPPING.RETRY_CACHE]).toEqual([0, false]);
    expect(iomap.notifications).toEqual([]);
  });

  test('a file system that never writes in place has nothing kept by itself', () => {
    const iomap = new IomapHarness(new PlainDriver({outOfPlace: true}));
    expect(iomap.begin(0).read.type).toBe(MAPPING.MAPPED);
    expect(iomap.notifications).toEqual([]);
  });

  test('what a write asked for counts for writes, and what a read asked for leaves them alone', () => {
    const iomap = new IomapHarness(new PlainDriver({readOnly: false}));
    iomap.begin(0, {op: OP.WRITE});
    iomap.begin(4096, {op: 0});
    const types = iomap.notifications.map((message) => upserted(message)[1]!.type);
    expect(types).toEqual([MAPPING.PURE_OVERWRITE, MAPPING.NOCACHE]);
  });

  test('what a driver puts in by itself is held against the same rules', () => {
    const iomap = new IomapHarness(new PlainDriver());
    const pair = new MappingPair();
    pair.read.place(MAPPING.MAPPED, 0, MIB, 64 * MIB - 8192);
    pair.write.set(MAPPING.NOCACHE, 0, 0);
    expect(iomap.server.upsert(5, pair)).toBe(true);
    expect(upserted(iomap.notifications[0]!)[0]).toMatchObject({offset: 0, length: 8192});
    pair.read.length = 100;
    expect(iomap.server.upsert(5, pair)).toBe(false);
    expect([iomap.notifications.length, iomap.problems.length]).toEqual([1, 1]);
  });
});

describe('what the kernel is told to forget', () => {
  test('rule 30: blocks that move are free only after the kernel has forgotten them', () => {
    const fs = new ExtentFs(64 * MIB);
    const order: string[] = [];
    const iomap = new IomapHarness(fs, {});
    const ino = fs.add('a', {size: 8192});
    iomap.begin(0, {ino, op: OP.WRITE, count: 8192});
    const [old] = fs.extentsOf(ino);
    iomap.notifications.length = 0;
    const {invalidate} = fs.kernel!;
    fs.kernel!.invalidate = (...range) => {
      order.push(`owner before ${fs.owners.ownerOf(old!.disk, old!.count)}`);
      invalidate.apply(fs.kernel, range);
      order.push(`owner after ${fs.owners.ownerOf(old!.disk, old!.count)}`);
    };
    fs.move(ino, 0, () => order.push('copy'));
    expect(order).toEqual(['copy', `owner before ${ino}`, `owner after ${ino}`]);
    expect(fs.owners.ownerOf(old!.disk, old!.count)).toBe(0);
    expect(iomap.notifications.map(codeOf)).toEqual([INVAL]);
  });

  test('rule 30: when the kernel does not forget, the blocks stay taken', () => {
    const fs = new ExtentFs(64 * MIB);
    const iomap = new IomapHarness(fs);
    const ino = fs.add('a');
    iomap.begin(0, {ino, op: OP.WRITE});
    const [old] = fs.extentsOf(ino);
    iomap.refusal = 'ENOMEM';
    expect(() => fs.move(ino, 0, () => {})).toThrowError(expect.objectContaining({code: 'ENOMEM'}));
    expect(fs.owners.ownerOf(old!.disk, old!.count)).toBe(ino);
  });

  test.each(['ESTALE', 'EIO', 'ENODEV', 'ENOTCONN', 'EPERM'] as const)(
    'rule 31: an inode or a mount that is gone (%s) has forgotten',
    (errno) => {
      const iomap = new IomapHarness(new PlainDriver());
      iomap.refusal = errno;
      expect(() => iomap.server.invalidate(5, 0, 4096)).not.toThrow();
    },
  );

  test.each(['EINVAL', 'ENOMEM'] as const)('a refusal that leaves it open (%s) is an error', (errno) => {
    const iomap = new IomapHarness(new PlainDriver());
    iomap.refusal = errno;
    expect(() => iomap.server.invalidate(5, 0, 4096)).toThrowError(expect.objectContaining({code: errno}));
    expect(() => iomap.server.invalidateDevice(1, 0, 4096)).toThrowError(
      expect.objectContaining({code: errno}),
    );
  });

  test('rule 34: the kernel may ask again for what it was told', () => {
    const driver = new PlainDriver();
    const iomap = new IomapHarness(driver);
    for (let i = 0; i < 6; i++) expect(iomap.begin(0).errno).toBe(0);
    expect(driver.asked).toHaveLength(6);
  });

  test('without iomap nothing is sent', () => {
    const iomap = new IomapHarness(new PlainDriver(), {config: null});
    iomap.server.invalidate(5, 0, 4096);
    iomap.server.invalidateDevice(1, 0, 4096);
    expect(iomap.notifications).toEqual([]);
  });
});
