import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {getxattr, listxattr} from '../../../src/ext4/xattr.js';
import {cannotMount} from '../../support/oracle.js';
import {lsetxattr} from '../../support/posix.js';
import {Random} from '../../support/random.js';
import {ImageFolder, inodeAt, MemoryImage} from './dir-image.js';

const reason = cannotMount();
const folder = reason === undefined ? new ImageFolder() : undefined;
afterAll(() => folder?.close());

const XATTRS = 0xa0;
const ENTRY = XATTRS + 4;

describe.skipIf(reason !== undefined)(`damaged attributes (${reason ?? 'images in memory'})`, () => {
  let bytes: Buffer;
  let owner: number;
  let value: number;
  let block: number;

  function outcome(image: MemoryImage, path = 'file', name = 'user.large'): unknown {
    try {
      const ctx = image.context();
      return getxattr(ctx, inodeAt(ctx, path), Buffer.from(name))?.length;
    } catch (error) {
      return (error as {code?: string}).code ?? error;
    }
  }

  beforeAll(() => {
    const random = new Random(9);
    bytes = readFileSync(
      folder!.fill(8, ['-t', 'ext4', '-b', '1024', '-O', 'ea_inode,^metadata_csum', '-N', '64'], (root) => {
        writeFileSync(join(root, 'file'), '');
        lsetxattr(join(root, 'file'), 'user.large', random.bytes(3000));
        writeFileSync(join(root, 'block'), '');
        lsetxattr(join(root, 'block'), 'user.some', random.bytes(500));
      }),
    );
    const image = new MemoryImage(bytes);
    const ctx = image.context();
    owner = image.inodePosition(inodeAt(ctx, 'file').ino);
    value = image.inodePosition(bytes.readUInt32LE(owner + ENTRY + 4));
    block = inodeAt(ctx, 'block').fileAcl * 1024;
    expect(block).toBeGreaterThan(0);
  });

  test('sound', () => {
    expect(outcome(new MemoryImage(bytes))).toBe(3000);
    expect(outcome(new MemoryImage(bytes), 'block', 'user.some')).toBe(500);
  });

  const rows: Array<
    [what: string, where: 'owner' | 'value', at: number, size: 1 | 2 | 4, to: number, outcome: string]
  > = [
    ['the owner itself', 'owner', ENTRY + 4, 4, -1, 'ea-inode-self'],
    ['an inode that is no value', 'owner', ENTRY + 4, 4, 11, 'ea-inode-flag'],
    ['a reserved inode', 'owner', ENTRY + 4, 4, 2, 'xattr-value-inode'],
    ['another size', 'owner', ENTRY + 8, 4, 2999, 'ea-inode-size'],
    ['a size larger than getxattr gives', 'owner', ENTRY + 8, 4, 70_000, 'xattr-value-large'],
    ['another hash of the entry', 'owner', ENTRY + 12, 4, 1, 'ea-inode-entry-hash'],
    ['no flag', 'value', 0x20, 4, 0x80000, 'ea-inode-flag'],
    ['another hash of the value', 'value', 0x8, 4, 1, 'ea-inode-hash'],
    ['another size of the value', 'value', 0x4, 4, 3001, 'ea-inode-size'],
    ['a map without blocks', 'value', 0x28 + 2, 2, 0, 'ea-inode-hole'],
  ];
  for (const [what, where, at, size, to, code] of rows) {
    test(`value in an inode: ${what}`, () => {
      const image = new MemoryImage(Buffer.from(bytes));
      const number = to === -1 ? inodeAt(image.context(), 'file').ino : to;
      image.bytes.writeUIntLE(number, (where === 'owner' ? owner : value) + at, size);
      expect(outcome(image)).toBe(code);
    });
  }

  test('value in an inode: another name, which the hash covers', () => {
    const image = new MemoryImage(Buffer.from(bytes));
    image.bytes.write('x', owner + ENTRY + 20, 'latin1');
    expect(outcome(image, 'file', 'user.largx')).toBe('ea-inode-entry-hash');
  });

  test('value in an inode: attributes of its own', () => {
    const image = new MemoryImage(Buffer.from(bytes));
    image.bytes.writeUInt32LE(block / 1024, value + 0x68);
    expect(outcome(image)).toBe('ea-inode-xattrs');
  });

  test('value in an inode: a changed byte', () => {
    const ctx = new MemoryImage(bytes).context();
    const inode = ctx.inode(bytes.readUInt32LE(owner + ENTRY + 4) as never);
    const position = ctx.mapBlock(inode, 1 as never) * 1024;
    const image = new MemoryImage(Buffer.from(bytes));
    image.bytes[position + 17]! ^= 4;
    expect(outcome(image)).toBe('ea-inode-hash');
  });

  const headers: Array<[what: string, at: number, size: 1 | 2 | 4, to: number, code: string]> = [
    ['another magic number', 0, 4, 0xea010000, 'xattr-header'],
    ['two blocks', 8, 4, 2, 'xattr-header'],
    ['a name beyond the block', 32, 1, 255, 'xattr-value-overlaps'],
    ['a value beyond the block', 40, 4, 60_000, 'xattr-value-outside'],
  ];
  for (const [what, at, size, to, code] of headers) {
    test(`block of attributes: ${what}`, () => {
      const image = new MemoryImage(Buffer.from(bytes));
      image.bytes.writeUIntLE(to, block + at, size);
      const found = outcome(image, 'block', 'user.some');
      if (at === 32) expect(['xattr-value-overlaps', 'xattr-name', 'xattr-entry-outside']).toContain(found);
      else expect(found).toBe(code);
    });
  }

  test('each changed byte of a checksummed block is noticed', () => {
    const image = new MemoryImage(
      readFileSync(
        folder!.fill(8, ['-t', 'ext4', '-b', '1024', '-N', '64'], (root) => {
          writeFileSync(join(root, 'block'), '');
          lsetxattr(join(root, 'block'), 'user.some', new Random(10).bytes(500));
        }),
      ),
    );
    const ctx = image.context();
    const at = inodeAt(ctx, 'block').fileAcl * 1024;
    for (let byte = 0; byte < 1024; byte++) {
      image.bytes[at + byte]! ^= 0x20;
      const damaged = image.context();
      const code = byte < 4 || (byte >= 8 && byte < 12) ? 'xattr-header' : 'xattr-checksum';
      expect(() => listxattr(damaged, inodeAt(damaged, 'block')), String(byte)).toThrow(
        expect.objectContaining({code}),
      );
      image.bytes[at + byte]! ^= 0x20;
    }
  });
});
