import {spawnSync} from 'node:child_process';
import {describe, expect, test} from 'vitest';
import {type DirHash, dirHash, HASH_VERSION} from '../../../src/ext4/dirhash/index.js';
import {run} from '../../support/mounts.js';

const SEED = 'deadbeef-1234-5678-9abc-def011223344';
const UNSEEDED = new Int32Array(4);

function seedWords(uuid: string): Int32Array {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  return Int32Array.from([0, 4, 8, 12], (at) => bytes.readInt32LE(at));
}

function hashOf(name: string, version: number, seed: ArrayLike<number>): DirHash {
  const out = {hash: 0, minor: 0};
  expect(dirHash(Buffer.from(name), version, seed, out)).toBe(true);
  return out;
}

const rows: Array<
  [version: keyof typeof HASH_VERSION, seed: string, name: string, hash: number, minor: number]
> = [
  ['legacy', '', 'a', 0xe74b53e2, 0x0],
  ['legacy', '', 'hello world', 0xe0a6a922, 0x0],
  ['legacy', '', 'äöü', 0xe32d0194, 0x0],
  ['legacy', '', 'abcdefghijklmnopqrstuvwxyz0123456789', 0x9015281a, 0x0],
  ['halfMd4', '', 'a', 0xd5fa7d7a, 0xacb48187],
  ['halfMd4', '', 'hello world', 0x36f15d9e, 0x108b37f5],
  ['halfMd4', '', 'äöü', 0x606c99be, 0x6791b2d1],
  ['halfMd4', '', 'abcdefghijklmnopqrstuvwxyz0123456789', 0x97c69942, 0x2630f912],
  ['halfMd4', SEED, 'a', 0x9ab7615e, 0x703db3b4],
  ['halfMd4', SEED, 'hello world', 0xad130a7a, 0xea5f7d1f],
  ['halfMd4', SEED, 'äöü', 0x813b6038, 0x4d7cd6a8],
  ['halfMd4', SEED, 'abcdefghijklmnopqrstuvwxyz0123456789', 0x3bbdce0a, 0xc3e22949],
  ['tea', '', 'a', 0x6d0ea4c0, 0xc18922df],
  ['tea', '', 'hello world', 0x9012b8e, 0x8078fb31],
  ['tea', '', 'äöü', 0x18ed4406, 0x613174b0],
  ['tea', '', 'abcdefghijklmnopqrstuvwxyz0123456789', 0xe073581c, 0x45be1a19],
  ['tea', SEED, 'a', 0xa068c076, 0xd2d549b5],
  ['tea', SEED, 'hello world', 0x24e20960, 0x523e9962],
  ['tea', SEED, 'äöü', 0xc39b287a, 0xfcbbd27f],
  ['tea', SEED, 'abcdefghijklmnopqrstuvwxyz0123456789', 0xfe151080, 0xba373508],
  ['legacyUnsigned', '', 'a', 0xe74b53e2, 0x0],
  ['legacyUnsigned', '', 'hello world', 0xe0a6a922, 0x0],
  ['legacyUnsigned', '', 'äöü', 0xd21e5596, 0x0],
  ['legacyUnsigned', '', 'abcdefghijklmnopqrstuvwxyz0123456789', 0x9015281a, 0x0],
  ['halfMd4Unsigned', '', 'a', 0xd5fa7d7a, 0xacb48187],
  ['halfMd4Unsigned', '', 'hello world', 0x36f15d9e, 0x108b37f5],
  ['halfMd4Unsigned', '', 'äöü', 0x3627a640, 0x14ec6ef0],
  ['halfMd4Unsigned', '', 'abcdefghijklmnopqrstuvwxyz0123456789', 0x97c69942, 0x2630f912],
  ['halfMd4Unsigned', SEED, 'a', 0x9ab7615e, 0x703db3b4],
  ['halfMd4Unsigned', SEED, 'hello world', 0xad130a7a, 0xea5f7d1f],
  ['halfMd4Unsigned', SEED, 'äöü', 0x669e85d0, 0x33c1dd9c],
  ['halfMd4Unsigned', SEED, 'abcdefghijklmnopqrstuvwxyz0123456789', 0x3bbdce0a, 0xc3e22949],
  ['teaUnsigned', '', 'a', 0x6d0ea4c0, 0xc18922df],
  ['teaUnsigned', '', 'hello world', 0x9012b8e, 0x8078fb31],
  ['teaUnsigned', '', 'äöü', 0xd1dbd0d4, 0x7130f804],
  ['teaUnsigned', '', 'abcdefghijklmnopqrstuvwxyz0123456789', 0xe073581c, 0x45be1a19],
  ['teaUnsigned', SEED, 'a', 0xa068c076, 0xd2d549b5],
  ['teaUnsigned', SEED, 'hello world', 0x24e20960, 0x523e9962],
  ['teaUnsigned', SEED, 'äöü', 0xd7bfda1e, 0xc17e312a],
  ['teaUnsigned', SEED, 'abcdefghijklmnopqrstuvwxyz0123456789', 0xfe151080, 0xba373508],
];

