import {lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import {hasFlag} from '../../../src/ext4/inode.js';
import {INODE_FLAG} from '../../../src/ext4/inode-flags.js';
import {type InodeNumber, ROOT_INODE} from '../../../src/ext4/units.js';
import {getxattr, inlineData, listxattr} from '../../../src/ext4/xattr.js';
import {withKernelMount} from '../../support/mounts.js';
import {cannotMount} from '../../support/oracle.js';
import {cString, lgetxattr, llistxattr, lsetxattr} from '../../support/posix.js';
import {Random} from '../../support/random.js';
import {acls, xattrs} from '../../support/tree/attributes.js';
import type {Traits} from '../../support/tree/ground.js';
import {ImageFolder, inodeAt, withContext} from './dir-image.js';

const reason = cannotMount();
const folder = reason === undefined ? new ImageFolder() : undefined;
afterAll(() => folder?.close());

function fill(root: string, blockSize: number, eaInodes: boolean): void {
  const traits: Traits = {
    blockSize,
    extents: true,
    xattrLimit: eaInodes ? 20_000 : blockSize - 200,
    flags: true,
  };
  const ground = {root: Buffer.from(root), random: new Random(5), traits};
  xattrs(ground);
  acls(ground);
  const dir = join(root, 'own');
  mkdirSync(dir);
  // Entries go to the inode first, then to the block; some of both are removed from the middle by growing.
  const file = join(dir, 'many');
  writeFileSync(file, '');
  for (let i = 0; i < 25; i++) lsetxattr(file, `user.${i}`, Buffer.from(`value ${i}`));
  for (let i = 0; i < 25; i += 5) lsetxattr(file, `user.${i}`, ground.random.bytes(20));
  lsetxattr(file, 'user.\u00e4\u00ff', Buffer.from('a name that is not ASCII'));
  if (!eaInodes) return;
  for (const size of [blockSize - 1, blockSize, blockSize + 1, 3 * blockSize, 65_536]) {
    const path = join(dir, `value-${size}`);
    writeFileSync(path, '');
    lsetxattr(path, 'user.first', Buffer.from('small'));
    lsetxattr(path, 'user.large', ground.random.bytes(size));
    lsetxattr(path, 'user.\u00fc\u00ff', ground.random.bytes(size));
    lsetxattr(path, 'user.last', Buffer.from('small'));
  }
}

const variants: Array<[what: string, blockSize: number, args: string[], eaInodes: boolean]> = [
  ['inodes of 256 bytes', 4096, [], false],
  ['inodes of 128 bytes', 4096, ['-I', '128'], false],
  ['inodes of 1024 bytes', 4096, ['-I', '1024'], false],
  ['1 KiB blocks', 1024, [], false],
  ['no checksums', 1024, ['-O', '^metadata_csum'], false],
  ['a checksum seed of its own', 4096, ['-O', 'metadata_csum_seed'], false],
  ['inline data', 4096, ['-O', 'inline_data', '-I', '512'], false],
  ['values in inodes', 4096, ['-O', 'ea_inode'], true],
  ['values in inodes, 1 KiB blocks, no checksums', 1024, ['-O', 'ea_inode,^metadata_csum'], true],
  ['no features of ext4', 4096, ['-O', '^extents,^64bit,^metadata_csum,^flex_bg,^huge_file'], false],
];

describe.skipIf(reason !== undefined)(
  `extended attributes as the kernel shows them (${reason ?? 'mounting'})`,
  () => {
    for (const [what, blockSize, args, eaInodes] of variants) {
      test(what, () => {
        const image = folder!.fill(
          32,
          ['-t', 'ext4', '-b', String(blockSize), '-N', '2048', ...args],
          (root) => fill(root, blockSize, eaInodes),
        );
        withKernelMount(image, 'ro', (root) => {
          withContext(image, (ctx) => {
            let seen = 0;
            const compare = (path: string, ino: number): void => {
              const inode = ctx.inode(ino as InodeNumber);
              const expected = llistxattr(cString(path));
              const list = Buffer.from(listxattr(ctx, inode)).toString('latin1');
              expect(list, path).toBe(expected.map((name) => `${name}\0`).join(''));
              for (const name of expected) {
                const value = getxattr(ctx, inode, Buffer.from(name, 'latin1'));
                expect(value && Buffer.from(value).toString('hex'), `${path} ${name}`).toBe(
                  lgetxattr(cString(path), name).toString('hex'),
                );
                seen++;
              }
              for (const absent of ['user.absent', 'security.absent', 'trusted.absent']) {
                expect(getxattr(ctx, inode, Buffer.from(absent))).toBeUndefined();
              }
            };
            const walk = (path: string): void => {
              for (const name of readdirSync(path)) {
                const below = join(path, name);
                const stat = lstatSync(below);
                compare(below, stat.ino);
                if (stat.isDirectory()) walk(below);
              }
            };
            compare(root, ROOT_INODE);
            walk(root);
            expect(seen).toBeGreaterThan(60);
          });
        });
      });
    }

    test('name spaces that are not handed out', () => {
      const image = folder!.fill(16, ['-t', 'ext4', '-O', 'inline_data'], (root) =>
        writeFileSync(join(root, 'file'), 'text'),
      );
      withContext(image, (ctx) => {
        const inode = inodeAt(ctx, 'file');
        expect(listxattr(ctx, inode)).toHaveLength(0);
        const refused: Array<[name: string, errno: string]> = [
          ['system.data', 'EOPNOTSUPP'],
          ['system.richacl', 'EOPNOTSUPP'],
          ['system.posix_acl_access.more', 'EOPNOTSUPP'],
          ['other.name', 'EOPNOTSUPP'],
          ['user', 'EOPNOTSUPP'],
          ['user.', 'EINVAL'],
          [`user.${'n'.repeat(256)}`, 'ERANGE'],
        ];
        for (const [name, errno] of refused) {
          expect(() => getxattr(ctx, inode, Buffer.from(name)), name).toThrow(
            expect.objectContaining({errno}),
          );
        }
        expect(getxattr(ctx, inode, Buffer.from('system.posix_acl_access'))).toBeUndefined();
      });
    });

    test('inline data of every length', () => {
      for (const inodeSize of [256, 1024]) {
        const args = ['-t', 'ext4', '-O', 'inline_data', '-I', String(inodeSize), '-N', '2048'];
        const image = folder!.fill(16, args, (root) => {
          const random = new Random(7);
          for (let length = 0; length < inodeSize; length += 3) {
            writeFileSync(join(root, `f${length}`), random.bytes(length));
          }
        });
        withKernelMount(image, 'ro', (root) => {
          withContext(image, (ctx) => {
            let inline = 0;
            for (let length = 0; length < inodeSize; length += 3) {
              const inode = inodeAt(ctx, `f${length}`);
              if (!hasFlag(inode, INODE_FLAG.inlineData)) continue;
              inline++;
              expect(Buffer.from(inlineData(ctx, inode))).toEqual(readFileSync(join(root, `f${length}`)));
            }
            expect(inline).toBeGreaterThan(inodeSize === 256 ? 40 : 250);
          });
        });
      }
    });
  },
);
