import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {lookup, readdir} from '../../../src/ext4/dir.js';
import {inlineData} from '../../../src/ext4/xattr.js';
import {cannotMount} from '../../support/oracle.js';
import {ImageFolder, inodeAt, MemoryImage} from './dir-image.js';

const reason = cannotMount();
const folder = reason === undefined ? new ImageFolder() : undefined;
afterAll(() => folder?.close());

/** Of the inode: i_block, and the attributes after i_extra_isize of 32. */
const I_BLOCK = 0x28;
const XATTRS = 0xa0;
/** The one attribute, system.data, begins after the header. */
const ENTRY = XATTRS + 4;

function codeOf(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return (error as {code?: string}).code ?? error;
  }
}

function names(image: MemoryImage, cookie = 0): unknown {
  return codeOf(() => {
    const ctx = image.context();
    const found: string[] = [];
    readdir(
      ctx,
      inodeAt(ctx, 'dir'),
      cookie,
      (_ino, _type, name) => found.push(Buffer.from(name).toString()) > 0,
    );
    return found;
  });
}

describe.skipIf(reason !== undefined)(
  `damaged inline directories and files (${reason ?? 'images in memory'})`,
  () => {
    let bytes: Buffer;
    let dir: number;
    let file: number;
    const all = ['.', '..', 'first', 'second', 'third-name', 'fourth-name', 'fifth-name'];

    beforeAll(() => {
      const args = ['-t', 'ext4', '-O', 'inline_data,^metadata_csum', '-N', '64'];
      bytes = readFileSync(
        folder!.fill(8, args, (root) => {
          mkdirSync(join(root, 'dir'));
          for (const name of all.slice(2)) writeFileSync(join(root, 'dir', name), '');
          writeFileSync(join(root, 'file'), 'x'.repeat(100));
        }),
      );
      const image = new MemoryImage(bytes);
      const ctx = image.context();
      dir = image.inodePosition(inodeAt(ctx, 'dir').ino);
      file = image.inodePosition(inodeAt(ctx, 'file').ino);
      expect(bytes.readUInt32LE(dir + XATTRS)).toBe(0xea020000);
      expect(bytes[dir + ENTRY + 1]).toBe(7);
    });

    test('sound, from each cookie', () => {
      const image = new MemoryImage(bytes);
      expect(names(image)).toEqual(all);
      const ctx = image.context();
      readdir(ctx, inodeAt(ctx, 'dir'), 0, (_ino, _type, name, next) => {
        expect(names(image, next)).toEqual(all.slice(all.indexOf(Buffer.from(name).toString()) + 1));
        return true;
      });
      for (const name of all) expect(lookup(ctx, inodeAt(ctx, 'dir'), Buffer.from(name))).toBeDefined();
      expect(lookup(ctx, inodeAt(ctx, 'dir'), Buffer.from('absent'))).toBeUndefined();
    });

    const rows: Array<[what: string, at: number, size: 1 | 2 | 4, value: number, outcome: string]> = [
      ['no parent', I_BLOCK, 4, 0, 'dir-parent'],
      ['a parent beyond the last inode', I_BLOCK, 4, 0xffffff, 'dir-parent'],
      ['a first entry of no length', I_BLOCK + 8, 2, 0, 'dir-entry-short'],
      ['an odd distance', I_BLOCK + 8, 2, 17, 'dir-entry-alignment'],
      ['an entry over the end of i_block', I_BLOCK + 8, 2, 60, 'dir-entry-crosses'],
      ['a name longer than its entry', I_BLOCK + 10, 1, 200, 'dir-name-length'],
      ['an inode beyond the last', I_BLOCK + 4, 4, 0xffffff, 'dir-inode'],
      ['a slash in a name', I_BLOCK + 12, 1, 0x2f, 'dir-name'],
      ['another name space for system.data', ENTRY + 1, 1, 1, 'inline-data-missing'],
      ['a value in an inode', ENTRY + 4, 4, 12, 'xattr-value-inode-feature'],
      ['a value beyond the inode', ENTRY + 8, 4, 1000, 'xattr-value-outside'],
      ['a value among the entries', ENTRY + 2, 2, 4, 'xattr-value-overlaps'],
      ['no attributes at all', XATTRS, 4, 0, 'inline-data-missing'],
    ];
    for (const [what, at, size, value, outcome] of rows) {
      test(what, () => {
        const image = new MemoryImage(Buffer.from(bytes));
        image.bytes.writeUIntLE(value, dir + at, size);
        expect(names(image)).toBe(outcome);
      });
    }

    test('a file shorter or longer than its data', () => {
      for (const [size, length] of [
        [0, 0],
        [59, 59],
        [100, 100],
        [1000, 100],
      ] as const) {
        const image = new MemoryImage(Buffer.from(bytes));
        image.bytes.writeUInt32LE(size, file + 4);
        const ctx = image.context();
        expect(Buffer.from(inlineData(ctx, inodeAt(ctx, 'file'))).toString()).toBe('x'.repeat(length));
      }
    });
  },
);
