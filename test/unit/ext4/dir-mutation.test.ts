import {linkSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import {lookup, readdir} from '../../../src/ext4/dir.js';
import {Ext4Error} from '../../../src/ext4/errors.js';
import type {Inode} from '../../../src/ext4/inode.js';
import type {OpenedContext} from '../../../src/ext4/opened-context.js';
import {getxattr, listxattr} from '../../../src/ext4/xattr.js';
import {cannotMount} from '../../support/oracle.js';
import {lsetxattr} from '../../support/posix.js';
import {Random} from '../../support/random.js';
import {ImageFolder, inodeAt, MemoryImage} from './dir-image.js';

const reason = cannotMount();
const folder = reason === undefined ? new ImageFolder() : undefined;
afterAll(() => folder?.close());

const nameOf = (i: number): string => `name-${i}-${'x'.repeat(i % 40)}`;

function fill(root: string): void {
  for (const dir of ['small', 'large']) mkdirSync(join(root, dir));
  writeFileSync(join(root, 'file'), '');
  for (let i = 0; i < 4; i++) linkSync(join(root, 'file'), join(root, 'small', nameOf(i)));
  for (let i = 0; i < 600; i++) linkSync(join(root, 'file'), join(root, 'large', nameOf(i)));
  for (const path of ['file', 'small', 'large']) {
    for (const [i, length] of [1, 20, 300].entries()) {
      lsetxattr(join(root, path), `user.${i}`, Buffer.alloc(length, 0x61));
    }
  }
}

/** A context that counts the blocks it is asked for. */
function counted(ctx: OpenedContext, counter: {reads: number}): OpenedContext {
  const {fileBlock, block} = ctx;
  ctx.fileBlock = (...args) => {
    counter.reads++;
    return fileBlock.apply(ctx, args);
  };
  ctx.block = (...args) => {
    counter.reads++;
    return block.apply(ctx, args);
  };
  return ctx;
}

/** Everything that these parts can be asked about an inode. Each question ends with an answer or an Ext4Error. */
function askAll(ctx: OpenedContext, inode: Inode): number {
  let answers = 0;
  const ask = (question: () => void): void => {
    try {
      question();
      answers++;
    } catch (error) {
      if (!(error instanceof Ext4Error)) throw error;
    }
  };
  let entries = 0;
  const size = ctx.superblock.blocksCount * ctx.superblock.blockSize;
  for (const cookie of [0, 12, 500, 1024, 5000]) {
    ask(() =>
      readdir(ctx, inode, cookie, (_ino, _type, name, next) => {
        if (name.length === 0 || name.includes(0) || name.includes(0x2f) || next > size) {
          throw new Error(`entry ${Buffer.from(name).toString('hex')}, next ${next}`);
        }
        return ++entries < 100_000;
      }),
    );
  }
  expect(entries).toBeLessThan(100_000);
  for (const name of [nameOf(1), nameOf(300), 'absent', '.', '..'])
    ask(() => lookup(ctx, inode, Buffer.from(name)));
  ask(() => expect(listxattr(ctx, inode).length).toBeLessThan(70_000));
  for (const name of ['user.0', 'user.2', 'user.absent', 'system.posix_acl_access']) {
    ask(() => getxattr(ctx, inode, Buffer.from(name)));
  }
  return answers;
}

const variants: Array<[what: string, args: string[]]> = [
  ['no checksums', ['-O', '^metadata_csum']],
  ['checksums', []],
  ['inline data, no checksums', ['-O', 'inline_data,ea_inode,^metadata_csum']],
  ['no index', ['-O', '^dir_index,^metadata_csum']],
];

describe.skipIf(reason !== undefined)(`damaged at random (${reason ?? 'seeded'})`, () => {
  for (const [what, args] of variants) {
    test(what, () => {
      const bytes = readFileSync(folder!.fill(4, ['-t', 'ext4', '-b', '1024', '-N', '64', ...args], fill));
      const sound = new MemoryImage(bytes);
      const ctx = sound.context();
      const inodes = ['', 'small', 'large', 'file'].map((path) => inodeAt(ctx, path));
      // Where damage is done: the blocks of directories, the blocks of attributes, and the ends of inodes.
      const places: Array<[position: number, length: number, inode: Inode]> = [];
      for (const [i, path] of ['', 'small', 'large'].entries()) {
        const inode = inodes[i]!;
        for (let block = 0; block * 1024 < inode.size && inode.size >= 1024; block++) {
          places.push([sound.positionOf(path, block), 1024, inode]);
        }
      }
      for (const inode of inodes) {
        if (inode.fileAcl !== 0) places.push([inode.fileAcl * 1024, 1024, inode]);
        const position = sound.inodePosition(inode.ino);
        places.push([position + 0x28, 60, inode], [position + 0x80, 128, inode]);
      }
      const random = new Random(what.length);
      let answers = 0;
      for (let round = 0; round < 1000; round++) {
        const [position, length, {ino}] = random.pick(places);
        const image = new MemoryImage(bytes);
        const undo: Array<[at: number, byte: number]> = [];
        for (let change = random.below(3); change >= 0; change--) {
          // Headers are damaged more often than the rest.
          const at = position + random.below(random.below(2) === 0 ? Math.min(64, length) : length);
          undo.push([at, bytes[at]!]);
          bytes[at] = random.pick([
            0,
            1,
            0x7f,
            0x80,
            0xff,
            random.below(256),
            bytes[at]! ^ (1 << random.below(8)),
          ]);
        }
        const counter = {reads: 0};
        try {
          const damaged = counted(image.context(), counter);
          answers += askAll(damaged, damaged.inode(ino));
        } catch (error) {
          if (!(error instanceof Ext4Error)) throw error;
        }
        // A directory has at most some hundred blocks here, and is gone through about ten times.
        expect(counter.reads).toBeLessThan(20_000);
        for (const [at, byte] of undo.reverse()) bytes[at] = byte;
      }
      expect(answers).toBeGreaterThan(1000);
    });
  }
});
