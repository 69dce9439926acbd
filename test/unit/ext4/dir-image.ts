import {closeSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type BlockSource, FileSource} from '../../../src/block/index.js';
import type {Ext4Context} from '../../../src/ext4/context.js';
import {lookup, readdir} from '../../../src/ext4/dir.js';
import type {Inode} from '../../../src/ext4/inode.js';
import {OpenedContext} from '../../../src/ext4/opened-context.js';
import {decodeSuperblock, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE} from '../../../src/ext4/superblock.js';
import {type FileBlock, type GroupNumber, ROOT_INODE} from '../../../src/ext4/units.js';
import {run, withKernelMount} from '../../support/mounts.js';

/** A directory for the images of one test file. */
export class ImageFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'fuseward-dir-'));
  #count = 0;

  /** A new image, made by mke2fs with these arguments. */
  make(sizeMib: number, ...args: readonly string[]): string {
    const image = join(this.path, `${++this.#count}.img`);
    writeFileSync(image, '');
    truncateSync(image, sizeMib << 20);
    run('mke2fs', ['-q', '-F', ...args, image]);
    return image;
  }

  /** A new image, filled through the kernel. */
  fill(sizeMib: number, args: readonly string[], action: (root: string) => void): string {
    const image = this.make(sizeMib, ...args);
    withKernelMount(image, 'rw', action);
    return image;
  }

  close(): void {
    rmSync(this.path, {recursive: true});
  }
}

/** A context on a source, as an open file system has one; `cacheLimit` in bytes. */
export function contextOn(source: BlockSource, cacheLimit = 8 << 20): OpenedContext {
  const raw = new Uint8Array(SUPERBLOCK_SIZE);
  source.read(raw, 0, raw.length, SUPERBLOCK_OFFSET);
  return new OpenedContext(decodeSuperblock(raw), source, {cacheLimit, inodeCacheEntries: 256});
}

/** Opens an image for the time of an action. */
export function withContext<T>(image: string, action: (ctx: OpenedContext) => T): T {
  const fd = openSync(image, 'r');
  try {
    return action(contextOn(new FileSource(fd, statSync(image).size)));
  } finally {
    closeSync(fd);
  }
}

/** A line for each entry of a directory: name in hex, inode, type. Sorted. */
export function listing(ctx: Ext4Context, dir: Inode): string[] {
  const lines: string[] = [];
  readdir(ctx, dir, 0, (ino, fileType, name) => {
    lines.push(line(name, ino, fileType));
    return true;
  });
  return lines.sort();
}

export function line(name: Uint8Array, ino: number | bigint, type: number): string {
  return `${Buffer.from(name).toString('hex')} ${ino} ${type}`;
}

/** The inode at a path of names, from the root on. */
export function inodeAt(ctx: Ext4Context, path: string): Inode {
  let inode = ctx.inode(ROOT_INODE);
  for (const name of path.split('/').filter((part) => part !== '')) {
    const entry = lookup(ctx, inode, Buffer.from(name));
    if (entry === undefined) throw new Error(`${name} of ${path} is not there`);
    inode = ctx.inode(entry.ino);
  }
  return inode;
}

/** An image in memory, which a test may damage. */
export class MemoryImage implements BlockSource {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get size(): number {
    return this.bytes.length;
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    const from = this.bytes.subarray(position, position + length);
    target.set(from, targetOffset);
    return from.length;
  }

  /** Opens it anew, so that nothing of an earlier state is cached. */
  context(): OpenedContext {
    return contextOn(this);
  }

  /** Position of a block of a file in the image. */
  positionOf(path: string, block: number): number {
    const ctx = this.context();
    return ctx.mapBlock(inodeAt(ctx, path), block as FileBlock) * ctx.superblock.blockSize;
  }

  /** Position of an inode in the image. */
  inodePosition(ino: number): number {
    const {groups, superblock} = this.context();
    const {inodesPerGroup, inodeSize, blockSize} = superblock;
    const group = Math.floor((ino - 1) / inodesPerGroup) as GroupNumber;
    return groups.get(group).inodeTable * blockSize + ((ino - 1) % inodesPerGroup) * inodeSize;
  }
}
