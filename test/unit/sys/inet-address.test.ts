import {expect, test} from 'vitest';
import {AF_INET, AF_INET6, addressBytes, familyOf, socketAddress} from '../../../src/sys/inet-address.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test.each([
  ['127.0.0.1', '7f000001'],
  ['255.254.0.7', 'fffe0007'],
  ['::', '0'.repeat(32)],
  ['::1', `${'0'.repeat(31)}1`],
  ['2001:db8::7', '20010db8000000000000000000000007'],
  ['2001:db8::', '20010db8000000000000000000000000'],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ['1::3:4', '00010000000000000000000000030004'],
])('the bytes of %s', (address, expected) => {
  expect(hex(addressBytes(address))).toBe(expected);
  expect(familyOf(address)).toBe(expected.length === 8 ? AF_INET : AF_INET6);
});

test.each(['', 'localhost', '127.1', '::ffff:1.2.3.4', 'fe80::1%lo', '1::2::3', '12345::'])(
  'no address: %j',
  (text) => {
    expect(() => addressBytes(text)).toThrow(expect.objectContaining({code: 'EINVAL'}));
  },
);

test('socket addresses as ip(7) and ipv6(7) have them', () => {
  // family, port in network order, address, padding
  expect(hex(socketAddress('127.77.0.1', 0x1234))).toBe(`02001234${'7f4d0001'}${'0'.repeat(16)}`);
  // family, port, flow, address, scope
  expect(hex(socketAddress('::1', 22))).toBe(`0a000016${'0'.repeat(8)}${'0'.repeat(31)}1${'0'.repeat(8)}`);
});
