import assert from 'node:assert/strict';
import {describe, test} from 'vitest';
import {decodeArguments, encodeArguments, MAX_ARGUMENTS} from '../../../src/service/arguments.js';
import {bytes, hex} from './bytes.js';

/** magic and count; position and length for each; the strings. */
const TWO = "'ARGS' 00000002  00000018 00000005  0000001d 00000003  'ext4' 00 '/d' 00";

const valid: Array<[what: string, dump: string, strings: string[]]> = [
  ['two strings', TWO, ['ext4', '/d']],
  ['one empty string', "'ARGS' 00000001  00000010 00000001  00", ['']],
  // libfuse counts the -t TYPE that it drops when it places the first string.
  ['a gap behind the table', "'ARGS' 00000001  00000014 00000003  deadbeef 'ab' 00", ['ab']],
  [
    'strings in another order',
    "'ARGS' 00000002  0000001a 00000002  00000018 00000002  'b' 00 'a' 00",
    ['a', 'b'],
  ],
];

const invalid: Array<[what: string, dump: string]> = [
  ['nothing', ''],
  ['half a header', "'ARGS' 0000"],
  ['another magic', TWO.replace('ARGS', 'ARGX')],
  ['no string at all', "'ARGS' 00000000"],
  ['more strings than the file can hold', "'ARGS' 00000003  00000018 00000005  0000001d 00000003"],
  ['a count near 2^32', "'ARGS' ffffffff  00000010 00000001  00"],
  ['a string in the table', "'ARGS' 00000001  0000000f 00000001  00"],
  ['a string that ends beyond the file', "'ARGS' 00000001  00000010 00000002  00"],
  ['a string that begins beyond the file', "'ARGS' 00000001  000000ff 00000001  00"],
  ['a position and a length that overflow 32 bits', "'ARGS' 00000001  fffffff0 00000020  00"],
  ['a length of 0', "'ARGS' 00000001  00000010 00000000  00"],
  ['a string without NUL', "'ARGS' 00000001  00000010 00000002  'ab'"],
  ['a string with a NUL within', "'ARGS' 00000001  00000010 00000004  'a' 00 'b' 00"],
  ['text that is not UTF-8', "'ARGS' 00000001  00000010 00000002  ff 00"],
  ['many entries on one string', `'ARGS' 00000004  ${'00000028 00000010 '.repeat(4)} ${'61'.repeat(15)} 00`],
];

describe('argument memfd', () => {
  for (const [what, dump, strings] of valid) {
    test(`${what} is read`, () => assert.deepEqual(decodeArguments(bytes(dump)), strings));
  }
  for (const [what, dump] of invalid) {
    test(`${what} is refused`, () => {
      assert.throws(() => decodeArguments(bytes(dump)), {
        name: 'ProtocolError',
        code: 'arguments',
        errno: 74,
      });
    });
  }

  test('is written as read', () => {
    assert.equal(hex(encodeArguments(['ext4', '/d'])), hex(bytes(TWO)));
    const strings = ['ext4', '/a b', 'ümläut', '', '-o', 'ro,x=1'];
    assert.deepEqual(decodeArguments(encodeArguments(strings)), strings);
  });

  test('too much, or a NUL, is not written', () => {
    assert.throws(() => encodeArguments(Array(MAX_ARGUMENTS + 1).fill('a')), {code: 'arguments'});
    assert.throws(() => encodeArguments(['x'.repeat(1 << 20)]), {code: 'arguments'});
    assert.throws(() => encodeArguments(['a\0b']), {code: 'terminator'});
  });
});
