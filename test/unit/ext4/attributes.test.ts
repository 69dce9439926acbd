import {describe, expect, test} from 'vitest';
import {fsxattr, STATX_ATTRIBUTES_MASK, statxAttributes, userFlags} from '../../../src/ext4/attributes.js';
import type {Ext4Context} from '../../../src/ext4/context.js';
import type {Inode} from '../../../src/ext4/inode.js';
import {INODE_FLAG} from '../../../src/ext4/inode-flags.js';
import type {Superblock} from '../../../src/ext4/superblock.js';
import {isFastSymlink, readlink} from '../../../src/ext4/symlink.js';

const REGULAR = 0o100644;
const DIRECTORY = 0o040755;

function file(flags: number, mode = REGULAR): Inode {
  return {ino: 12, mode, flags, projectId: 42} as Inode;
}

describe('flags', () => {
  test('all a user may see', () => {
    // EXT4_FL_USER_VISIBLE; regular files never show that projects are inherited.
    expect(userFlags(file(0x7fffffff, DIRECTORY)) >>> 0).toBe(0x725bdfff);
    expect(userFlags(file(0x7fffffff)) >>> 0).toBe(0x525bdfff);
    expect(userFlags(file(INODE_FLAG.hugeFile | INODE_FLAG.eaInode | INODE_FLAG.imagic))).toBe(0);
  });

  const rows: Array<[flag: keyof typeof INODE_FLAG, xflags: number, statx: number]> = [
    ['sync', 0x20, 0],
    ['immutable', 0x8, 0x10],
    ['append', 0x10, 0x20],
    ['nodump', 0x80, 0x40],
    ['noatime', 0x40, 0],
    ['projInherit', 0x200, 0],
    ['dax', 0x8000, 0],
    ['compr', 0, 0x4],
    ['encrypt', 0, 0x800],
    ['extents', 0, 0],
  ];
  test.each(rows)('%s', (flag, xflags, statx) => {
    const inode = file(INODE_FLAG[flag], DIRECTORY);
    expect(fsxattr(inode)).toEqual({xflags, extsize: 0, nextents: 0, projid: 42, cowextsize: 0});
    expect(statxAttributes(inode)).toBe(statx);
  });

  test('the mask covers every attribute', () => {
    expect(STATX_ATTRIBUTES_MASK).toBe(0x300874);
    expect((statxAttributes(file(0x7fffffff)) & ~STATX_ATTRIBUTES_MASK) >>> 0).toBe(0);
  });
});

describe('symbolic links', () => {
  const superblock = {blockSize: 1024, clusterSize: 1024, features: {eaInode: false}} as Superblock;

  function link(size: number, text: string, blocks512 = 0, flags = 0): Inode {
    const iBlock = new Uint8Array(60);
    iBlock.set(Buffer.from(text).subarray(0, 60));
    return {ino: 12, mode: 0o120777, size, iBlock, blocks512, flags, fileAcl: 0} as Inode;
  }
  function context(block: Uint8Array | undefined): Ext4Context {
    return {superblock, fileBlock: () => block} as unknown as Ext4Context;
  }
  const block = (text: string): Uint8Array => {
    const bytes = new Uint8Array(1024);
    bytes.set(Buffer.from(text));
    return bytes;
  };
  const target = (inode: Inode, content?: Uint8Array): string =>
    Buffer.from(readlink(context(content), inode)).toString();

  test('targets of up to 59 bytes lie in the inode', () => {
    expect(target(link(4, 'a/b/'))).toBe('a/b/');
    expect(target(link(59, 'x'.repeat(59)))).toBe('x'.repeat(59));
  });

  test('longer ones in a block, ending at the size, a zero or the block', () => {
    expect(target(link(70, '', 2), block('y'.repeat(70)))).toBe('y'.repeat(70));
    expect(target(link(70, '', 2), block('y'.repeat(60)))).toBe('y'.repeat(60));
    expect(target(link(5000, '', 2), block('y'.repeat(1024)))).toBe('y'.repeat(1023));
  });

  const invalid: Array<[what: string, inode: Inode, block: Uint8Array | undefined, code: string]> = [
    ['an empty target', link(0, ''), undefined, 'symlink-length'],
    ['a target shorter than its size', link(5, 'abcd'), undefined, 'symlink-length'],
    ['a target longer than its size', link(3, 'abcd'), undefined, 'symlink-length'],
    ['a target that fills i_block', link(60, 'x'.repeat(60)), undefined, 'symlink-length'],
    ['a hole instead of a target', link(70, '', 2), undefined, 'symlink-hole'],
  ];
  test.each(invalid)('%s', (_what, inode, content, code) => {
    expect(() => readlink(context(content), inode)).toThrow(
      expect.objectContaining({errno: 'EUCLEAN', code}),
    );
  });

  test('no target is longer than a path may be', () => {
    const large = {...superblock, blockSize: 65_536} as Superblock;
    const ctx = {
      superblock: large,
      fileBlock: () => new Uint8Array(65_536).fill(0x78),
    } as unknown as Ext4Context;
    expect(() => readlink(ctx, link(60_000, '', 128))).toThrow(
      expect.objectContaining({code: 'symlink-length'}),
    );
    expect(readlink(ctx, link(4095, '', 128)).length).toBe(4095);
  });

  test('an attribute block is no sign of a target in a block', () => {
    expect(isFastSymlink(superblock, {...link(4, 'abcd', 2), fileAcl: 9} as Inode)).toBe(true);
    expect(isFastSymlink(superblock, link(4, 'abcd', 2))).toBe(false);
    // With ea_inode the size alone decides.
    const eaInode = {...superblock, features: {eaInode: true}} as Superblock;
    expect(isFastSymlink(eaInode, link(4, 'abcd', 2))).toBe(true);
    expect(isFastSymlink(eaInode, link(60, 'x'))).toBe(false);
  });
});
