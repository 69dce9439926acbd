import {execFileSync, spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {BlockSource} from '../../src/block/index.js';
import {umount} from '../../src/sys/mount.js';
import {mountLoop} from './mounts.js';

/**
 * Images as a crash leaves them: the kernel mounts one and writes to it, and the file behind it is copied while
 * it is still mounted.
 */

/** Why images can't be made here, undefined when they can. */
export function cannotMount(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  if (!existsSync('/dev/loop-control')) return 'no loop devices';
  if (spawnSync('mkfs.ext4', ['-V']).error !== undefined) return 'no mkfs.ext4';
  return undefined;
}

export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']});
}

/** Where there is so much of it, images lie in memory, and what is committed to them waits for no disk. */
const MEMORY = '/dev/shm';
const ENOUGH_BYTES = 2 ** 30;

function placeOfImages(): string {
  if (!existsSync(MEMORY)) return tmpdir();
  const {bavail, bsize} = statfsSync(MEMORY);
  return bavail * bsize >= ENOUGH_BYTES ? MEMORY : tmpdir();
}

/** A directory of a test's own, with mounts in it; `close` takes all of it away and fails if it can't. */
export class Workbench {
  readonly path: string;
  readonly #mounted = new Set<string>();
  #count = 0;

  constructor() {
    this.path = mkdtempSync(join(placeOfImages(), 'fuseward-dirty-'));
  }

  /** A file name not yet used. */
  file(suffix: string): string {
    return join(this.path, `${++this.#count}-${suffix}`);
  }

  /** A new file system in a file. @param options of mkfs.ext4 */
  makeImage(size: string, options: readonly string[]): string {
    const image = this.file('image');
    writeFileSync(image, '');
    truncateSync(image, parseSize(size));
    run('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', ...options, image);
    return image;
  }

  /** Mounts an image by the kernel on a writable loop device. @throws Errno when the kernel refuses */
  mount(image: string, options = 'rw'): string {
    const target = this.file('mnt');
    mkdirSync(target);
    mountLoop(image, target, options, false);
    this.#mounted.add(target);
    return target;
  }

  unmount(target: string): void {
    if (!this.#mounted.delete(target)) throw new Error(`${target} is not mounted`);
    umount(target);
  }

  copy(image: string): string {
    const copy = this.file('copy');
    copyFileSync(image, copy);
    return copy;
  }

  /**
   * Lets `fill` write to a mounted file system and gives a copy of the image from before the unmount; `release`
   * runs after the copy was made.
   */
  dirty(image: string, fill: (mnt: string) => void, options = 'rw', release?: () => void): string {
    const target = this.mount(image, options);
    try {
      fill(target);
      return this.copy(image);
    } finally {
      release?.();
      this.unmount(target);
    }
  }

  /**
   * A copy of the image that the kernel has recovered, by a mount that is read-only otherwise (where fast commits are
   * to be replayed, the kernel needs `rw`). Undefined when the kernel refuses to mount it.
   */
  recovered(image: string, look?: (mnt: string) => void, options = 'ro'): string | undefined {
    const copy = this.copy(image);
    let target: string;
    try {
      target = this.mount(copy, options);
    } catch {
      return undefined;
    }
    try {
      look?.(target);
    } finally {
      this.unmount(target);
    }
    return copy;
  }

  /** Unmounts everything and removes all that was made, for the next test. */
  clear(): void {
    for (const target of [...this.#mounted].reverse()) this.unmount(target);
    for (const name of readdirSync(this.path)) rmSync(join(this.path, name), {recursive: true});
  }

  close(): void {
    this.clear();
    rmdirSync(this.path);
  }
}

function parseSize(size: string): number {
  const match = /^(\d+)([MG])$/.exec(size);
  if (match === null) throw new Error(`not a size: ${size}`);
  return Number(match[1]) * (match[2] === 'G' ? 2 ** 30 : 2 ** 20);
}

/**
 * Commits everything done so far to the journal. Unlike syncfs(2), fsync(2) leaves the metadata's own places as they
 * were; data that no block was allocated for yet stays out, so mount with nodelalloc.
 */
export function commit(mnt: string): void {
  const fd = openSync(mnt, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes what a source shows to a file. */
export function materialize(source: BlockSource, path: string): void {
  const fd = openSync(path, 'w');
  const chunk = Buffer.alloc(1 << 20);
  for (let at = 0; at < source.size; at += chunk.length) {
    const length = source.read(chunk, 0, chunk.length, at);
    if (!chunk.subarray(0, length).every((byte) => byte === 0)) writeSync(fd, chunk, 0, length, at);
  }
  ftruncateSync(fd, source.size);
  closeSync(fd);
}

/** Every file below a directory by its path, with what stat(2) and reading tell. Times of directories are left out. */
export function tree(directory: string, path = '.'): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(directory, path)).sort()) {
    const inner = `${path}/${name}`;
    const full = join(directory, inner);
    const s = lstatSync(full, {bigint: true});
    const fields = [s.ino, s.mode, s.nlink, s.uid, s.gid, s.size, s.blocks];
    if (s.isDirectory()) {
      found[inner] = `dir ${fields.join(' ')}`;
      Object.assign(found, tree(directory, inner));
    } else {
      const content = s.isFile() ? sha256(full) : '';
      found[inner] = `file ${[...fields, s.mtimeNs, s.ctimeNs].join(' ')} ${content}`;
    }
  }
  return found;
}

/** Numbers of the blocks that differ between two sources of the same size. */
export function differingBlocks(a: BlockSource, b: BlockSource, blockSize: number): number[] {
  const blocks: number[] = [];
  const chunk = 1 << 20;
  const left = new Uint8Array(chunk);
  const right = new Uint8Array(chunk);
  for (let at = 0; at < a.size; at += chunk) {
    const length = a.read(left, 0, chunk, at);
    b.read(right, 0, chunk, at);
    if (Buffer.compare(left.subarray(0, length), right.subarray(0, length)) === 0) continue;
    for (let i = 0; i < length; i += blockSize) {
      if (Buffer.compare(left.subarray(i, i + blockSize), right.subarray(i, i + blockSize)) !== 0) {
        blocks.push((at + i) / blockSize);
      }
    }
  }
  return blocks;
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
