/** Castagnoli polynomial, reflected (RFC 3720 appendix B.4). */
const CRC32C_POLYNOMIAL = 0x82f63b78;
/** x^16 + x^15 + x^2 + 1, reflected: the kernel's lib/crc/crc16.c. */
const CRC16_POLYNOMIAL = 0xa001;

/** Where each checksum of the file system starts. */
export const CRC_START = 0xffffffff;

/** Eight tables of 256 entries: table k gives the effect of a byte that is followed by k zero bytes. */
const T = makeTables();
const T1 = T.subarray(256, 512);
const T2 = T.subarray(512, 768);
const T3 = T.subarray(768, 1024);
const T4 = T.subarray(1024, 1280);
const T5 = T.subarray(1280, 1536);
const T6 = T.subarray(1536, 1792);
const T7 = T.subarray(1792, 2048);
const T0 = T.subarray(0, 256);

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ CRC32C_POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let index = 256; index < tables.length; index++) {
    const previous = tables[index - 256]!;
    tables[index] = (previous >>> 8) ^ tables[previous & 0xff]!;
  }
  return tables;
}

/**
 * crc32c as ext4 and jbd2 use it: `crc` goes in and comes out as it is, inverted neither before nor after.
 * Start with `CRC_START` or a seed, chain calls for data in pieces.
 * @param start first byte; @param end one past the last. Both lie within `bytes`.
 * @returns 0 to 2^32 - 1.
 */
export function crc32c(crc: number, bytes: Uint8Array, start = 0, end = bytes.length): number {
  // Callers pass bounds within `bytes`, so no `!` below can meet undefined; table indices are bytes.
  let c = crc | 0;
  let i = start;
  for (const last = end - 8; i <= last; i += 8) {
    c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    c =
      T7[c & 0xff]! ^
      T6[(c >>> 8) & 0xff]! ^
      T5[(c >>> 16) & 0xff]! ^
      T4[c >>> 24]! ^
      T3[bytes[i + 4]!]! ^
      T2[bytes[i + 5]!]! ^
      T1[bytes[i + 6]!]! ^
      T0[bytes[i + 7]!]!;
  }
  for (; i < end; i++) c = (c >>> 8) ^ T0[(c ^ bytes[i]!) & 0xff]!;
  return c >>> 0;
}

/** crc32c over a 32-bit number as it lies on disk (little endian): inode numbers, generations, block numbers. */
export function crc32cLe32(crc: number, value: number): number {
  const c = crc ^ value;
  return (T3[c & 0xff]! ^ T2[(c >>> 8) & 0xff]! ^ T1[(c >>> 16) & 0xff]! ^ T0[c >>> 24]!) >>> 0;
}

/** crc32c over a 16-bit number as it lies on disk (little endian). */
export function crc32cLe16(crc: number, value: number): number {
  let c = crc;
  c = (c >>> 8) ^ T0[(c ^ value) & 0xff]!;
  c = (c >>> 8) ^ T0[(c ^ (value >>> 8)) & 0xff]!;
  return c >>> 0;
}

/** crc32c over `length` zero bytes: the place of a checksum inside what it covers. */
export function crc32cZeros(crc: number, length: number): number {
  let c = crc;
  for (let i = 0; i < length; i++) c = (c >>> 8) ^ T0[c & 0xff]!;
  return c >>> 0;
}

const CRC16 = makeCrc16Table();

function makeCrc16Table(): Uint16Array {
  const table = new Uint16Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ CRC16_POLYNOMIAL : crc >>> 1;
    table[byte] = crc;
  }
  return table;
}

/** crc16 of group descriptors under uninit_bg, inverted neither before nor after; starts with 0xffff there. */
export function crc16(crc: number, bytes: Uint8Array, start = 0, end = bytes.length): number {
  let c = crc & 0xffff;
  for (let i = start; i < end; i++) c = (c >>> 8) ^ CRC16[(c ^ bytes[i]!) & 0xff]!;
  return c;
}
