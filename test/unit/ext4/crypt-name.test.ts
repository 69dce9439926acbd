import {createHash} from 'node:crypto';
import {closeSync, mkdirSync, openSync, readdirSync, readlinkSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import {decodeBase64Url, encodeBase64Url} from '../../../src/ext4/crypt-base64.js';
import {decodeNoKeyName, matchesNoKeyName, noKeyName, noKeySymlink} from '../../../src/ext4/crypt-name.js';
import {sha256} from '../../../src/ext4/crypt-sha256.js';
import {lookup} from '../../../src/ext4/dir.js';
import {readlink} from '../../../src/ext4/symlink.js';
import {withKernelMount} from '../../support/mounts.js';
import {cannotMount} from '../../support/oracle.js';
import {getdents} from '../../support/posix.js';
import {Random} from '../../support/random.js';
import {encrypted} from '../../support/tree/encryption.js';
import {ImageFolder, inodeAt, line, listing, withContext} from './dir-image.js';

describe('SHA-256 and base64url', () => {
  test('as OpenSSL and Node have them, for all short lengths', () => {
    const random = new Random(1);
    for (let length = 0; length < 300; length++) {
      const data = random.bytes(length);
      expect(Buffer.from(sha256(data))).toEqual(createHash('sha256').update(data).digest());
      const text = Buffer.from(encodeBase64Url(data)).toString();
      expect(text).toBe(data.toString('base64url'));
      expect(Buffer.from(decodeBase64Url(Buffer.from(text))!)).toEqual(data);
    }
  });

  for (const text of ['AB', 'AAB', 'AA==', 'A A', 'AA+A', 'AA/A', 'é']) {
    test(`no base64url: ${text}`, () => expect(decodeBase64Url(Buffer.from(text))).toBeUndefined());
  }
});

describe('no-key names', () => {
  test('lead back to the ciphertext, whatever its length', () => {
    const random = new Random(2);
    for (let length = 16; length <= 255; length++) {
      const ciphertext = random.bytes(length);
      const name = noKeyName(ciphertext, 0x12345678, 0x9abcdef0);
      expect(name.length).toBeLessThanOrEqual(255);
      const wanted = decodeNoKeyName(name)!;
      expect(wanted).toMatchObject({hash: 0x12345678, minor: 0x9abcdef0});
      const block = Buffer.concat([Buffer.alloc(7), ciphertext, Buffer.alloc(9)]);
      expect(matchesNoKeyName(wanted, block, 7, 7 + length)).toBe(true);
      expect(matchesNoKeyName(wanted, block, 7, 6 + length)).toBe(false);
      block[7 + random.below(length)]! ^= 1;
      expect(matchesNoKeyName(wanted, block, 7, 7 + length)).toBe(false);
    }
  });

  test('other names lead nowhere', () => {
    for (const name of ['', 'plain', 'AAAAAAAAAAA', 'A'.repeat(253), 'AAAA AAAAAAAAAAAA']) {
      expect(decodeNoKeyName(Buffer.from(name))).toBeUndefined();
    }
  });

  test('a ciphertext that is too short', () => {
    expect(() => noKeyName(Buffer.alloc(15), 0, 0)).toThrow(
      expect.objectContaining({code: 'crypt-name-short'}),
    );
  });

  const badLinks: Array<[what: string, hex: string, code: string]> = [
    ['nothing', '', 'crypt-symlink'],
    ['no length', '10', 'crypt-symlink'],
    ['a length of 0', `0000${'00'.repeat(16)}`, 'crypt-symlink'],
    ['a length beyond the end', `1100${'00'.repeat(16)}`, 'crypt-symlink'],
    ['a target that is too short', `0f00${'00'.repeat(16)}`, 'crypt-name-short'],
  ];
  for (const [what, hex, code] of badLinks) {
    test(`symbolic link: ${what}`, () => {
      expect(() => noKeySymlink(Buffer.from(hex, 'hex'))).toThrow(
        expect.objectContaining({code, errno: 'EUCLEAN'}),
      );
    });
  }
});

const reason = cannotMount();
const folder = reason === undefined ? new ImageFolder() : undefined;
afterAll(() => folder?.close());

describe.skipIf(reason !== undefined)(
  `encrypted directories without the key (${reason ?? 'mounting'})`,
  () => {
    for (const features of [
      'encrypt',
      'encrypt,inline_data',
      'encrypt,^dir_index',
      'encrypt,^metadata_csum',
    ]) {
      test(`as the kernel lists them: ${features}`, (context) => {
        let image: string;
        try {
          image = folder!.fill(32, ['-t', 'ext4', '-b', '1024', '-N', '4096', '-O', features], (root) => {
            mkdirSync(join(root, 'plain'));
            encrypted({root: Buffer.from(root), random: new Random(3), traits: {}} as unknown as Parameters<
              typeof encrypted
            >[0]);
          });
        } catch (error) {
          if (!/EOPNOTSUPP|ENOTTY|EINVAL/.test(String(error))) throw error;
          return context.skip(`this kernel encrypts nothing: ${error}`);
        }
        withKernelMount(image, 'ro', (root) => {
          withContext(image, (ctx) => {
            let names = 0;
            const walk = (below: string): void => {
              const fd = openSync(join(root, below), 'r');
              const expected = getdents(fd);
              closeSync(fd);
              const dir = inodeAt(ctx, below);
              expect(listing(ctx, dir)).toEqual(
                expected.map(({name, ino, type}) => line(name, ino, type)).sort(),
              );
              for (const {name, ino, type} of expected) {
                expect(lookup(ctx, dir, name)).toEqual({ino: Number(ino), fileType: type});
                const path = join(below, name.toString());
                if (type === 10) {
                  const target = readlink(ctx, inodeAt(ctx, path));
                  expect(Buffer.from(target).toString()).toBe(readlinkSync(join(root, path)));
                }
                if (type === 4 && name[0] !== 0x2e) walk(path);
                names++;
              }
              for (const absent of ['absent', 'n', 'A'.repeat(32), 'A'.repeat(252)]) {
                expect(lookup(ctx, dir, Buffer.from(absent))).toBeUndefined();
              }
            };
            walk('encrypted');
            expect(names).toBeGreaterThan(400);
            expect(readdirSync(join(root, 'encrypted')).some((name) => name.length === 252)).toBe(true);
            expect(statSync(join(root, 'plain')).isDirectory()).toBe(true);
          });
        });
      });
    }
  },
);
