import {describe, expect, test} from 'vitest';
import type {InodeNumber} from '../../../src/ext4/units.js';
import {entryHash} from '../../../src/ext4/xattr-ea-inode.js';
import {decodeEntries, type XattrRules} from '../../../src/ext4/xattr-entry.js';

const rules: XattrRules = {ino: 12 as InodeNumber, eaInodes: false, firstInode: 11, inodesCount: 100};
const END = 256;

interface Parts {
  name_len?: number;
  name_index?: number;
  value_offs?: number;
  value_inum?: number;
  value_size?: number;
  name?: string;
}

/** An area of 256 bytes whose entries begin at 32, as in a block. */
function area(...entries: Parts[]): Buffer {
  const bytes = Buffer.alloc(END);
  let at = 32;
  for (const {
    name = 'name',
    name_index = 1,
    value_offs = 200,
    value_inum = 0,
    value_size = 4,
    ...rest
  } of entries) {
    bytes[at] = rest.name_len ?? name.length;
    bytes[at + 1] = name_index;
    bytes.writeUInt16LE(value_offs, at + 2);
    bytes.writeUInt32LE(value_inum, at + 4);
    bytes.writeUInt32LE(value_size, at + 8);
    bytes.writeUInt32LE(0xabcdef01, at + 12);
    bytes.write(name, at + 16, 'latin1');
    at += (16 + name.length + 3) & ~3;
  }
  bytes.write('value', 200);
  return bytes;
}

const decode = (bytes: Uint8Array, with_: Partial<XattrRules> = {}) =>
  decodeEntries({...rules, ...with_}, {bytes, first: 32, base: 0, end: END});

describe('entries of extended attributes', () => {
  test('none', () => expect(decode(area())).toEqual([]));

  test('several', () => {
    const entries = decode(
      area({name: 'a'}, {name: 'empty', value_size: 0, value_offs: 0}, {name: '', name_index: 2}),
    );
    expect(
      entries.map(({index, name, value}) => [
        index,
        Buffer.from(name).toString(),
        Buffer.from(value!).toString(),
      ]),
    ).toEqual([
      [1, 'a', 'valu'],
      [1, 'empty', ''],
      [2, '', 'valu'],
    ]);
    expect(entries[0]!.hash).toBe(0xabcdef01);
  });

  test('values may overlap, and reach to the end', () => {
    const entries = decode(area({value_offs: 252}, {value_offs: 200, value_size: 56}));
    expect(entries.map(({size}) => size)).toEqual([4, 56]);
  });

  test('a value in an inode', () => {
    const [entry] = decode(area({value_inum: 50, value_size: 1000, value_offs: 0}), {eaInodes: true});
    expect(entry).toMatchObject({valueInode: 50, size: 1000, value: undefined});
  });

  const invalid: Array<[what: string, parts: Parts[], code: string, rules?: Partial<XattrRules>]> = [
    ['a name that reaches beyond the end', [{name_len: 255}], 'xattr-entry-outside'],
    ['a name that reaches to the end', [{name_len: END - 32 - 16}], 'xattr-entry-outside'],
    ['a NUL in a name', [{name: 'a\0b'}], 'xattr-name'],
    ['a value before the end of the entries', [{value_offs: 40}], 'xattr-value-overlaps'],
    ['a value on the end of the entries', [{value_offs: 52}], 'xattr-value-overlaps'],
    ['a value that begins at the end', [{value_offs: 256}], 'xattr-value-outside'],
    ['a value that begins beyond the end', [{value_offs: 65_535}], 'xattr-value-outside'],
    ['a value that ends beyond the end', [{value_offs: 252, value_size: 5}], 'xattr-value-outside'],
    ['a value whose padding ends beyond the end', [{value_offs: 254, value_size: 1}], 'xattr-value-outside'],
    ['a value of 2^32 - 1 bytes', [{value_size: 0xffffffff}], 'xattr-value-size'],
    ['a value larger than any', [{value_size: (1 << 24) + 1}], 'xattr-value-size'],
    ['an inode without the feature', [{value_inum: 50}], 'xattr-value-inode-feature'],
    ['a reserved inode', [{value_inum: 2}], 'xattr-value-inode', {eaInodes: true}],
    ['an inode beyond the last', [{value_inum: 101}], 'xattr-value-inode', {eaInodes: true}],
    ['a sound entry and a bad one', [{}, {value_offs: 0}], 'xattr-value-overlaps'],
  ];
  for (const [what, parts, code, with_] of invalid) {
    test(`invalid: ${what}`, () => {
      expect(() => decode(area(...parts), with_)).toThrow(expect.objectContaining({code, errno: 'EUCLEAN'}));
    });
  }

  test('entries without an end', () => {
    const bytes = Buffer.alloc(END, 0x11);
    expect(() => decode(bytes)).toThrow(expect.objectContaining({code: 'xattr-entry-outside'}));
  });

  test('hash of an entry with a value in an inode', () => {
    expect(entryHash(Buffer.from('a'), 0, false)).toBe(0x61 << 16);
    expect(entryHash(Buffer.from([0xff]), 0x1234, false)).toBe(0x00ff1234);
    expect(entryHash(Buffer.from([0xff]), 0, true)).toBe(0xffffffff);
  });
});
