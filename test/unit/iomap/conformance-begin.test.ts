import {describe, expect, test} from 'vitest';
import {failure} from '../../../src/fuse/index.js';
import {MAPPING, MAPPING_FLAG, MappingPair, OP} from '../../../src/iomap/index.js';
import {COOKIE, IomapHarness, MIB, NO_ADDR, PlainDriver, type WireMapping} from './support.js';

const EIO = 5;
const EROFS = 30;
const EINVAL = 22;
const EFBIG = 27;
const WRITE_LIKE = [OP.WRITE, OP.ZERO, OP.UNSHARE, OP.WRITEBACK];
/** Every op flag alone, and combinations that kernels send. */
const OPS = [
  ...[0, ...Object.values(OP)],
  ...[OP.WRITE + OP.FAULT, OP.WRITE + OP.DIRECT, OP.WRITE + OP.DIRECT + OP.NOWAIT + OP.OVERWRITE_ONLY],
  ...[OP.SWAPFILE + OP.REPORT, OP.WRITE + OP.ATOMIC + OP.DIRECT],
];

/** A driver with an answer of its own, and a kernel that takes no upserts: answers are the mappings themselves. */
function answering(
  answer: (out: MappingPair, offset: number, op: number) => void,
  readOnly = false,
): IomapHarness {
  const driver = new PlainDriver({readOnly});
  driver.answer = answer;
  const iomap = new IomapHarness(driver);
  iomap.refusal = 'ESTALE';
  return iomap;
}

const mapped = (out: MappingPair): void => out.read.place(MAPPING.MAPPED, 0, MIB, 16 * MIB);

/** What a kernel checks of a slot. */
function isValid({offset, length, addr, type, flags, dev}: WireMapping, position: number): boolean {
  const hasAddress = type === MAPPING.MAPPED || type === MAPPING.UNWRITTEN;
  const placed = hasAddress
    ? dev === COOKIE && addr + BigInt(length) <= 64 * MIB
    : dev === 0 && addr === NO_ADDR;
  const aligned = offset % 4096 === 0 && length % 4096 === 0 && length > 0;
  return aligned && placed && offset <= position && position < offset + length && (flags & ~0xff) === 0;
}

