import {describe, expect, test} from 'vitest';
import {
  bytes,
  i32,
  i64,
  id64,
  pad,
  struct,
  UnsafeIntegerError,
  u8,
  u16,
  u32,
  u64,
  viewOf,
} from '../../../src/wire/index.js';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const toHex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

const fields = {a: u8, b: u16, gap: pad(1), c: u32, d: i32, e: u64, f: i64, g: id64, h: bytes(3)};
const values = {
  a: 1,
  b: 0x0203,
  c: 0x04050607,
  d: -2,
  e: 2 ** 40 + 5,
  f: -(2 ** 40),
  g: 2n ** 64n - 1n,
  h: hex('aabbcc'),
};
const rows = [
  ['le', '01 0302 00 07060504 feffffff 0500000000010000 0000000000ffffff ffffffffffffffff aabbcc'],
  ['be', '01 0203 00 04050607 fffffffe 0000010000000005 ffffff0000000000 ffffffffffffffff aabbcc'],
] as const;

describe.each(rows)('a %s struct', (order, text) => {
  const layout = struct('example', order, 39, fields);

  test('writes the bytes of the format', () => {
    expect(toHex(layout.encode(values))).toBe(text.replaceAll(' ', ''));
  });

  test('reads them back, padding left out', () => {
    expect(layout.read(viewOf(hex(text)))).toEqual(values);
  });

  test('tells where each field lies', () => {
    expect(layout.at).toEqual({a: 0, b: 1, gap: 3, c: 4, d: 8, e: 12, f: 20, g: 28, h: 36});
  });

  test('refuses memory that is too short', () => {
    expect(() => layout.read(viewOf(hex(text).subarray(1)))).toThrow(RangeError);
  });
});

test('fields not given become zeros, also over old bytes', () => {
  const layout = struct('pair', 'le', 8, {a: u32, b: u32});
  const memory = new Uint8Array(8).fill(0xff);
  layout.write(viewOf(memory), 0, {b: 1});
  expect(toHex(memory)).toBe('0000000001000000');
});

test('a quantity above 2^53 - 1 is refused, not rounded', () => {
  const layout = struct('size', 'le', 8, {size: u64});
  expect(layout.read(viewOf(hex('ffffffffffff1f00'))).size).toBe(Number.MAX_SAFE_INTEGER);
  expect(() => layout.read(viewOf(hex('0000000000002000')))).toThrow(UnsafeIntegerError);
});

test('a declaration that does not add up is a mistake found at once', () => {
  expect(() => struct('wrong', 'le', 9, {a: u32, b: u32})).toThrow('struct wrong adds up to 8 bytes, not 9');
});

test('short bytes are filled up with zeros', () => {
  const layout = struct('name', 'le', 4, {name: bytes(4)});
  expect(toHex(layout.encode({name: hex('0102')}))).toBe('01020000');
});
