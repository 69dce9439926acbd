import {describe, expect, test} from 'vitest';
import {CRC_START, crc16, crc32c, crc32cLe16, crc32cLe32, crc32cZeros} from '../../../src/ext4/checksum.js';

const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
/** RFC 3720 and most others invert the result; ext4 does not. */
const inverted = (crc: number): number => ~crc >>> 0;

describe('crc32c', () => {
  const rows: Array<[what: string, data: Uint8Array, crc: number]> = [
    // RFC 3720, B.4.
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({length: 32}, (_, i) => i), 0x46dd794e],
    ['31 to 0', Uint8Array.from({length: 32}, (_, i) => 31 - i), 0x113fdb5c],
    ['the check text', ascii('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ];
  test.each(rows)('%s', (_what, data, crc) => {
    expect(inverted(crc32c(CRC_START, data))).toBe(crc);
  });

  test('data in pieces of any length gives the same', () => {
    const data = Uint8Array.from({length: 100}, (_, i) => i * 37);
    const whole = crc32c(CRC_START, data);
    for (let cut = 0; cut <= data.length; cut++) {
      expect(crc32c(crc32c(CRC_START, data, 0, cut), data, cut)).toBe(whole);
    }
  });

  test('numbers and zeros count as their bytes', () => {
    const seed = 0x12345678;
    expect(crc32cLe32(seed, 0xfedcba98)).toBe(crc32c(seed, Uint8Array.of(0x98, 0xba, 0xdc, 0xfe)));
    expect(crc32cLe16(seed, 0xfedc)).toBe(crc32c(seed, Uint8Array.of(0xdc, 0xfe)));
    expect(crc32cZeros(seed, 13)).toBe(crc32c(seed, new Uint8Array(13)));
  });
});

test('crc16 is that of the kernel: CRC-16/ARC, MODBUS where it starts with ones', () => {
  expect(crc16(0, ascii('123456789'))).toBe(0xbb3d);
  expect(crc16(0xffff, ascii('123456789'))).toBe(0x4b37);
  expect(crc16(crc16(0xffff, ascii('1234')), ascii('x56789'), 1)).toBe(0x4b37);
});
