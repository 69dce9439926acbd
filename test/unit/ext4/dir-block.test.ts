import {describe, expect, test} from 'vitest';
import {crc32c} from '../../../src/ext4/checksum.js';
import {
  checkEntry,
  checkName,
  dType,
  type EntryRules,
  findEntry,
  recLen,
  verifyLeaf,
} from '../../../src/ext4/dir-block.js';
import {exactMatcher} from '../../../src/ext4/name-matcher.js';
import type {InodeNumber} from '../../../src/ext4/units.js';

const rules: EntryRules = {
  ino: 2 as InodeNumber,
  blockSize: 1024,
  inodesCount: 100,
  hashed: false,
  checksummed: false,
  encrypted: false,
};

interface Parts {
  inode?: number;
  rec_len?: number;
  name_len?: number;
  file_type?: number;
  name?: string;
}

/** An entry of `rec_len` bytes. */
function entry({inode = 11, rec_len = 16, name_len, file_type = 1, name = 'name'}: Parts): Buffer {
  const bytes = Buffer.alloc(Math.max(rec_len, 12));
  bytes.writeUInt32LE(inode, 0);
  bytes.writeUInt16LE(rec_len & 0xffff, 4);
  bytes[6] = name_len ?? Buffer.byteLength(name, 'latin1');
  bytes[7] = file_type;
  bytes.write(name, 8, 'latin1');
  return bytes;
}

/** A block of entries, the last of which reaches to its end. */
function block(...entries: Parts[]): Buffer {
  const bytes = Buffer.alloc(1024);
  let at = 0;
  entries.forEach((parts, i) => {
    const last = i === entries.length - 1 && parts.rec_len === undefined;
    const encoded = entry(last ? {...parts, rec_len: 1024 - at} : parts);
    encoded.copy(bytes, at);
    at += encoded.length;
  });
  return bytes;
}

describe('an entry of a directory', () => {
  const valid: Array<[what: string, at: number, bytes: Buffer, distance: number]> = [
    ['one that fills the block', 0, block({}), 1024],
    ['one of the smallest size', 0, block({rec_len: 12, name: 'a'}, {}), 12],
    ['the longest name', 0, block({rec_len: 264, name: 'n'.repeat(255)}, {}), 264],
    ['the last one', 16, block({}, {}), 1008],
    ['one not in use', 0, block({inode: 0, rec_len: 12, name: ''}, {}), 12],
    ['the last inode', 0, block({inode: 100}), 1024],
    ['just enough room after it', 0, block({rec_len: 1012}, {}), 1012],
  ];
  for (const [what, at, bytes, distance] of valid) {
    test(`valid: ${what}`, () => expect(checkEntry(rules, bytes, at, 1024)).toBe(distance));
  }

  const invalid: Array<[what: string, parts: Parts, code: string]> = [
    ['a distance of 0', {rec_len: 0}, 'dir-entry-short'],
    ['a distance of 8', {rec_len: 8}, 'dir-entry-short'],
    ['a distance that is odd', {rec_len: 17}, 'dir-entry-alignment'],
    ['a distance that is no multiple of 4', {rec_len: 18}, 'dir-entry-alignment'],
    ['a name longer than the entry', {rec_len: 16, name_len: 9}, 'dir-name-length'],
    ['a name of 255 in a short entry', {rec_len: 260, name_len: 255}, 'dir-name-length'],
    ['an end beyond the block', {rec_len: 1028}, 'dir-entry-crosses'],
    ['the largest distance', {rec_len: 65_532}, 'dir-entry-crosses'],
    ['too little room after it', {rec_len: 1016}, 'dir-entry-near-end'],
    ['an inode beyond the last', {inode: 101, rec_len: 1024}, 'dir-inode'],
    ['the largest inode', {inode: 0xffffffff, rec_len: 1024}, 'dir-inode'],
  ];
  for (const [what, parts, code] of invalid) {
    test(`invalid: ${what}`, () => {
      const bytes = Buffer.alloc(1024);
      entry(parts).copy(bytes, 0, 0, 12);
      expect(() => checkEntry(rules, bytes, 0, 1024)).toThrow(
        expect.objectContaining({code, errno: 'EUCLEAN'}),
      );
    });
  }

  test('one that would begin too near the end', () => {
    for (const at of [1016, 1020, 1024]) {
      expect(() => checkEntry(rules, block({}), at, 1024)).toThrow(
        expect.objectContaining({code: 'dir-entry-crosses'}),
      );
    }
  });

  test('with a hash, an entry needs 8 bytes more, but `.`, `..` and the checksum do not', () => {
    const hashed = {...rules, hashed: true};
    expect(() => checkEntry(hashed, block({rec_len: 12, name: 'a'}, {}), 0, 1024)).toThrow(
      expect.objectContaining({code: 'dir-entry-short'}),
    );
    expect(checkEntry(hashed, block({rec_len: 20, name: 'a'}, {}), 0, 1024)).toBe(20);
    expect(checkEntry(hashed, block({rec_len: 12, name: '.'}, {}), 0, 1024)).toBe(12);
    expect(checkEntry(hashed, block({rec_len: 12, name: '..'}, {}), 0, 1024)).toBe(12);
    expect(checkEntry(hashed, block({inode: 0, rec_len: 12, name: '', file_type: 0xde}, {}), 0, 1024)).toBe(
      12,
    );
  });

  test('distances in blocks of 64 KiB', () => {
    const bytes = Buffer.alloc(12);
    const rows: Array<[stored: number, distance: number]> = [
      [12, 12],
      [0xffff, 65_536],
      [0, 65_536],
      [0xfffc, 65_532],
      [1, 65_536],
      [0xfff4, 65_524],
    ];
    for (const [stored, distance] of rows) {
      bytes.writeUInt16LE(stored, 4);
      expect(recLen(bytes, 0, 65_536), String(stored)).toBe(distance);
    }
    bytes.writeUInt16LE(0, 4);
    expect(recLen(bytes, 0, 4096)).toBe(0);
  });

  test('names', () => {
    const bad: Array<[name: string, code: string]> = [
      ['', 'dir-name-empty'],
      ['a/b', 'dir-name'],
      ['/', 'dir-name'],
      ['a\0b', 'dir-name'],
      ['trailing\0', 'dir-name'],
    ];
    for (const [name, code] of bad) {
      expect(() => checkName(rules, block({name}), 0), name).toThrow(expect.objectContaining({code}));
    }
    for (const name of ['a', '\n', '\xff\xfe', '.', 'n'.repeat(255)]) checkName(rules, block({name}), 0);
    checkName({...rules, encrypted: true}, block({name: 'a/b\0c'}), 0);
  });

  test('types', () => {
    const types = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0xde].map((file_type) => dType(entry({file_type}), 0, true));
    expect(types).toEqual([0, 8, 4, 2, 6, 1, 12, 10, 0, 0]);
    expect(dType(entry({file_type: 2}), 0, false)).toBe(0);
  });
});

