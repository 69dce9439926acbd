const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const CODES = Uint8Array.from(ALPHABET, (char) => char.charCodeAt(0));
const VALUES = new Int8Array(256).fill(-1);
CODES.forEach((code, value) => {
  VALUES[code] = value;
});

/** base64url of RFC 4648 without padding, as ASCII bytes. */
export function encodeBase64Url(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil((data.length * 4) / 3));
  let bits = 0;
  let count = 0;
  let at = 0;
  for (const byte of data) {
    bits = ((bits << 8) | byte) & 0xffff;
    count += 8;
    while (count >= 6) {
      count -= 6;
      out[at++] = CODES[(bits >>> count) & 63]!; // below 64
    }
  }
  if (count > 0) out[at] = CODES[(bits << (6 - count)) & 63]!; // below 64
  return out;
}

/** The bytes of a base64url text; undefined for other characters, for padding, and where the bits left over are not zero. */
export function decodeBase64Url(text: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let count = 0;
  let at = 0;
  for (const code of text) {
    const value = VALUES[code]!; // a byte is below 256
    if (value < 0) return undefined;
    bits = ((bits << 6) | value) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out[at++] = (bits >>> count) & 0xff;
    }
  }
  return (bits & ((1 << count) - 1)) === 0 ? out : undefined;
}
