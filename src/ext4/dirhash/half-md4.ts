const K2 = 0x5a827999;
const K3 = 0x6ed9eba1;

/**
 * The first rounds of MD4 with eight input words instead of sixteen (half_md4_transform in fs/ext4/hash.c):
 * mixes `input` (8 words) into `state` (4 words).
 */
export function halfMd4(state: Int32Array, input: Int32Array): void {
  // Both arrays have the lengths named above, so no `!` below can meet undefined.
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  const i0 = input[0]!;
  const i1 = input[1]!;
  const i2 = input[2]!;
  const i3 = input[3]!;
  const i4 = input[4]!;
  const i5 = input[5]!;
  const i6 = input[6]!;
  const i7 = input[7]!;

  a = rotate(a + choose(b, c, d) + i0, 3);
  d = rotate(d + choose(a, b, c) + i1, 7);
  c = rotate(c + choose(d, a, b) + i2, 11);
  b = rotate(b + choose(c, d, a) + i3, 19);
  a = rotate(a + choose(b, c, d) + i4, 3);
  d = rotate(d + choose(a, b, c) + i5, 7);
  c = rotate(c + choose(d, a, b) + i6, 11);
  b = rotate(b + choose(c, d, a) + i7, 19);

  a = rotate(a + majority(b, c, d) + i1 + K2, 3);
  d = rotate(d + majority(a, b, c) + i3 + K2, 5);
  c = rotate(c + majority(d, a, b) + i5 + K2, 9);
  b = rotate(b + majority(c, d, a) + i7 + K2, 13);
  a = rotate(a + majority(b, c, d) + i0 + K2, 3);
  d = rotate(d + majority(a, b, c) + i2 + K2, 5);
  c = rotate(c + majority(d, a, b) + i4 + K2, 9);
  b = rotate(b + majority(c, d, a) + i6 + K2, 13);

  a = rotate(a + (b ^ c ^ d) + i3 + K3, 3);
  d = rotate(d + (a ^ b ^ c) + i7 + K3, 9);
  c = rotate(c + (d ^ a ^ b) + i2 + K3, 11);
  b = rotate(b + (c ^ d ^ a) + i6 + K3, 15);
  a = rotate(a + (b ^ c ^ d) + i1 + K3, 3);
  d = rotate(d + (a ^ b ^ c) + i5 + K3, 9);
  c = rotate(c + (d ^ a ^ b) + i0 + K3, 11);
  b = rotate(b + (c ^ d ^ a) + i4 + K3, 15);

  state[0] = state[0]! + a;
  state[1] = state[1]! + b;
  state[2] = state[2]! + c;
  state[3] = state[3]! + d;
}

/** Sums of a few 32-bit words stay below 2^53, so the bit operators take them modulo 2^32 exactly. */
function rotate(sum: number, bits: number): number {
  return (sum << bits) | (sum >>> (32 - bits));
}

function choose(x: number, y: number, z: number): number {
  return z ^ (x & (y ^ z));
}

function majority(x: number, y: number, z: number): number {
  return ((x & y) + ((x ^ y) & z)) | 0;
}