describe('hash of a name', () => {
  for (const [version, seed, name, hash, minor] of rows) {
    test(`${version}, ${seed === '' ? 'no seed' : 'a seed'}: ${name.slice(0, 20)} (${name.length})`, () => {
      const words = seed === '' ? UNSEEDED : seedWords(seed);
      expect(hashOf(name, HASH_VERSION[version], words)).toEqual({hash, minor});
    });
  }

  test('is even, and never the mark of the end', () => {
    for (let i = 0; i < 2000; i++) {
      for (const version of [0, 1, 2, 3, 4, 5]) {
        const {hash} = hashOf(`name ${i}`, version, UNSEEDED);
        expect(hash % 2).toBe(0);
        expect(hash).toBeLessThan(0xfffffffe);
      }
    }
  });

  test('a version without an algorithm', () => {
    for (const version of [HASH_VERSION.siphash, 7, 255]) {
      const out = {hash: 1, minor: 1};
      expect(dirHash(Buffer.from('name'), version, UNSEEDED, out)).toBe(false);
      expect(out).toEqual({hash: 0, minor: 0});
    }
  });
});

const noDebugfs = spawnSync('debugfs', ['-V']).error !== undefined;

describe.skipIf(noDebugfs)(
  `hash of a name as debugfs computes it (${noDebugfs ? 'no debugfs' : 'debugfs'})`,
  () => {
    const names = ['a', 'ab', 'abc', 'abcd', '\u00fc', 'u\u0308', '名前', '😀'];
    for (let length = 1; length <= 255; length += 3)
      names.push(
        'é0z'
          .repeat(85)
          .slice(0, length)
          .replace(/[^ -~]/g, 'é'),
      );
    const encodable = names.filter((name) => Buffer.byteLength(name) <= 255);
    for (const seed of ['', SEED]) {
      // Numbers, since debugfs has no names for the unsigned ones.
      for (const version of [0, 1, 2, 3, 4, 5]) {
        test(`version ${version}, ${seed === '' ? 'no seed' : 'a seed'}`, () => {
          const commands = encodable.map(
            (name) => `dx_hash -h ${version} ${seed === '' ? '' : `-s ${seed}`} "${name}"\n`,
          );
          const output = run('debugfs', ['-f', '-'], commands.join(''));
          const expected = [...output.matchAll(/ is (0x[0-9a-f]+) \(minor (0x[0-9a-f]+)\)/g)];
          expect(expected).toHaveLength(encodable.length);
          const words = seed === '' ? UNSEEDED : seedWords(seed);
          expect(encodable.map((name) => hashOf(name, version, words))).toEqual(
            expected.map(([, hash, minor]) => ({hash: Number(hash), minor: Number(minor)})),
          );
        });
      }
    }
  },
);
