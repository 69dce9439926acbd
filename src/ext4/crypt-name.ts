import {decodeBase64Url, encodeBase64Url} from './crypt-base64.js';
import {sha256} from './crypt-sha256.js';
import {CorruptError} from './errors.js';
import {le16, le32} from './little-endian.js';

/*
 * Who lists an encrypted directory without its key sees *no-key names*: base64url of the name's hash (two words,
 * zero where the directory has no index), up to 149 bytes of the ciphertext, and, for longer ones, the SHA-256 of
 * the rest (struct fscrypt_nokey_name, fs/crypto/fname.c). Such a name is enough to find the entry again.
 */
const HASH_SIZE = 8;
const PLAIN_MAX = 149;
const DIGEST_SIZE = 32;
const NO_KEY_MAX = HASH_SIZE + PLAIN_MAX + DIGEST_SIZE;
const ENCODED_MAX = Math.ceil((NO_KEY_MAX * 4) / 3);
/** Names are padded to this before they are encrypted (FSCRYPT_FNAME_MIN_MSG_LEN). */
const CIPHERTEXT_MIN = 16;

/**
 * The no-key name of an entry.
 * @param ciphertext the name on disk.
 * @throws CorruptError `crypt-name-short` for a name that no encryption can have made.
 */
export function noKeyName(ciphertext: Uint8Array, hash: number, minor: number): Uint8Array {
  if (ciphertext.length < CIPHERTEXT_MIN) {
    throw new CorruptError('crypt-name-short', {length: ciphertext.length});
  }
  const long = ciphertext.length > PLAIN_MAX;
  const data = new Uint8Array(long ? NO_KEY_MAX : HASH_SIZE + ciphertext.length);
  const view = new DataView(data.buffer);
  view.setUint32(0, hash, true);
  view.setUint32(4, minor, true);
  data.set(ciphertext.subarray(0, PLAIN_MAX), HASH_SIZE);
  if (long) data.set(sha256(ciphertext.subarray(PLAIN_MAX)), HASH_SIZE + PLAIN_MAX);
  return encodeBase64Url(data);
}

/** What a no-key name says about the entry it stands for. */
export interface NoKeyName {
  readonly hash: number;
  readonly minor: number;
  /** The ciphertext, or its first 149 bytes when `digest` is there. */
  readonly start: Uint8Array;
  /** SHA-256 of what follows `start`. */
  readonly digest: Uint8Array | undefined;
}

/** Takes a no-key name apart; undefined for a name that is none, which then names nothing. */
export function decodeNoKeyName(name: Uint8Array): NoKeyName | undefined {
  const data = name.length > ENCODED_MAX ? undefined : decodeBase64Url(name);
  if (data === undefined || data.length <= HASH_SIZE) return undefined;
  const long = data.length === NO_KEY_MAX;
  if (!long && data.length > HASH_SIZE + PLAIN_MAX) return undefined;
  return {
    hash: le32(data, 0),
    minor: le32(data, 4),
    start: data.subarray(HASH_SIZE, long ? HASH_SIZE + PLAIN_MAX : data.length),
    digest: long ? data.subarray(HASH_SIZE + PLAIN_MAX) : undefined,
  };
}

/** Whether the bytes of `block` from `start` to `end` are the ciphertext that a no-key name stands for. */
export function matchesNoKeyName(wanted: NoKeyName, block: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  const {digest} = wanted;
  if (digest === undefined ? length !== wanted.start.length : length <= PLAIN_MAX) return false;
  if (!sameBytes(wanted.start, block, start)) return false;
  return digest === undefined || sameBytes(digest, sha256(block.subarray(start + PLAIN_MAX, end)), 0);
}

/** Whether `bytes` are also in `block` at `at`. The caller knows that they lie within it. */
export function sameBytes(bytes: Uint8Array, block: Uint8Array, at: number): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== block[at + i]) return false;
  return true;
}

/**
 * The target of an encrypted symbolic link as it looks without the key (fscrypt_get_symlink). Its length is also
 * st_size of the link.
 * @param data i_block of a fast link, the link's first block otherwise: a length in 16 bits, then the ciphertext.
 * @throws CorruptError `crypt-symlink` or `crypt-name-short`.
 */
export function noKeySymlink(data: Uint8Array): Uint8Array {
  if (data.length < 3) throw new CorruptError('crypt-symlink', {size: data.length});
  const len = le16(data, 0);
  if (len === 0 || 2 + len > data.length)
    throw new CorruptError('crypt-symlink', {length: len, size: data.length});
  return noKeyName(data.subarray(2, 2 + len), 0, 0);
}
