import {describe, expect, test} from 'vitest';
import {crc32be} from '../../../src/ext4/journal/crc32-be.js';
import {addRange, removeRange, toExtents} from '../../../src/ext4/journal/fast-commit/file-blocks.js';
import {includes, normalize, subtract} from '../../../src/ext4/journal/fast-commit/intervals.js';
import {decodeRecord} from '../../../src/ext4/journal/fast-commit/records.js';
import {checkJournalFeatures} from '../../../src/ext4/journal/features.js';
import {
  commitHeader,
  decodeTags,
  journalSuperblock,
  nextSequence,
  sequenceAfter,
  tagSize,
} from '../../../src/ext4/journal/structs.js';
import {viewOf} from '../../../src/wire/index.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'));

describe('jbd2 structures', () => {
  test('fields lie where the kernel has them', () => {
    const {at} = journalSuperblock;
    expect([
      at.sequence,
      at.start,
      at.incompat,
      at.uuid,
      at.checksumType,
      at.fastCommitBlocks,
      at.checksum,
    ]).toEqual([24, 28, 40, 48, 80, 84, 252]);
    expect([commitHeader.at.checksum, commitHeader.at.seconds, commitHeader.at.nanoseconds]).toEqual([
      16, 48, 56,
    ]);
  });

  const forms: Array<[checksum: 0 | 1 | 2 | 3, wide: boolean, size: number]> = [
    [0, false, 8],
    [0, true, 12],
    [1, false, 8],
    [2, false, 10],
    [2, true, 14],
    [3, false, 16],
    [3, true, 16],
  ];
  for (const [checksum, wide, size] of forms) {
    test(`a tag of checksum v${checksum}, ${wide ? 64 : 32} bits has ${size} bytes`, () => {
      expect(tagSize({blockSize: 1024, wide, checksum})).toBe(size);
    });
  }

  const tables: Array<[what: string, checksum: 0 | 2 | 3, wide: boolean, tags: string, expected: unknown]> = [
    // block checksum flags
    ['one tag', 0, false, '00000102 0000 000a', [{block: 0x102, flags: 10, checksum: 0}]],
    [
      'a UUID between two',
      0,
      false,
      `00000001 0000 0000 ${'ff'.repeat(16)} 00000002 0000 000a`,
      [
        {block: 1, flags: 0, checksum: 0},
        {block: 2, flags: 10, checksum: 0},
      ],
    ],
    [
      'a high half',
      0,
      true,
      '00000001 0000 000a 00000002',
      [{block: 2 * 2 ** 32 + 1, flags: 10, checksum: 0}],
    ],
    [
      'a high half that does not count',
      3,
      false,
      '00000001 0000000a 00000002 deadbeef',
      [{block: 1, flags: 10, checksum: 0xdeadbeef}],
    ],
    ['16 bits of checksum', 2, false, '00000007 beef 000b ffff', [{block: 7, flags: 11, checksum: 0xbeef}]],
  ];
  for (const [what, checksum, wide, hex, expected] of tables) {
    test(`tags: ${what}`, () => {
      const block = new Uint8Array(1024);
      block.set(bytes(hex), 12);
      expect(decodeTags(viewOf(block), {blockSize: 1024, wide, checksum})).toEqual(expected);
    });
  }

  test('tags end where no further one fits', () => {
    const block = new Uint8Array(1024);
    for (let at = 12; at < 1024; at += 4) viewOf(block).setUint32(at, 2);
    expect(decodeTags(viewOf(block), {blockSize: 1024, wide: false, checksum: 0})).toHaveLength(126);
    expect(decodeTags(viewOf(block), {blockSize: 1024, wide: false, checksum: 3})).toHaveLength(63);
  });

  test('sequence numbers wrap around', () => {
    expect(nextSequence(0xffffffff)).toBe(0);
    const rows: Array<[a: number, b: number, after: boolean]> = [
      [2, 1, true],
      [1, 1, false],
      [1, 2, false],
      [0, 0xffffffff, true],
      [0xffffffff, 0, false],
      [5, 0xfffffff0, true],
    ];
    for (const [a, b, after] of rows) expect(sequenceAfter(a, b)).toBe(after);
  });

  test('unknown features are refused with their bits', () => {
    expect(() => checkJournalFeatures(0x3f, 0)).not.toThrow();
    expect(() => checkJournalFeatures(0x1 | 0x80000040, 0)).toThrow(
      'journal-incompat (features=bit 6, bit 31)',
    );
    expect(() => checkJournalFeatures(0x1, 0x2)).toThrow('journal-ro-compat (features=bit 1)');
  });

  test('CRC-32 with the highest bit first', () => {
    // CRC-32/BZIP2 of the catalogue, without its final inversion.
    expect(crc32be(0xffffffff, Buffer.from('123456789'))).toBe(~0xfc891918 >>> 0);
  });
});

