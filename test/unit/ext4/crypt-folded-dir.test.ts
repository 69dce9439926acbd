import {describe, expect, test} from 'vitest';
import {BlockCache, type BlockSource} from '../../../src/block/index.js';
import type {Ext4Context} from '../../../src/ext4/context.js';
import {noKeyName} from '../../../src/ext4/crypt-name.js';
import {lookup, readdir} from '../../../src/ext4/dir.js';
import type {Inode} from '../../../src/ext4/inode.js';
import {INODE_FLAG, MODE_TYPE} from '../../../src/ext4/inode-flags.js';
import type {Superblock} from '../../../src/ext4/superblock.js';
import type {DiskBlock, FileBlock, InodeNumber} from '../../../src/ext4/units.js';
import {Random} from '../../support/random.js';

/*
 * Directories that are encrypted and ignore case keep a keyed hash beside each name. No tool at hand makes them, so
 * these are built by hand after Documentation/filesystems/ext4/directory.rst.
 */
const BLOCK_SIZE = 1024;
const DIR = 12 as InodeNumber;

interface Name {
  ciphertext: Buffer;
  hash: number;
  minor: number;
  ino: number;
}

function putEntry(
  block: Buffer,
  at: number,
  distance: number,
  ino: number,
  name: Uint8Array,
  hash?: [number, number],
): void {
  block.writeUInt32LE(ino, at);
  block.writeUInt16LE(distance, at + 4);
  block[at + 6] = name.length;
  block[at + 7] = name[0] === 0x2e ? 2 : 1;
  block.set(name, at + 8);
  if (hash === undefined) return;
  const after = at + ((8 + name.length + 3) & ~3);
  block.writeUInt32LE(hash[0], after);
  block.writeUInt32LE(hash[1], after + 4);
}

function leaf(names: readonly Name[], before: ReadonlyArray<[ino: number, name: string]> = []): Buffer {
  const block = Buffer.alloc(BLOCK_SIZE);
  let at = 0;
  let last = 0;
  for (const [ino, name] of before) {
    putEntry(block, at, 12, ino, Buffer.from(name));
    last = at;
    at += 12;
  }
  for (const {ciphertext, hash, minor, ino} of names) {
    const distance = (8 + ciphertext.length + 8 + 3) & ~3;
    putEntry(block, at, distance, ino, ciphertext, [hash, minor]);
    last = at;
    at += distance;
  }
  block.writeUInt16LE(BLOCK_SIZE - last, last + 4);
  return block;
}

/** A root of an index with the siphash version, over leaves from block 1 on. */
function root(starts: readonly number[]): Buffer {
  const block = Buffer.alloc(BLOCK_SIZE);
  putEntry(block, 0, 12, DIR, Buffer.from('.'));
  putEntry(block, 12, BLOCK_SIZE - 12, 2, Buffer.from('..'));
  block.set([6, 8, 0, 0], 28);
  starts.forEach((start, i) => {
    block.writeUInt32LE(start, 32 + i * 8);
    block.writeUInt32LE(i + 1, 36 + i * 8);
  });
  block.writeUInt16LE((BLOCK_SIZE - 32) / 8, 32);
  block.writeUInt16LE(starts.length, 34);
  return block;
}

function contextOf(blocks: readonly Buffer[], reads: number[]): Ext4Context {
  const source: BlockSource = {size: 0, read: () => 0};
  const features = {casefold: true, dirIndex: true, filetype: true, metadataCsum: false, largeDir: false};
  const superblock = {
    features,
    blockSize: BLOCK_SIZE,
    blocksCount: 100,
    firstInode: 11,
    inodesCount: 1000,
    hashSeed: new Uint8Array(16),
    defaultHashVersion: 1,
    flags: 1,
    encodingFlags: 0,
  } as unknown as Superblock;
  return {
    superblock,
    source,
    cache: new BlockCache(source, {blockSize: BLOCK_SIZE, limit: 1}),
    checksumSeed: 0,
    block: () => new Uint8Array(),
    inode: () => {
      throw new Error('no inodes here');
    },
    mapBlock: () => 0 as DiskBlock,
    fileBlock: (_inode: Inode, block: FileBlock) => {
      reads.push(block);
      return blocks[block];
    },
  };
}

function directory(blocks: number, flags: number): Inode {
  return {
    ino: DIR,
    mode: MODE_TYPE.directory,
    size: blocks * BLOCK_SIZE,
    flags: INODE_FLAG.encrypt | INODE_FLAG.casefold | flags,
    checksumSeed: 0,
  } as unknown as Inode;
}

const random = new Random(4);
const names: Name[] = [16, 32, 48, 160, 255, 17, 100, 150].map((length, i) => ({
  ciphertext: random.bytes(length),
  hash: (i + 1) * 0x10000000,
  minor: random.u32(),
  ino: 20 + i,
}));
const shown = ({ciphertext, hash, minor}: Name): string =>
  Buffer.from(noKeyName(ciphertext, hash, minor)).toString();

function list(ctx: Ext4Context, dir: Inode): string[] {
  const found: string[] = [];
  readdir(ctx, dir, 0, (_ino, _type, name) => found.push(Buffer.from(name).toString()) > 0);
  return found;
}

describe('encrypted directories that ignore case, without the key', () => {
  test('one block', () => {
    const ctx = contextOf(
      [
        leaf(names.slice(0, 5), [
          [DIR, '.'],
          [2, '..'],
        ]),
      ],
      [],
    );
    const dir = directory(1, 0);
    expect(list(ctx, dir)).toEqual(['.', '..', ...names.slice(0, 5).map(shown)]);
    for (const name of names.slice(0, 5)) {
      expect(lookup(ctx, dir, Buffer.from(shown(name)))).toEqual({ino: name.ino, fileType: 8});
    }
  });

  test('an index, searched by the hash that the name carries', () => {
    const reads: number[] = [];
    const blocks = [root([0, 0x50000000]), leaf(names.slice(0, 4)), leaf(names.slice(4))];
    const ctx = contextOf(blocks, reads);
    const dir = directory(3, INODE_FLAG.index);
    expect(list(ctx, dir)).toEqual(['.', '..', ...names.map(shown)]);
    for (const [i, name] of names.entries()) {
      reads.length = 0;
      expect(lookup(ctx, dir, Buffer.from(shown(name)))).toEqual({ino: name.ino, fileType: 8});
      expect(reads).toEqual([0, i < 4 ? 1 : 2]);
    }
    expect(
      lookup(ctx, dir, Buffer.from(shown({...names[0]!, ciphertext: random.bytes(40)}))),
    ).toBeUndefined();
  });

  test('an index of a hash that is not stored is not used', () => {
    const blocks = [root([0]), leaf(names.slice(0, 4))];
    blocks[0]![28] = 1;
    const ctx = contextOf(blocks, []);
    expect(lookup(ctx, directory(2, INODE_FLAG.index), Buffer.from(shown(names[1]!)))?.ino).toBe(
      names[1]!.ino,
    );
  });
});
