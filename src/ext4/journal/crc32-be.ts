/** CRC-32 with the most significant bit first, polynomial 0x04c11db7, without final inversion. */

const TABLE = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = (value << 1) ^ (value < 0 ? 0x04c11db7 : 0);
  TABLE[byte] = value;
}

/**
 * Goes on with a CRC from `seed`; the kernel's crc32_be. Journal checksums of version 1 use it, from 2^32 - 1
 * on. Returns 32 bits, unsigned.
 */
export function crc32be(seed: number, bytes: Uint8Array): number {
  let crc = seed;
  // The table has 256 entries and the index 8 bits.
  for (const byte of bytes) crc = (crc << 8) ^ TABLE[((crc >>> 24) ^ byte) & 0xff]!;
  return crc >>> 0;
}
