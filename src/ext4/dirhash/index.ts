import {halfMd4} from './half-md4.js';
import {legacyHash} from './legacy.js';
import {packName} from './pack.js';
import {tea} from './tea.js';

/**
 * Hash versions of an indexed directory (DX_HASH_* in fs/ext4/ext4.h). On disk only `legacy`, `halfMd4`, `tea`
 * and `siphash` occur; the unsigned ones come from a flag of the superblock.
 */
export const HASH_VERSION = {
  legacy: 0,
  halfMd4: 1,
  tea: 2,
  legacyUnsigned: 3,
  halfMd4Unsigned: 4,
  teaUnsigned: 5,
  /** Keyed; stored beside each name of a folded and encrypted directory, never computed without the key. */
  siphash: 6,
} as const;

/** A name's place in an indexed directory. `hash` is even; both are 0 to 2^32 - 1. */
export interface DirHash {
  hash: number;
  minor: number;
}

/** MD4's initial state, used where the file system has no seed. */
const DEFAULT_SEED = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]);
/** The hash that means "end of directory" to readers (EXT4_HTREE_EOF_32BIT << 1); no name may have it. */
const END_HASH = 0xfffffffe;

const state = new Int32Array(4);
const input = new Int32Array(8);

/**
 * The hash of a name, written to `out` (fs/ext4/hash.c, __ext4fs_dirhash).
 *
 * @param version one of `HASH_VERSION`, signedness already chosen.
 * @param seed s_hash_seed as four little-endian words; all zero means the default.
 * @returns false for a version that can't be computed, with `out` zeroed.
 */
export function dirHash(name: Uint8Array, version: number, seed: ArrayLike<number>, out: DirHash): boolean {
  const seeded = (seed[0]! | seed[1]! | seed[2]! | seed[3]!) !== 0;
  for (let i = 0; i < 4; i++) state[i] = seeded ? seed[i]! : DEFAULT_SEED[i]!;
  let hash: number;
  let minor = 0;
  switch (version) {
    case HASH_VERSION.legacy:
    case HASH_VERSION.legacyUnsigned:
      hash = legacyHash(name, version === HASH_VERSION.legacy);
      break;
    case HASH_VERSION.halfMd4:
    case HASH_VERSION.halfMd4Unsigned:
      for (let from = 0; from < name.length; from += 32) {
        packName(name, from, version === HASH_VERSION.halfMd4, input, 8);
        halfMd4(state, input);
      }
      hash = state[1]!;
      minor = state[2]!;
      break;
    case HASH_VERSION.tea:
    case HASH_VERSION.teaUnsigned:
      for (let from = 0; from < name.length; from += 16) {
        packName(name, from, version === HASH_VERSION.tea, input, 4);
        tea(state, input);
      }
      hash = state[0]!;
      minor = state[1]!;
      break;
    default:
      out.hash = 0;
      out.minor = 0;
      return false;
  }
  hash = (hash & ~1) >>> 0;
  out.hash = hash === END_HASH ? END_HASH - 2 : hash;
  out.minor = minor >>> 0;
  return true;
}
