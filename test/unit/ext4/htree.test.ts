import {linkSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {lookup, readdir} from '../../../src/ext4/dir.js';
import {dirHash, HASH_VERSION} from '../../../src/ext4/dirhash/index.js';
import type {FileBlock} from '../../../src/ext4/units.js';
import {run, withKernelMount} from '../../support/mounts.js';
import {cannotMount} from '../../support/oracle.js';
import {ImageFolder, inodeAt, MemoryImage} from './dir-image.js';

const reason = cannotMount();
const folder = reason === undefined ? new ImageFolder() : undefined;
afterAll(() => folder?.close());

const COUNT = 4000;
const nameOf = (i: number): string => `name-${i}-${'x'.repeat(150)}`;
const WANTED = nameOf(1234);

/** A directory of 1 KiB blocks with an index of two levels: 5 names a leaf, 800 leaves. */
function fill(root: string): void {
  mkdirSync(join(root, 'dir'));
  writeFileSync(join(root, 'file'), '');
  for (let i = 0; i < COUNT; i++) linkSync(join(root, 'file'), join(root, 'dir', nameOf(i)));
}

function find(image: MemoryImage, name = WANTED): unknown {
  const ctx = image.context();
  try {
    return lookup(ctx, inodeAt(ctx, 'dir'), Buffer.from(name)) === undefined ? 'not there' : 'found';
  } catch (error) {
    return (error as {code?: string}).code ?? error;
  }
}

function list(image: MemoryImage): unknown {
  const ctx = image.context();
  let count = 0;
  try {
    readdir(ctx, inodeAt(ctx, 'dir'), 0, () => ++count > 0);
    return count;
  } catch (error) {
    return (error as {code?: string}).code ?? error;
  }
}

/** Two names with the same legacy hash, one below and one above them; all of the greatest length. */
function collidingNames(): [first: string, second: string, below: string, above: string] {
  const seen = new Map<number, string>();
  const out = {hash: 0, minor: 0};
  let below = '';
  let above = '';
  for (let i = 0; ; i++) {
    const name = `${i}-`.padEnd(255, 'z');
    dirHash(Buffer.from(name), HASH_VERSION.legacy, [0, 0, 0, 0], out);
    if (out.hash > 0xfff00000) above = name;
    if (out.hash < 0x000fffff) below = name;
    const other = seen.get(out.hash);
    if (other !== undefined && above !== '' && below !== '') return [other, name, below, above];
    seen.set(out.hash, name);
  }
}

describe.skipIf(reason !== undefined)(`an index with a collision (${reason ?? 'mounting'})`, () => {
  test('names of one hash are found in both leaves they lie in', () => {
    const [first, second, below, above] = collidingNames();
    // Three names of 255 bytes fill a block of 1 KiB; the fourth makes an index and splits them. Which order splits
    // the equal ones is the kernel's business, so there are several.
    const orders = [
      [first, second, above, below],
      [below, first, second, above],
      [first, above, second, below],
      [above, below, first, second],
      [first, below, second, above],
    ];
    const image = folder!.make(8, '-t', 'ext4', '-b', '1024', '-N', '64');
    run('tune2fs', ['-E', 'hash_alg=legacy', image]);
    withKernelMount(image, 'rw', (root) => {
      for (const [i, names] of orders.entries()) {
        mkdirSync(join(root, `dir${i}`));
        for (const name of names) writeFileSync(join(root, `dir${i}`, name), '');
      }
    });
    const ctx = new MemoryImage(readFileSync(image)).context();
    let continued = 0;
    for (const [i, names] of orders.entries()) {
      const dir = inodeAt(ctx, `dir${i}`);
      const root = Buffer.from(ctx.fileBlock(dir, 0 as FileBlock)!);
      const slots = Array.from({length: root.readUInt16LE(34) - 1}, (_, slot) =>
        root.readUInt32LE(40 + slot * 8),
      );
      continued += slots.filter((hash) => hash % 2 === 1).length;
      for (const name of names) expect(lookup(ctx, dir, Buffer.from(name))).toBeDefined();
    }
    expect(continued).toBeGreaterThan(0);
  });
});

describe.skipIf(reason !== undefined)(`a damaged index (${reason ?? 'images in memory'})`, () => {
  let plain: Buffer;
  let checked: Buffer;
  /** First node, and the leaf of the wanted name. */
  let node: number;

  beforeAll(() => {
    const args = ['-t', 'ext4', '-b', '1024', '-N', '64'];
    plain = readFileSync(folder!.fill(8, [...args, '-O', '^metadata_csum'], fill));
    checked = readFileSync(folder!.fill(8, args, fill));
    const ctx = new MemoryImage(plain).context();
    const root = ctx.fileBlock(inodeAt(ctx, 'dir'), 0 as FileBlock)!;
    expect(root[30]).toBe(1);
    node = Buffer.from(root).readUInt32LE(36);
  });

  test('sound', () => {
    for (const bytes of [plain, checked]) {
      expect(find(new MemoryImage(bytes))).toBe('found');
      expect(find(new MemoryImage(bytes), 'absent')).toBe('not there');
      expect(list(new MemoryImage(bytes))).toBe(COUNT + 2);
    }
  });

  // Offsets in the root; what can't be an index makes a search of all blocks, as in the kernel.
  const roots: Array<[what: string, at: number, size: 1 | 2 | 4, value: number, outcome: string]> = [
    ['another hash version', 28, 1, 3, 'found'],
    ['a hash version that needs a key', 28, 1, 6, 'found'],
    ['a hash version far away', 28, 1, 255, 'found'],
    ['another length of the info', 29, 1, 16, 'found'],
    ['more levels than there may be', 30, 1, 2, 'found'],
    ['255 levels', 30, 1, 255, 'found'],
    ['a flag that is not known', 31, 1, 1, 'found'],
    ['another limit', 32, 2, 100, 'found'],
    ['a count of 0', 34, 2, 0, 'found'],
    ['a count above the limit', 34, 2, 200, 'found'],
    ['a slot that leads back to the root', 36, 4, 0, 'found'],
    ['a slot beyond the directory', 36, 4, 0xfffffff, 'dir-block-outside'],
  ];
  for (const [what, at, size, value, outcome] of roots) {
    test(`root: ${what}`, () => {
      const image = new MemoryImage(Buffer.from(plain));
      const position = image.positionOf('dir', 0);
      // One node for all names.
      image.bytes.writeUInt16LE(1, position + 34);
      image.bytes.writeUIntLE(value, position + at, size);
      expect(find(image)).toBe(outcome);
      expect(list(image)).toBe(COUNT + 2);
    });
  }

  test('root: bits above the block numbers do not count', () => {
    const image = new MemoryImage(Buffer.from(plain));
    const position = image.positionOf('dir', 0);
    const count = image.bytes.readUInt16LE(position + 34);
    for (let slot = 0; slot < count; slot++) image.bytes[position + 39 + slot * 8]! |= 0xf0;
    expect(find(image)).toBe('found');
  });

  const nodes: Array<[what: string, at: number, size: 1 | 2 | 4, value: number, outcome: string]> = [
    ['another limit', 8, 2, 100, 'found'],
    ['a count of 0', 10, 2, 0, 'found'],
    ['a count above the limit', 10, 2, 200, 'found'],
    ['in use', 0, 4, 12, 'htree-not-index'],
    ['a distance that is no whole block', 4, 2, 1012, 'htree-not-index'],
  ];
  for (const [what, at, size, value, outcome] of nodes) {
    test(`node: ${what}`, () => {
      const image = new MemoryImage(Buffer.from(plain));
      image.bytes.writeUInt16LE(1, image.positionOf('dir', 0) + 34);
      image.bytes.writeUIntLE(value, image.positionOf('dir', node) + at, size);
      expect(find(image)).toBe(outcome);
    });
  }

  test('a leaf that is a node has no names', () => {
    const image = new MemoryImage(Buffer.from(plain));
    const position = image.positionOf('dir', node);
    image.bytes.writeUInt16LE(1, image.positionOf('dir', 0) + 34);
    image.bytes.writeUInt16LE(1, position + 10);
    image.bytes.writeUInt32LE(node, position + 12);
    // The node leads to itself: no index, so all blocks are searched.
    expect(find(image)).toBe('found');
  });

  test('all slots with the same hash end after as many leaves as there are blocks', () => {
    const image = new MemoryImage(Buffer.from(plain));
    const root = image.positionOf('dir', 0);
    const first = image.bytes.readUInt32LE(root + 36);
    const position = image.positionOf('dir', first);
    const limit = image.bytes.readUInt16LE(position + 8);
    const rootLimit = image.bytes.readUInt16LE(root + 32);
    const leaf = image.bytes.readUInt32LE(position + 12);
    // Every name of this hash: read it from where the name really is.
    const ctx = image.context();
    const dir = inodeAt(ctx, 'dir');
    let reads = 0;
    const hash = hashOfWanted();
    image.bytes.writeUInt16LE(rootLimit, root + 34);
    image.bytes.writeUInt16LE(limit, position + 10);
    for (let slot = 1; slot < rootLimit; slot++) {
      image.bytes.writeUInt32LE(hash + 1, root + 32 + slot * 8);
      image.bytes.writeUInt32LE(first, root + 36 + slot * 8);
    }
    for (let slot = 1; slot < limit; slot++) {
      image.bytes.writeUInt32LE(hash + 1, position + 8 + slot * 8);
      image.bytes.writeUInt32LE(leaf, position + 12 + slot * 8);
    }
    const damaged = image.context();
    const counting = Object.create(damaged, {
      superblock: {value: damaged.superblock},
      fileBlock: {
        value: (...args: Parameters<typeof damaged.fileBlock>) => {
          reads++;
          return damaged.fileBlock(...args);
        },
      },
    });
    expect(() => lookup(counting, dir, Buffer.from(WANTED))).toThrow(
      expect.objectContaining({code: 'htree-loop'}),
    );
    expect(reads).toBeLessThan(5000);

    function hashOfWanted(): number {
      // Found by bisecting the index itself: the slot that leads to the name's leaf begins at or below its hash.
      const out = {hash: 0, minor: 0};
      const seed = Array.from({length: 4}, (_, i) => Buffer.from(ctx.superblock.hashSeed).readInt32LE(i * 4));
      const signed = (ctx.superblock.flags & 2) === 0;
      expect(
        dirHash(Buffer.from(WANTED), ctx.superblock.defaultHashVersion + (signed ? 0 : 3), seed, out),
      ).toBe(true);
      return out.hash;
    }
  });

  test('each changed byte of a checksummed root, node or leaf is noticed', () => {
    const image = new MemoryImage(Buffer.from(checked));
    const root = image.positionOf('dir', 0);
    const first = image.bytes.readUInt32LE(root + 36);
    const firstNode = image.positionOf('dir', first);
    const leaf = image.positionOf('dir', image.bytes.readUInt32LE(firstNode + 12));
    for (const [position, codes] of [
      [root, ['htree-checksum', 'htree-checksum-missing']],
      [firstNode, ['htree-checksum', 'htree-checksum-missing', 'dir-checksum', 'dir-checksum-missing']],
      [leaf, ['dir-checksum', 'dir-checksum-missing', 'htree-checksum-missing', 'htree-checksum']],
    ] as const) {
      const used = position === leaf ? 1024 : usedBytes(image.bytes, position, position === root ? 32 : 8);
      for (let at = 0; at < used; at += 7) {
        image.bytes[position + at]! ^= 0x10;
        expect(codes, `byte ${at}`).toContain(list(image));
        image.bytes[position + at]! ^= 0x10;
      }
    }
    expect(list(image)).toBe(COUNT + 2);
  });
});

/** Bytes of an index block that its checksum covers: up to the last slot in use. */
function usedBytes(bytes: Buffer, position: number, table: number): number {
  return table + bytes.readUInt16LE(position + table + 2) * 8;
}
