import {spawnSync} from 'node:child_process';
import {describe, expect, test} from 'vitest';
import {foldName} from '../../../src/ext4/casefold.js';
import {type DirHash, dirHash, HASH_VERSION} from '../../../src/ext4/dirhash/index.js';
import {run} from '../../support/mounts.js';
import {Random} from '../../support/random.js';

const same: Array<[what: string, a: string, b: string]> = [
  ['ASCII', 'ReadMe.TXT', 'readme.txt'],
  ['Latin 1', 'ÀÉÎÕÜ', 'àéîõü'],
  ['composed and decomposed', '\u00fc', 'U\u0308'],
  ['sharp s', 'STRASSE', 'stra\u00dfe'],
  ['capital sharp s', '\u1e9e', 'ss'],
  ['final sigma', 'ΣΑΣ', 'σας'],
  ['a dotted capital I', '\u0130', 'i\u0307'],
  ['the Kelvin sign', '\u212a', 'k'],
  ['a micro sign and mu', '\u00b5', '\u03bc'],
  ['a ligature', '\ufb03', 'ffi'],
  ['Cherokee', '\uab70', '\u13a0'],
  ['Hangul and its parts', '\uac01', '\u1100\u1161\u11a8'],
  ['accents in another order', 'a\u0323\u0301', 'a\u0301\u0323'],
  ['a soft hyphen', 'so\u00adft', 'soft'],
  ['a variation selector', '\u2764\ufe0f', '\u2764'],
  ['outside the first plane', '\u{10400}', '\u{10428}'],
];
const different: Array<[what: string, a: string, b: string]> = [
  ['letters', 'a', 'b'],
  ['an accent', 'a', '\u00e4'],
  ['a dotless i', '\u0131', 'i'],
  ['width', '\uff21', 'a'],
  ['a pair that is younger than Unicode 12.1', '\ua7c7', '\ua7c8'],
  ['accents on both sides of what is ignored', 'a\u0323\u034f\u0301', 'a\u0301\u034f\u0323'],
];

describe('folding of names', () => {
  for (const [what, a, b] of same) {
    test(`same: ${what}`, () => expect(foldName(Buffer.from(a))).toEqual(foldName(Buffer.from(b))));
  }
  for (const [what, a, b] of different) {
    test(`different: ${what}`, () => expect(foldName(Buffer.from(a))).not.toEqual(foldName(Buffer.from(b))));
  }
  for (const hex of ['ff', 'c080', 'eda080', 'f4908080', 'c3', '61ff41']) {
    test(`no UTF-8: ${hex}`, () => expect(foldName(Buffer.from(hex, 'hex'))).toBeUndefined());
  }
});

const noDebugfs = spawnSync('debugfs', ['-V']).error !== undefined;

describe.skipIf(noDebugfs)(`folding as e2fsprogs does it (${noDebugfs ? 'no debugfs' : 'by hash'})`, () => {
  function check(names: readonly string[]): void {
    const output = run(
      'debugfs',
      ['-f', '-'],
      names.map((name) => `dx_hash -h 1 -c -e utf8 "${name}"\n`).join(''),
    );
    const expected = [...output.matchAll(/ is (0x[0-9a-f]+) \(minor (0x[0-9a-f]+)\)/g)];
    expect(expected).toHaveLength(names.length);
    const wrong = names.filter((name, i) => {
      const out: DirHash = {hash: 0, minor: 0};
      dirHash(foldName(Buffer.from(name))!, HASH_VERSION.halfMd4, [0, 0, 0, 0], out);
      return out.hash !== Number(expected[i]![1]) || out.minor !== Number(expected[i]![2]);
    });
    expect(
      wrong.map((name) => Array.from(name, (char) => char.codePointAt(0)!.toString(16)).join(' ')),
    ).toEqual([]);
  }

  test('each character of the first two planes, and some of the others', () => {
    const names: string[] = [];
    for (let point = 0x80; point < 0x110000; point += point < 0x20000 ? 1 : 97) {
      if (point < 0xd800 || point > 0xdfff) names.push(`x${String.fromCodePoint(point)}Y`);
    }
    check(names);
  });

  test('sequences of accents, ligatures and what is ignored', () => {
    const random = new Random(12);
    const points = [
      0x41, 0x61, 0x301, 0x323, 0x345, 0x34f, 0x200d, 0x1f80, 0xc5, 0x212b, 0xdf, 0x1e9e, 0x130, 0x3c2,
      0x13a0, 0xab70, 0xac00, 0x1100, 0x1161, 0x11a8, 0x1e9b, 0x327, 0x1d165, 0x1d16e, 0xfb2c, 0x5b0, 0xf71,
      0xf72, 0xf74, 0xfe0f, 0xad, 0x378, 0xa7c7,
    ];
    const names = Array.from({length: 5000}, () =>
      String.fromCodePoint(...Array.from({length: 1 + random.below(9)}, () => random.pick(points))),
    );
    check(names);
  });
});
