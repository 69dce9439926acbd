const MULTIPLIER = 7_152_373;

/**
 * The hash of the first indexed directories (dx_hack_hash in fs/ext4/hash.c), before its low bit is cleared.
 * @param signed whether a byte above 127 counts as negative.
 * @returns 0 to 2^32 - 1.
 */
export function legacyHash(name: Uint8Array, signed: boolean): number {
  let previous = 0x37abe8f9;
  let current = 0x12a3fe2d;
  for (let i = 0; i < name.length; i++) {
    const byte = name[i]!; // i < name.length
    const factor = signed ? (byte << 24) >> 24 : byte;
    let hash = (previous + (current ^ (factor * MULTIPLIER))) | 0;
    // The top bit is folded away: hash - 0x7fffffff in unsigned arithmetic.
    if (hash < 0) hash = (hash - 0x7fffffff) | 0;
    previous = current;
    current = hash;
  }
  return (current << 1) >>> 0;
}
