import {describe, expect, test} from 'vitest';
import {decodeAcl} from '../../../src/ext4/acl.js';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

describe('access control lists', () => {
  const valid: Array<[what: string, disk: string, xattr: string | undefined]> = [
    ['no entries', '01000000', undefined],
    [
      'the three of the mode',
      // version, tag perm of owner, group, others
      '01000000 01000600 04000400 20000000',
      '02000000 01000600 ffffffff 04000400 ffffffff 20000000 ffffffff',
    ],
    [
      'a named user and group',
      '01000000 01000700 02000500 e8030000 04000400 08000600 70110100 10000700 20000100',
      `02000000 01000700 ffffffff 02000500 e8030000 04000400 ffffffff 08000600 70110100
       10000700 ffffffff 20000100 ffffffff`.replaceAll('\n', ''),
    ],
  ];
  for (const [what, disk, xattr] of valid) {
    test(what, () => {
      const value = decodeAcl(bytes(disk));
      expect(value && Buffer.from(value)).toEqual(xattr === undefined ? undefined : bytes(xattr));
    });
  }

  const invalid: Array<[what: string, disk: string, code: string]> = [
    ['nothing', '', 'acl-short'],
    ['half a header', '0100', 'acl-short'],
    ['another version', '02000000', 'acl-version'],
    ['a tag that does not exist', '01000000 03000600', 'acl-tag'],
    ['a tag of 0', '01000000 00000600', 'acl-tag'],
    ['a cut entry', '01000000 0100', 'acl-length'],
    ['a named user without id', '01000000 02000600', 'acl-length'],
    ['a named user with half an id', '01000000 02000600 e803', 'acl-length'],
    ['five short entries', '01000000 01000600 04000400 10000700 20000000 20000000', 'acl-length'],
    [
      'three short entries and a long one',
      '01000000 01000600 04000400 20000000 02000600 e8030000',
      'acl-length',
    ],
  ];
  for (const [what, disk, code] of invalid) {
    test(`invalid: ${what}`, () => {
      expect(() => decodeAcl(bytes(disk))).toThrow(expect.objectContaining({code, errno: 'EUCLEAN'}));
    });
  }
});