describe('search in a block', () => {
  const find = (bytes: Buffer, name: string): number =>
    findEntry(rules, bytes, 0, bytes.length, exactMatcher(Buffer.from(name, 'latin1')));

  test('finds what is there, and only that', () => {
    const bytes = block({name: 'one'}, {name: 'two'}, {inode: 0, name: 'gone'}, {name: 'four'});
    expect(find(bytes, 'one')).toBe(0);
    expect(find(bytes, 'two')).toBe(16);
    expect(find(bytes, 'four')).toBe(48);
    expect(find(bytes, 'gone')).toBe(-1);
    expect(find(bytes, 'on')).toBe(-1);
    expect(find(bytes, 'ones')).toBe(-1);
  });

  const broken: Array<[what: string, parts: Parts, code: string]> = [
    ['a distance of 0', {rec_len: 0}, 'dir-entry-short'],
    ['a distance that is odd', {rec_len: 21}, 'dir-entry-alignment'],
    ['an end beyond the block', {rec_len: 1036}, 'dir-entry-crosses'],
  ];
  for (const [what, parts, code] of broken) {
    test(`stops at ${what}`, () => {
      const bytes = block({name: 'one'}, {name: 'two'});
      entry(parts).copy(bytes, 16, 0, 12);
      expect(find(bytes, 'one')).toBe(0);
      expect(() => find(bytes, 'other')).toThrow(expect.objectContaining({code}));
    });
  }

  test('the entry that was found must be sound', () => {
    const bytes = block({name: 'one'}, {name: 'two', inode: 101});
    expect(() => find(bytes, 'two')).toThrow(expect.objectContaining({code: 'dir-inode'}));
  });
});

describe('checksum of a block of entries', () => {
  const seed = 0x12345678;

  function checksummed(): Buffer {
    const bytes = block({name: 'one', rec_len: 1012}, {inode: 0, rec_len: 12, name: '', file_type: 0xde});
    bytes.writeUInt32LE(crc32c(seed, bytes, 0, 1012), 1020);
    return bytes;
  }

  test('a sound one', () => verifyLeaf(rules.ino, seed, checksummed()));

  test('each other bit is noticed', () => {
    for (let at = 0; at < 1024; at++) {
      const bytes = checksummed();
      bytes[at]! ^= 1 << (at & 7);
      const code = at >= 1012 && at < 1020 ? 'dir-checksum-missing' : 'dir-checksum';
      expect(() => verifyLeaf(rules.ino, seed, bytes), String(at)).toThrow(
        expect.objectContaining({code, errno: 'EBADMSG'}),
      );
    }
  });

  test('another directory has another seed, also for a block that was verified', () => {
    const bytes = checksummed();
    verifyLeaf(rules.ino, seed, bytes);
    expect(() => verifyLeaf(rules.ino, seed + 1, bytes)).toThrow(
      expect.objectContaining({code: 'dir-checksum'}),
    );
  });
});