describe('BEGIN', () => {
  test.each(OPS)('rule 12: both slots are valid records, the write slot a pure overwrite (op %i)', (op) => {
    const iomap = answering(mapped);
    const {errno, read, write} = iomap.begin(8192, {op});
    expect(errno).toBe(0);
    expect([isValid(read, 8192), isValid(write, 8192)]).toEqual([true, true]);
    expect(write).toEqual({...read, type: MAPPING.PURE_OVERWRITE, addr: NO_ADDR, dev: 0});
  });

  test('rule 12: a driver that writes elsewhere has its own write slot, with the cookie of its device', () => {
    const iomap = answering((out) => {
      out.read.place(MAPPING.MAPPED, 0, MIB, 0, {flags: MAPPING_FLAG.SHARED});
      out.write.place(MAPPING.UNWRITTEN, 4096, 8192, MIB);
    });
    const {read, write} = iomap.begin(8192, {op: OP.WRITE});
    expect([read.type, read.flags]).toEqual([MAPPING.MAPPED, MAPPING_FLAG.SHARED]);
    expect(write).toEqual({type: 3, offset: 4096, length: 8192, addr: BigInt(MIB), dev: COOKIE, flags: 0});
  });

  const broken: Array<[rule: string, what: string, answer: (out: MappingPair) => void, code: string]> = [
    ['13', 'that does not cover pos', ({read}) => read.set(MAPPING.HOLE, 0, 4096), 'mapping-elsewhere'],
    ['13', 'of no length', ({read}) => read.set(MAPPING.HOLE, 8192, 0), 'mapping-range'],
    ['13', 'of NaN bytes', ({read}) => read.set(MAPPING.HOLE, 8192, Number.NaN), 'mapping-range'],
    ['13', 'that begins inside a block', ({read}) => read.set(MAPPING.HOLE, 512, MIB), 'mapping-alignment'],
    ['13', 'that ends inside a block', ({read}) => read.set(MAPPING.HOLE, 0, MIB + 1), 'mapping-alignment'],
    ['13', 'that begins before the file', ({read}) => read.set(MAPPING.HOLE, -4096, MIB), 'mapping-range'],
    ['13', 'whose end overflows', ({read}) => read.set(MAPPING.HOLE, 8192, 2 ** 53), 'mapping-range'],
    [
      '14',
      'on a device nobody registered',
      ({read}) => read.place(MAPPING.MAPPED, 0, MIB, 0, {dev: 2}),
      'mapping-device',
    ],
    ['14', 'on no device', ({read}) => read.place(MAPPING.MAPPED, 0, MIB, 0, {dev: 0}), 'mapping-device'],
    [
      '14',
      'on half a device',
      ({read}) => read.place(MAPPING.MAPPED, 0, MIB, 0, {dev: 0.5}),
      'mapping-device',
    ],
    ['14', 'without an address', ({read}) => read.place(MAPPING.MAPPED, 0, MIB, -1), 'mapping-address'],
    ['14', 'inside a sector', ({read}) => read.place(MAPPING.MAPPED, 0, MIB, 100), 'mapping-address'],
    ['12', 'of an unknown type', ({read}) => read.set(5, 0, MIB), 'mapping-type'],
    [
      '12',
      'that only the kernel has (PURE_OVERWRITE to read)',
      ({read}) => read.set(255, 0, MIB),
      'mapping-type',
    ],
    ['12', 'of type NOCACHE', ({read}) => read.set(253, 0, MIB), 'mapping-type'],
    ['22', 'of type RETRY_CACHE that the driver made up', ({read}) => read.set(254, 0, MIB), 'mapping-type'],
    ['12', 'with an unknown flag', ({read}) => read.place(2, 0, MIB, 0, {flags: 0x400}), 'mapping-flags'],
    [
      '12',
      'with a flag that is the kernel’s',
      ({read}) => read.place(2, 0, MIB, 0, {flags: 0x100}),
      'mapping-flags',
    ],
    [
      '12',
      'inline and longer than a block',
      ({read}) => read.set(MAPPING.INLINE, 0, 12288),
      'mapping-inline',
    ],
    ['12', 'in the write slot that is none', ({write}) => write.set(9, 0, MIB), 'mapping-type'],
  ];
  for (const [rule, what, answer, code] of broken) {
    test(`rule ${rule}: an answer ${what} never leaves: EIO, and the owner is told`, () => {
      const iomap = answering(answer);
      expect(iomap.begin(8192).errno).toBe(EIO);
      expect(iomap.harness.errors.map(({error}) => (error as {code?: string}).code)).toEqual([code]);
      expect(iomap.notifications).toEqual([]);
    });
  }

  test('rule 14: all types without an address carry none, whatever the driver left there', () => {
    for (const type of [MAPPING.HOLE, MAPPING.DELALLOC, MAPPING.INLINE]) {
      const iomap = answering(({read}) => {
        read.place(MAPPING.MAPPED, 4096, 4096, 12345);
        read.type = type;
      });
      expect(iomap.begin(4096).read).toMatchObject({type, addr: NO_ADDR, dev: 0});
    }
  });

  test('rule 14: what reaches past the end of the device is cut off in whole blocks', () => {
    const iomap = answering(({read}) => read.place(MAPPING.MAPPED, 0, MIB, 64 * MIB - 10_240));
    expect(iomap.begin(4096).read).toMatchObject({offset: 0, length: 8192});
    expect(iomap.begin(8192).errno).toBe(EIO);
    const beyond = answering(({read}) => read.place(MAPPING.MAPPED, 0, MIB, 2 ** 52));
    expect(beyond.begin(0).errno).toBe(EIO);
    // The image says so, and no program is wrong.
    expect([...iomap.harness.errors, ...beyond.harness.errors]).toEqual([]);
  });

  test.each([0, OP.REPORT, OP.DIRECT, OP.FAULT])(
    'rule 15: a read asks the driver as a read (op %i)',
    (op) => {
      const driver = new PlainDriver();
      new IomapHarness(driver).begin(4096, {op});
      expect(driver.asked).toEqual([`5 4096 4096 ${op}`]);
    },
  );

  test('rule 15: a hole is no answer to what writes, but for ZERO', () => {
    const hole = answering(({read}) => read.set(MAPPING.HOLE, 0, MIB));
    const errnos = WRITE_LIKE.map((op) => hole.begin(0, {op}).errno);
    expect(errnos).toEqual([EIO, 0, EIO, EIO]);
  });

  test('rule 16: NEW and UNWRITTEN reach the kernel as the driver says', () => {
    const fresh = answering(({read}) => read.place(MAPPING.MAPPED, 0, MIB, 0, {flags: MAPPING_FLAG.NEW}));
    expect(fresh.begin(0, {op: OP.WRITE}).read).toMatchObject({type: 2, flags: 1});
    const unwritten = answering(({read}) => read.place(MAPPING.UNWRITTEN, 0, MIB, 0));
    expect(unwritten.begin(0, {op: OP.WRITE}).read).toMatchObject({type: 3, flags: 0});
  });

  test('rule 17: a hole goes out in one piece, and no further than the longest file', () => {
    const {read} = new IomapHarness(new PlainDriver()).begin(2 * MIB, {op: OP.REPORT});
    expect(read).toMatchObject({type: MAPPING.HOLE, offset: MIB, length: 2 ** 50});
    const endless = answering(({read: hole}) => hole.set(MAPPING.HOLE, 0, 2 ** 53 - 4096));
    expect(endless.begin(0).read.length).toBe(2 ** 53 - 2 ** 16);
  });

  test('rule 18: a position past the end of the file is a hole', () => {
    const {errno, read} = new IomapHarness(new PlainDriver()).begin(2 ** 40);
    expect([errno, read.type]).toEqual([0, MAPPING.RETRY_CACHE]);
    const {read: reported} = new IomapHarness(new PlainDriver()).begin(2 ** 40, {op: OP.REPORT});
    expect(reported.type).toBe(MAPPING.HOLE);
  });

  test('rule 19: WRITEBACK gets MAPPED or UNWRITTEN and nothing else', () => {
    const typed = (type: number): number =>
      answering(({read}) => {
        read.place(MAPPING.MAPPED, 0, 4096, 0);
        read.type = type;
      }).begin(0, {op: OP.WRITEBACK}).errno;
    expect([0, 1, 2, 3, 4].map(typed)).toEqual([EIO, EIO, 0, 0, EIO]);
  });

  test('rule 20: a direct write gets neither DELALLOC nor a hole', () => {
    const typed = (type: number, op: number): number =>
      answering(({read}) => {
        read.place(MAPPING.MAPPED, 0, 4096, 0);
        read.type = type;
      }).begin(0, {op}).errno;
    expect([0, 1, 2, 3].map((type) => typed(type, OP.WRITE + OP.DIRECT))).toEqual([EIO, EIO, 0, 0]);
    expect(typed(MAPPING.DELALLOC, OP.WRITE)).toBe(0);
  });

  test('rule 23: what cannot be written is EROFS, and the driver is not asked', () => {
    const driver = new PlainDriver({readOnly: true});
    const iomap = new IomapHarness(driver);
    expect(WRITE_LIKE.map((op) => iomap.begin(0, {op}).errno)).toEqual([EROFS, EROFS, EROFS, EROFS]);
    expect(driver.asked).toEqual([]);
  });

  test.each([
    ['ENOSPC', 28],
    ['EDQUOT', 122],
    ['EUCLEAN', 117],
    ['ENOTBLK', 15],
  ] as const)('rule 23: %s of the driver reaches the caller', (code, errno) => {
    const iomap = answering(() => {
      throw failure(code);
    });
    expect(iomap.begin(0, {op: OP.WRITE}).errno).toBe(errno);
    expect(iomap.harness.errors).toEqual([]);
    expect(iomap.server.counters.errors).toBe(1);
  });
});

