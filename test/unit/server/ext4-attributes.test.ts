import {expect, test} from 'vitest';
import type {Inode} from '../../../src/ext4/index.js';
import {encodeAttr} from '../../../src/fuse/attribute-codec.js';
import {Attr} from '../../../src/fuse/attributes.js';
import {fillAttr} from '../../../src/server/ext4-attributes.js';

/** Only what stat(2) shows. */
function inode(nsec: number): Inode {
  const times = {atime: 1, mtime: 2, ctime: 3, atimeNsec: nsec, mtimeNsec: nsec, ctimeNsec: nsec};
  return {
    ...times,
    ino: 12,
    mode: 0o100644,
    links: 1,
    uid: 0,
    gid: 0,
    blocks512: 2,
    rdevMajor: 0,
    rdevMinor: 0,
  } as Inode;
}

test('times whose nanoseconds are more than a second become an answer that FUSE takes', () => {
  const attr = new Attr();
  for (const [onDisk, shown] of [
    [0, 0],
    [999_999_999, 999_999_999],
    [1_000_000_000, 999_999_999],
    [2 ** 30 - 1, 999_999_999],
  ] as const) {
    fillAttr(attr, inode(onDisk), 5, 1024);
    expect([attr.atimensec, attr.mtimensec, attr.ctimensec]).toEqual([shown, shown, shown]);
    expect(() => encodeAttr(new DataView(new ArrayBuffer(128)), 0, attr, 12)).not.toThrow();
  }
});

test('more blocks than a number counts exactly are as many as it does', () => {
  const attr = new Attr();
  fillAttr(attr, {...inode(0), blocks512: (2 ** 48 - 1) * 128}, 5, 65_536);
  expect(attr.blocks).toBe(Number.MAX_SAFE_INTEGER);
  expect(() => encodeAttr(new DataView(new ArrayBuffer(128)), 0, attr, 12)).not.toThrow();
});
