/**
 * Packs up to `words` * 4 bytes of a name into 32-bit words for the block transforms, as the kernel's
 * str2hashbuf_signed and str2hashbuf_unsigned do (fs/ext4/hash.c): a word shifts its four characters in from
 * the right over a padding made of the remaining length, and words beyond the name are padding alone.
 *
 * @param from first byte; the name goes on to `name.length`.
 * @param signed whether a byte above 127 counts as negative, as on machines whose `char` is signed.
 * @param out takes `words` words.
 */
export function packName(
  name: Uint8Array,
  from: number,
  signed: boolean,
  out: Int32Array,
  words: number,
): void {
  const left = name.length - from;
  const length = Math.min(left, words * 4);
  const half = (left | (left << 8)) & 0xffffffff;
  const padding = half | (half << 16);
  let word = 0;
  let value = padding;
  for (let i = 0; i < length; i++) {
    if ((i & 3) === 0) value = padding;
    const byte = name[from + i]!; // from + i < name.length: length is at most what is left
    value = ((signed ? (byte << 24) >> 24 : byte) + (value << 8)) | 0;
    if ((i & 3) === 3) {
      out[word++] = value;
      value = padding;
    }
  }
  if (word < words) out[word++] = value;
  while (word < words) out[word++] = padding;
}
