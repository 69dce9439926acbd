const DELTA = 0x9e3779b9;

/**
 * Sixteen rounds of the Tiny Encryption Algorithm (TEA_transform in fs/ext4/hash.c): encrypts the first two
 * words of `state` with the key `input` (4 words) and adds the result to them.
 */
export function tea(state: Int32Array, input: Int32Array): void {
  // Both arrays have four words, so no `!` below can meet undefined.
  let sum = 0;
  let b0 = state[0]!;
  let b1 = state[1]!;
  const a = input[0]!;
  const b = input[1]!;
  const c = input[2]!;
  const d = input[3]!;
  for (let round = 0; round < 16; round++) {
    sum = (sum + DELTA) | 0;
    b0 = (b0 + (((b1 << 4) + a) ^ (b1 + sum) ^ ((b1 >>> 5) + b))) | 0;
    b1 = (b1 + (((b0 << 4) + c) ^ (b0 + sum) ^ ((b0 >>> 5) + d))) | 0;
  }
  state[0] = state[0]! + b0;
  state[1] = state[1]! + b1;
}
