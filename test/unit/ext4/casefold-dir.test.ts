import {linkSync, mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import {lookup} from '../../../src/ext4/dir.js';
import {decodeRoot} from '../../../src/ext4/htree-block.js';
import type {FileBlock} from '../../../src/ext4/units.js';
import {run, withKernelMount} from '../../support/mounts.js';
import {cannotMount} from '../../support/oracle.js';
import {ImageFolder, inodeAt, withContext} from './dir-image.js';

const reason = cannotMount();
const folder = reason === undefined ? new ImageFolder() : undefined;
afterAll(() => folder?.close());

const CASEFOLD_AND_EXTENTS = '0x40080000';
const NOT_UTF8 = Buffer.from([0x66, 0xff, 0x46]);
const names = [
  'ReadMe.TXT',
  'Straße',
  'ÜBER',
  'U\u0308nter',
  'Ångström',
  '\u212bngle',
  'ΣΑΣ',
  '\u13a0\u13a1',
];
for (let i = 0; i < 1500; i++) names.push(`Datei-${i}-${i % 3 === 0 ? 'Größe' : 'Name'}`);

/** A copied tree with two directories of the same names, one of which ignores case; e2fsck makes its index. */
function foldedImage(strict: boolean): string {
  const plain = folder!.fill(16, ['-t', 'ext4', '-b', '1024', '-N', '64'], (root) => {
    for (const dir of ['folded', 'exact', 'small']) mkdirSync(join(root, dir));
    writeFileSync(join(root, 'exact', 'first'), '');
    for (const dir of ['folded', 'exact']) {
      for (const name of names) linkSync(join(root, 'exact', 'first'), join(root, dir, name));
    }
    linkSync(join(root, 'exact', 'first'), join(root, 'small', 'OnlyOne'));
    linkSync(join(root, 'exact', 'first'), Buffer.concat([Buffer.from(join(root, 'small/')), NOT_UTF8]));
  });
  const image = withKernelMount(plain, 'ro', (root) =>
    folder!.make(
      16,
      ...['-t', 'ext4', '-b', '1024', '-O', 'casefold', '-N', '4096', '-d', root],
      ...['-E', strict ? 'encoding=utf8,encoding_flags=strict' : 'encoding=utf8'],
    ),
  );
  const commands = ['folded', 'small'].map((dir) => `sif /${dir} flags ${CASEFOLD_AND_EXTENTS}\n`);
  run('debugfs', ['-w', '-f', '-', image], commands.join(''));
  run('sh', ['-c', `e2fsck -fyD ${image} >/dev/null 2>&1 || test $? -lt 4`]);
  return image;
}

describe.skipIf(reason !== undefined)(`directories that ignore case (${reason ?? 'made by e2fsck'})`, () => {
  test('any spelling finds the name, by the index', () => {
    withContext(foldedImage(false), (ctx) => {
      const dir = inodeAt(ctx, 'folded');
      expect(decodeRoot(ctx.fileBlock(dir, 0 as FileBlock)!).table).toBe(32);
      let reads = 0;
      const counting = {
        superblock: ctx.superblock,
        source: ctx.source,
        cache: ctx.cache,
        checksumSeed: ctx.checksumSeed,
        block: ctx.block.bind(ctx),
        inode: ctx.inode.bind(ctx),
        mapBlock: ctx.mapBlock.bind(ctx),
        fileBlock: (...args: Parameters<typeof ctx.fileBlock>) => {
          reads++;
          return ctx.fileBlock(...args);
        },
      };
      for (const name of names) {
        const ino = lookup(ctx, dir, Buffer.from(name))?.ino;
        expect(ino, name).toBeDefined();
        reads = 0;
        for (const other of [
          name.toLowerCase(),
          name.normalize('NFD'),
          name.normalize('NFC'),
          name.replace('ß', 'SS'),
        ]) {
          expect(lookup(counting, dir, Buffer.from(other))?.ino, other).toBe(ino);
        }
        // A root, at most one node and a leaf for each, and rarely a second leaf.
        expect(reads).toBeLessThanOrEqual(16);
      }
      for (const absent of ['Datei-1501-Name', 'UBER', 'Strase', '\u00ff']) {
        expect(lookup(ctx, dir, Buffer.from(absent))).toBeUndefined();
      }
    });
  });

  test('other directories of the image are exact', () => {
    withContext(foldedImage(false), (ctx) => {
      const dir = inodeAt(ctx, 'exact');
      for (const name of names) {
        expect(lookup(ctx, dir, Buffer.from(name))).toBeDefined();
        const other = name === name.toLowerCase() ? name.toUpperCase() : name.toLowerCase();
        if (other !== name) expect(lookup(ctx, dir, Buffer.from(other)), other).toBeUndefined();
      }
    });
  });

  test('names that are no UTF-8: byte by byte, or refused by a strict encoding', () => {
    const other = Buffer.from([0x46, 0xff, 0x46]);
    withContext(foldedImage(false), (ctx) => {
      const dir = inodeAt(ctx, 'small');
      expect(lookup(ctx, dir, NOT_UTF8)).toBeDefined();
      expect(lookup(ctx, dir, other)).toBeUndefined();
      expect(lookup(ctx, dir, Buffer.from('onlyone'))).toBeDefined();
    });
    withContext(foldedImage(true), (ctx) => {
      const dir = inodeAt(ctx, 'small');
      expect(() => lookup(ctx, dir, NOT_UTF8)).toThrow(
        expect.objectContaining({errno: 'EINVAL', code: 'name-encoding'}),
      );
      expect(lookup(ctx, dir, Buffer.from('ONLYONE'))).toBeDefined();
      expect(lookup(ctx, inodeAt(ctx, 'exact'), NOT_UTF8)).toBeUndefined();
    });
  });
});