describe('fast commit records', () => {
  const inode = `0600 8400 0c000000 ${'00'.repeat(128)}`;
  const rows: Array<[what: string, hex: string, tag: number | undefined]> = [
    ['head', '0900 0800 00000000 05000000', 9],
    ['head of another length', '0900 0900 00000000 05000000 00', undefined],
    ['tail', '0800 0800 05000000 01020304', 8],
    ['tail without checksum', '0800 0400 05000000', undefined],
    ['a name of one byte', '0300 0900 02000000 0c000000 61', 3],
    ['no name', '0300 0800 02000000 0c000000', undefined],
    ['a name of 256 bytes', `0400 0801 02000000 0c000000 ${'61'.repeat(256)}`, undefined],
    ['an inode of 128 bytes', inode, 6],
    ['an inode of 127 bytes', inode.replace('8400', '8300'), undefined],
    ['padding', '0700 0300 000000', 7],
    ['an unknown tag', '0a00 0000', undefined],
    ['a range', '0100 1000 0c000000 00000000 0500 0000 00010000', 1],
    ['a range cut off', '0100 1000 0c000000', undefined],
  ];
  for (const [what, hex, tag] of rows) {
    test(what, () => expect(decodeRecord(bytes(hex), 0, 256)?.tag).toBe(tag));
  }
});

describe('lists of blocks', () => {
  const run = (first: number, disk: number, count: number, unwritten = false) => ({
    first,
    disk,
    count,
    unwritten,
  });

  test('a range is taken out of the middle', () => {
    expect(removeRange([run(0, 100, 10)], 3, 4)).toEqual([run(0, 100, 3), run(7, 107, 3)]);
    expect(removeRange([run(0, 100, 10), run(20, 300, 5)], 5, 2 ** 32 - 1)).toEqual([run(0, 100, 5)]);
    expect(removeRange([run(10, 100, 10)], 0, 10)).toEqual([run(10, 100, 10)]);
  });

  test('a range takes the place of another', () => {
    expect(addRange([run(0, 100, 10)], run(4, 500, 2, true))).toEqual([
      run(0, 100, 4),
      run(4, 500, 2, true),
      run(6, 106, 4),
    ]);
    expect(addRange([], run(4, 500, 2))).toEqual([run(4, 500, 2)]);
  });

  test('extents join what lies together and are not longer than they can be', () => {
    expect(toExtents([run(0, 100, 5), run(5, 105, 5), run(10, 110, 1, true)])).toEqual([
      run(0, 100, 10),
      run(10, 110, 1, true),
    ]);
    expect(toExtents([run(0, 100, 40_000)])).toEqual([run(0, 100, 32768), run(32768, 32868, 7232)]);
    expect(toExtents([run(0, 100, 32768, true)])).toEqual([
      run(0, 100, 32767, true),
      run(32767, 32867, 1, true),
    ]);
  });

  test('intervals', () => {
    const a = normalize([
      [5, 9],
      [1, 3],
      [8, 12],
    ]);
    expect(a).toEqual([
      [1, 3],
      [5, 12],
    ]);
    expect(subtract(a, normalize([[2, 6]]))).toEqual([
      [1, 2],
      [6, 12],
    ]);
    expect(subtract(a, [])).toEqual(a);
    expect(subtract(a, [[0, 100]])).toEqual([]);
    expect([0, 1, 2, 3, 5, 11, 12].map((n) => includes(a, n))).toEqual([
      false,
      true,
      true,
      false,
      true,
      true,
      false,
    ]);
  });
});
