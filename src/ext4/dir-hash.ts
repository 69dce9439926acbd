import {hashOffset} from './dir-block.js';
import type {DirReader} from './dir-reader.js';
import {type DirHash, dirHash, HASH_VERSION} from './dirhash/index.js';
import {decodeRoot} from './htree-block.js';
import {le32} from './little-endian.js';
import type {Superblock} from './superblock.js';

/** s_flags: which hash an image uses for bytes above 127. */
const SIGNED_HASH = 1;
const UNSIGNED_HASH = 2;
/** From a signed version of the hash to its unsigned one. */
const TO_UNSIGNED = 3;

/** s_hash_seed as four words. */
export function seedWords(superblock: Superblock): Int32Array {
  const words = new Int32Array(4);
  for (let i = 0; i < 4; i++) words[i] = le32(superblock.hashSeed, i * 4);
  return words;
}

/**
 * The hash versions that names of an image may have been filed under, given the one its index names. Images that
 * say nothing of signedness were written by whichever kernel came by, so both are possible for them.
 */
export function hashVersions(superblock: Superblock, version: number): readonly number[] {
  if (version > HASH_VERSION.tea) return [version];
  if ((superblock.flags & UNSIGNED_HASH) !== 0) return [version + TO_UNSIGNED];
  if ((superblock.flags & SIGNED_HASH) !== 0) return [version];
  return [version + TO_UNSIGNED, version];
}

/** Gives the hash of the entry at `at`, whose name is `name`. The result changes with the next call. */
export type EntryHasher = (block: Uint8Array, at: number, name: Uint8Array) => DirHash;

/**
 * The hash that goes into the no-key name of each entry of an encrypted directory, as the kernel chooses it: stored
 * with the entry in folded ones, computed over the ciphertext where the kernel reads by the index (also for one
 * block, which counts as indexed), zero elsewhere.
 */
export function entryHasher(reader: DirReader): EntryHasher {
  const out: DirHash = {hash: 0, minor: 0};
  if (reader.rules.hashed) {
    return (block, at) => {
      const stored = hashOffset(block, at);
      out.hash = le32(block, stored);
      out.minor = le32(block, stored + 4);
      return out;
    };
  }
  const {superblock} = reader.ctx;
  const byIndex = reader.indexed || reader.blocks === 1 || reader.inline;
  if (!superblock.features.dirIndex || !byIndex) return () => out;
  const version = reader.indexed ? decodeRoot(reader.index(0)).hashVersion : superblock.defaultHashVersion;
  // An index of another version is of no use, and then the directory counts as one without.
  if (reader.indexed && version > HASH_VERSION.tea) return () => out;
  const chosen = hashVersions(superblock, version)[0]!; // never empty
  const seed = seedWords(superblock);
  return (_block, _at, name) => {
    dirHash(name, chosen, seed, out);
    return out;
  };
}
