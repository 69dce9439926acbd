import {closeSync, linkSync, mkdirSync, openSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import {lookup, readdir} from '../../../src/ext4/dir.js';
import {decodeRoot} from '../../../src/ext4/htree-block.js';
import type {Inode} from '../../../src/ext4/inode.js';
import type {OpenedContext} from '../../../src/ext4/opened-context.js';
import {type FileBlock, type InodeNumber, ROOT_INODE} from '../../../src/ext4/units.js';
import {run, withKernelMount} from '../../support/mounts.js';
import {cannotMount} from '../../support/oracle.js';
import {getdents, mknod, type RawDirent, S_IF} from '../../support/posix.js';
import {ImageFolder, inodeAt, line, listing, withContext} from './dir-image.js';

const reason = cannotMount();
const folder = reason === undefined ? new ImageFolder() : undefined;
afterAll(() => folder?.close());

const oddNames = [
  ' ',
  '\n',
  '...',
  '-',
  'CaSe',
  'case',
  '\u00fc',
  'u\u0308',
  '😀',
  'n'.repeat(255),
  'ü'.repeat(127),
];

/** Names of every length and with every byte, as bytes. */
function manyNames(count: number): Buffer[] {
  const names = oddNames.map((name) => Buffer.from(name));
  for (let byte = 1; byte < 256; byte++) {
    if (byte !== 0x2f && byte !== 0x2e) names.push(Buffer.of(byte), Buffer.of(0x61, byte, 0x80, byte));
  }
  for (let i = names.length; i < count; i++) names.push(Buffer.from(`entry-${i}-${'x'.repeat(i % 60)}`));
  return names.filter((name, i) => names.findIndex((other) => other.equals(name)) === i);
}

function path(...parts: ReadonlyArray<string | Buffer>): Buffer {
  return Buffer.concat(
    parts.flatMap((part, i) => (i === 0 ? [Buffer.from(part)] : [Buffer.from('/'), Buffer.from(part)])),
  );
}

const names = manyNames(3000);

function fill(root: string): void {
  for (const dir of ['empty', 'few', 'many', 'shrunk', 'kinds']) mkdirSync(join(root, dir));
  const file = join(root, 'few', 'file');
  writeFileSync(file, 'x');
  for (const name of names) linkSync(path(file), path(root, 'many', name));
  for (let i = 0; i < 2000; i++) linkSync(file, join(root, 'shrunk', `s${i}-${'y'.repeat(i % 100)}`));
  for (let i = 0; i < 2000; i++)
    if (i % 7 !== 0) rmSync(join(root, 'shrunk', `s${i}-${'y'.repeat(i % 100)}`));
  mkdirSync(join(root, 'kinds', 'directory'));
  symlinkSync('target', join(root, 'kinds', 'symlink'));
  mknod(join(root, 'kinds', 'fifo'), S_IF.FIFO | 0o600);
  mknod(join(root, 'kinds', 'socket'), S_IF.SOCK | 0o600);
  mknod(join(root, 'kinds', 'character'), S_IF.CHR | 0o600, 1, 3);
  mknod(join(root, 'kinds', 'block'), S_IF.BLK | 0o600, 7, 0);
}

function kernelEntries(directory: string): RawDirent[] {
  const fd = openSync(directory, 'r');
  try {
    return getdents(fd);
  } finally {
    closeSync(fd);
  }
}

/** Compares a whole directory with what the kernel says of it. */
function compare(ctx: OpenedContext, dir: Inode, expected: readonly RawDirent[]): void {
  expect(listing(ctx, dir)).toEqual(expected.map(({name, ino, type}) => line(name, ino, type)).sort());
  for (const {name, ino, type} of expected) {
    const entry = lookup(ctx, dir, name);
    expect(entry && line(name, entry.ino, entry.fileType), name.toString('latin1')).toBe(
      line(name, ino, type),
    );
  }
  for (const absent of ['absent', 'ENTRY-100-', 'x'.repeat(255), '\u00e4', '']) {
    expect(lookup(ctx, dir, Buffer.from(absent))).toBeUndefined();
  }
}

const variants: Array<[what: string, args: string[], after: (image: string) => void]> = [
  ['4 KiB blocks', ['-t', 'ext4', '-b', '4096'], () => undefined],
  [
    '1 KiB blocks, seeded',
    ['-t', 'ext4', '-b', '1024', '-E', 'hash_seed=deadbeef-1234-5678-9abc-def011223344'],
    () => undefined,
  ],
  [
    '2 KiB blocks and tea',
    ['-t', 'ext4', '-b', '2048'],
    (image) => run('tune2fs', ['-E', 'hash_alg=tea', image]),
  ],
  [
    'the legacy hash',
    ['-t', 'ext4', '-b', '1024'],
    (image) => run('tune2fs', ['-E', 'hash_alg=legacy', image]),
  ],
  [
    'half md4, unsigned',
    ['-t', 'ext4', '-b', '1024'],
    (image) => run('debugfs', ['-w', '-R', 'ssv flags 2', image]),
  ],
  [
    'half md4, signed',
    ['-t', 'ext4', '-b', '1024'],
    (image) => run('debugfs', ['-w', '-R', 'ssv flags 1', image]),
  ],
  [
    'tea, unsigned',
    ['-t', 'ext4', '-b', '1024'],
    (image) => {
      run('tune2fs', ['-E', 'hash_alg=tea', image]);
      run('debugfs', ['-w', '-R', 'ssv flags 2', image]);
    },
  ],
  [
    'the legacy hash, unsigned',
    ['-t', 'ext4', '-b', '1024'],
    (image) => {
      run('tune2fs', ['-E', 'hash_alg=legacy', image]);
      run('debugfs', ['-w', '-R', 'ssv flags 2', image]);
    },
  ],
  [
    'no word on signedness',
    ['-t', 'ext4', '-b', '1024'],
    (image) => run('debugfs', ['-w', '-R', 'ssv flags 0', image]),
  ],
  ['no checksums', ['-t', 'ext4', '-b', '1024', '-O', '^metadata_csum,^64bit'], () => undefined],
  ['ext3', ['-t', 'ext3', '-b', '1024'], () => undefined],
  ['ext2 without index', ['-t', 'ext2', '-b', '1024', '-O', '^dir_index'], () => undefined],
  ['ext2 without file types', ['-t', 'ext2', '-b', '4096', '-O', '^filetype'], () => undefined],
  ['inline data', ['-t', 'ext4', '-b', '4096', '-O', 'inline_data'], () => undefined],
  [
    'inline data in large inodes',
    ['-t', 'ext4', '-b', '4096', '-I', '1024', '-O', 'inline_data'],
    () => undefined,
  ],
  [
    'a checksum seed of its own',
    ['-t', 'ext4', '-O', 'metadata_csum_seed'],
    (image) => run('tune2fs', ['-U', 'random', image]),
  ],
];

describe.skipIf(reason !== undefined)(
  `directories as the kernel shows them (${reason ?? 'mounting'})`,
  () => {
    for (const [what, args, after] of variants) {
      test(what, () => {
        const image = folder!.make(16, '-N', '2048', ...args);
        after(image);
        withKernelMount(image, 'rw', fill);
        withKernelMount(image, 'ro', (root) => {
          withContext(image, (ctx) => {
            for (const dir of ['', 'empty', 'few', 'many', 'shrunk', 'kinds', 'kinds/directory']) {
              compare(ctx, inodeAt(ctx, dir), kernelEntries(join(root, dir)));
            }
          });
        });
      });
    }

    test('listing in pieces, from every cookie', () => {
      const image = folder!.fill(16, ['-t', 'ext4', '-b', '1024', '-N', '2048'], fill);
      withContext(image, (ctx) => {
        const dir = inodeAt(ctx, 'many');
        const all: Array<[name: string, next: number]> = [];
        readdir(
          ctx,
          dir,
          0,
          (_ino, _type, name, next) => all.push([Buffer.from(name).toString('latin1'), next]) > 0,
        );
        expect(all).toHaveLength(names.length + 2);
        for (const [i, [, cookie]] of all.entries()) {
          let seen: string | undefined;
          readdir(ctx, dir, cookie, (_ino, _type, name) => {
            seen = Buffer.from(name).toString('latin1');
            return false;
          });
          expect(seen).toBe(all[i + 1]?.[0]);
        }
        // A made-up cookie inside an entry means the next one: no name comes out that is none.
        const real = new Set(all.map(([name]) => name));
        for (let cookie = 1; cookie < 4096; cookie++) {
          readdir(ctx, dir, cookie, (_ino, _type, name) => {
            expect(real).toContain(Buffer.from(name).toString('latin1'));
            return false;
          });
        }
      });
    });

    test('an index of three levels, searched in a handful of blocks', () => {
      const count = 50_000;
      const nameOf = (i: number): string => `${i}-`.padEnd(255, 'z');
      const image = folder!.fill(
        96,
        ['-t', 'ext4', '-b', '1024', '-O', 'large_dir', '-N', '2048'],
        (root) => {
          mkdirSync(join(root, 'large'));
          writeFileSync(join(root, 'file'), '');
          for (let i = 0; i < count; i++) linkSync(join(root, 'file'), join(root, 'large', nameOf(i)));
        },
      );
      withContext(image, (ctx) => {
        const dir = inodeAt(ctx, 'large');
        const ino = inodeAt(ctx, 'file').ino;
        expect(decodeRoot(ctx.fileBlock(dir, 0 as FileBlock)!).indirectLevels).toBe(2);
        expect(listing(ctx, dir)).toHaveLength(count + 2);
        for (let i = 0; i < count; i += 977) expect(lookup(ctx, dir, Buffer.from(nameOf(i)))?.ino).toBe(ino);
        const touched = new Set<number>();
        const counting = {
          superblock: ctx.superblock,
          source: ctx.source,
          cache: ctx.cache,
          checksumSeed: ctx.checksumSeed,
          block: ctx.block.bind(ctx),
          inode: ctx.inode.bind(ctx),
          mapBlock: ctx.mapBlock.bind(ctx),
          fileBlock: (inode: Inode, block: FileBlock) => {
            touched.add(block);
            return ctx.fileBlock(inode, block);
          },
        };
        lookup(counting, dir, Buffer.from(nameOf(4321)));
        lookup(counting, dir, Buffer.from('not there'));
        // Root, two nodes and a leaf for each.
        expect(touched.size).toBeLessThanOrEqual(8);
      });
    });

    test('a depth that needs large_dir is searched in all blocks without it', () => {
      const image = folder!.fill(
        64,
        ['-t', 'ext4', '-b', '1024', '-O', '^metadata_csum', '-N', '2048'],
        fill,
      );
      withContext(image, (ctx) => {
        const dir = inodeAt(ctx, 'many');
        const root = ctx.fileBlock(dir, 0 as FileBlock)!;
        root[30] = 2;
        const entry = lookup(ctx, dir, names[100]!);
        expect(entry?.ino).toBe(inodeAt(ctx, 'few/file').ino);
        root[30] = 0;
        root[28] = 3;
        expect(lookup(ctx, dir, names[100]!)?.ino).toBe(entry?.ino);
      });
    });

    test('64 KiB blocks, from a copied tree', () => {
      const plain = folder!.fill(16, ['-t', 'ext4', '-N', '8192'], (root) => {
        mkdirSync(join(root, 'many'));
        for (const name of names) mknod(path(root, 'many', name), S_IF.REG | 0o644);
      });
      const image = withKernelMount(plain, 'ro', (root) =>
        folder!.make(32, '-t', 'ext4', '-b', '65536', '-N', '8192', '-d', root),
      );
      withContext(image, (ctx) => {
        const dir = inodeAt(ctx, 'many');
        const seen = new Set<string>();
        readdir(
          ctx,
          dir,
          0,
          (_ino, _type, name) => seen.add(Buffer.from(name).toString('hex')) !== undefined,
        );
        expect(seen.size).toBe(names.length + 2);
        for (const name of names) {
          expect(seen).toContain(name.toString('hex'));
          expect(lookup(ctx, dir, name)).toBeDefined();
        }
      });
      // e2fsck -D makes an index.
      run('sh', ['-c', `e2fsck -fyD ${image} >/dev/null 2>&1 || test $? -lt 4`]);
      withContext(image, (ctx) => {
        const dir = inodeAt(ctx, 'many');
        for (const name of names) expect(lookup(ctx, dir, name)).toBeDefined();
        expect(listing(ctx, dir)).toHaveLength(names.length + 2);
      });
    });

    test('`.` and `..`', () => {
      for (const features of ['inline_data', '^inline_data']) {
        const image = folder!.fill(16, ['-t', 'ext4', '-O', features, '-N', '2048'], fill);
        withContext(image, (ctx) => {
          const dir = inodeAt(ctx, 'kinds/directory');
          expect(lookup(ctx, dir, Buffer.from('.'))).toEqual({ino: dir.ino, fileType: 4});
          expect(lookup(ctx, dir, Buffer.from('..'))).toEqual({ino: inodeAt(ctx, 'kinds').ino, fileType: 4});
          expect(lookup(ctx, ctx.inode(ROOT_INODE), Buffer.from('..'))).toEqual({ino: 2, fileType: 4});
        });
      }
    });

    test('what is no directory, and names that are too long', () => {
      const image = folder!.fill(16, ['-t', 'ext4', '-N', '2048'], fill);
      withContext(image, (ctx) => {
        const file = inodeAt(ctx, 'few/file');
        expect(() => lookup(ctx, file, Buffer.from('x'))).toThrow(
          expect.objectContaining({errno: 'ENOTDIR'}),
        );
        expect(() => readdir(ctx, file, 0, () => true)).toThrow(expect.objectContaining({errno: 'ENOTDIR'}));
        const root = ctx.inode(2 as InodeNumber);
        expect(() => lookup(ctx, root, Buffer.alloc(256, 0x61))).toThrow(
          expect.objectContaining({errno: 'ENAMETOOLONG'}),
        );
        expect(() => readdir(ctx, root, -1, () => true)).toThrow(expect.objectContaining({errno: 'EINVAL'}));
      });
    });
  },
);
