import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {GroupTable} from '../../../src/ext4/group-table.js';
import {decodeInode, type Inode} from '../../../src/ext4/inode.js';
import {InodeTable} from '../../../src/ext4/inode-table.js';
import type {OpenedContext} from '../../../src/ext4/opened-context.js';
import type {Superblock} from '../../../src/ext4/superblock.js';
import type {DiskBlock, InodeNumber} from '../../../src/ext4/units.js';
import {contextOn} from './dir-image.js';
import {cannotMakeImages, MemoryImage} from './memory-image.js';

describe('where an inode lies', () => {
  // The last block of each group holds two inodes less than there is room for, the last group one inode less still.
  const shape = {inodesPerGroup: 14, inodesPerBlock: 4, inodeSize: 256, inodesCount: 41};
  const table = new InodeTable(
    shape as Superblock,
    {get: (group: number) => ({inodeTable: 1000 * (group + 1)})} as unknown as GroupTable,
    (block: DiskBlock) => new Uint8Array(1024).fill(block % 251),
  );
  const place = (ino: number): [block: number, at: number] => {
    const {bytes, view, at} = table.find(ino as InodeNumber);
    expect(view.buffer).toBe(bytes.buffer);
    return [bytes[0]!, at];
  };
  const expected = (ino: number): [block: number, at: number] => {
    const group = Math.floor((ino - 1) / 14);
    const index = (ino - 1) % 14;
    return [(1000 * (group + 1) + Math.floor(index / 4)) % 251, (index % 4) * 256];
  };
  const all = Array.from({length: 41}, (_, i) => i + 1);

  test.each([
    ['up', all],
    ['down', all.toReversed()],
    ['across', all.map((ino) => ((ino * 17) % 41) + 1)],
  ])('%s', (_way, numbers) => {
    for (const ino of numbers) expect(place(ino), `inode ${ino}`).toEqual(expected(ino));
  });

  test.each([0, 42, 43, 2 ** 32 - 1])('there is no inode %d', (ino) => {
    place(41);
    expect(() => table.find(ino as InodeNumber)).toThrow(expect.objectContaining({code: 'inode-number'}));
    expect(place(41)).toEqual(expected(41));
  });
});

const reason = cannotMakeImages();
const folder = mkdtempSync(join(tmpdir(), 'fuseward-inode-table-'));
afterAll(() => rmSync(folder, {recursive: true}));

const tree = join(folder, 'tree');
beforeAll(() => {
  mkdirSync(join(tree, 'directory'), {recursive: true});
  for (let i = 0; i < 40; i++) writeFileSync(join(tree, `file${i}`), 'x'.repeat(i * 100));
  symlinkSync('short', join(tree, 'fast'));
  symlinkSync('long'.repeat(30), join(tree, 'slow'));
});

/** All that an inode tells, or how it fails. */
function told(get: () => Inode): Record<string, unknown> {
  try {
    const inode = get();
    const {
      raw,
      iBlock,
      bytes: _,
      rawAt: __,
      ...fields
    } = {
      ...inode,
      raw: inode.raw,
      iBlock: inode.iBlock,
    } as Inode & {bytes: unknown; rawAt: unknown};
    return {...fields, raw: Buffer.from(raw).toString('hex'), iBlock: Buffer.from(iBlock).toString('hex')};
  } catch (error) {
    const {errno, code} = error as {errno: unknown; code: unknown};
    return {errno, code};
  }
}

describe.skipIf(reason !== undefined)('an inode for a listing is the inode', () => {
  test.each([
    ['ext4', ['-t', 'ext4']],
    ['ext4, inodes of 128 bytes', ['-t', 'ext4', '-I', '128', '-b', '1024']],
    ['ext4, inodes as large as a block', ['-t', 'ext4', '-I', '1024', '-b', '1024']],
    ['ext2', ['-t', 'ext2', '-b', '1024']],
    ['ext4 with inline data', ['-t', 'ext4', '-O', 'inline_data']],
  ])('%s', (_what, args) => {
    const image = MemoryImage.make(4, [...args, '-N', '96'], tree);
    const {inodesCount} = image.superblock;
    const compare = (context: OpenedContext): void => {
      for (let ino = 0; ino <= inodesCount + 1; ino++) {
        const listed = told(() => context.listedInode(ino as InodeNumber));
        const inode = told(() => context.inode(ino as InodeNumber));
        expect(listed, `inode ${ino}`).toEqual(inode);
        if ('code' in inode) continue;
        const raw = Buffer.from(inode['raw'] as string, 'hex');
        expect(told(() => decodeInode(context.superblock, ino as InodeNumber, raw))).toEqual(inode);
      }
    };
    const context = contextOn(image);
    compare(context);
    // One in each seven bytes of the inode table is another now: most inodes are refused, some are odd.
    const damaged = image.copy();
    const start = context.groups.get(0 as never).inodeTable * image.superblock.blockSize;
    for (let at = start; at < start + inodesCount * image.superblock.inodeSize; at += 7)
      damaged.bytes[at]! ^= at & 0xff;
    compare(contextOn(damaged));
  });

  test('it is good until the next call, and an inode that is kept is not touched by it', () => {
    const context = contextOn(MemoryImage.make(4, ['-t', 'ext4'], tree));
    const kept = context.inode(12 as InodeNumber);
    const before = told(() => kept);
    const listed = context.listedInode(13 as InodeNumber);
    expect(listed.ino).toBe(13);
    expect(context.listedInode(14 as InodeNumber)).toBe(listed);
    expect(listed.ino).toBe(14);
    expect(told(() => kept)).toEqual(before);
    context.dropCaches();
    expect(context.listedInode(13 as InodeNumber).ino).toBe(13);
  });
});