describe('a kernel that misbehaves gets an error', () => {
  const iomap = new IomapHarness(new PlainDriver({readOnly: false}));

  test('rule 9: attr_ino that is not the inode’s', () => {
    expect(iomap.begin(0, {ino: 5, attrIno: 6}).errno).toBe(EIO);
    expect(iomap.begin(0, {ino: 5, attrIno: 2 ** 52 + 1}).errno).toBe(EIO);
  });

  test('rule 9: a driver whose inode numbers are not its node ids says so', () => {
    const driver = Object.assign(new PlainDriver(), {attrIno: (ino: number) => ino + 1000});
    const other = new IomapHarness(driver);
    expect([other.begin(0, {ino: 5, attrIno: 1005}).errno, other.begin(0).errno]).toEqual([0, EIO]);
  });

  test('no bytes at all', () => expect(iomap.begin(0, {count: 0}).errno).toBe(EINVAL));
  test('an operation that nobody knows', () => {
    expect(iomap.begin(0, {op: 1 << 20}).errno).toBe(EINVAL);
    expect(iomap.begin(0, {op: OP.WRITE + (1 << 11)}).errno).toBe(EINVAL);
  });
  test('positions where no file reaches', () => {
    expect(iomap.begin(2 ** 53 - 4096).errno).toBe(EFBIG);
    expect(iomap.begin(2 ** 63).errno).toBe(EFBIG);
  });
  test('more bytes than any file has is as much as there can be', () => {
    expect(iomap.begin(0, {count: 2n ** 63n - 1n, op: OP.REPORT}).errno).toBe(0);
    expect(iomap.begin(2 * MIB, {count: 2n ** 64n - 1n, op: OP.REPORT}).read.type).toBe(MAPPING.HOLE);
  });
  test('a question before the configuration, or without', () => {
    const early = new IomapHarness(new PlainDriver(), {config: null});
    expect(early.begin(0).errno).toBe(EIO);
    expect(early.server.upsert(5, new MappingPair())).toBe(false);
    expect(early.notifications).toEqual([]);
  });
  test('none of it is a defect of ours', () => expect(iomap.harness.errors).toEqual([]));
});
