import {closeSync, constants, mkdirSync, openSync, writeFileSync} from 'node:fs';
import type {Path} from '../posix.js';
import type {Random} from '../random.js';

/** What a chapter of a tree needs to know of the file system that it fills. */
export interface Traits {
  blockSize: number;
  /** Files are mapped by extents: fallocate works. */
  extents: boolean;
  /** Most bytes one extended attribute of user.* may have here. */
  xattrLimit: number;
  /** SETFLAGS works for the whole set of chattr(1) flags. */
  flags: boolean;
}

/** An empty directory to be filled, and the means for it. */
export interface Ground {
  readonly root: Buffer;
  readonly random: Random;
  readonly traits: Traits;
}

/**
 * Fills a directory of its own below the root; the same random numbers give the same tree. What it returns is called
 * before the unmount and lets go of what is to stay open until then.
 */
export type Chapter = (ground: Ground) => (() => void) | undefined;

const SLASH = Buffer.from('/');

/** A path from bytes and texts. */
export function join(root: Buffer, ...names: Path[]): Buffer {
  const parts: Buffer[] = [root];
  for (const name of names) parts.push(SLASH, typeof name === 'string' ? Buffer.from(name) : name);
  return Buffer.concat(parts);
}

/** Makes the chapter's own directory. */
export function chapterDirectory(ground: Ground, name: string): Buffer {
  const path = join(ground.root, name);
  mkdirSync(path);
  return path;
}

/** A file with content of its own. */
export function file(path: Buffer, content: Uint8Array | string): void {
  writeFileSync(path, content);
}

const READ_WRITE = constants.O_RDWR | constants.O_CREAT;

/** Opens (for reading and writing, made when missing, unless told otherwise), hands over the descriptor, closes. */
export function withFile<T>(path: Buffer, action: (fd: number) => T, flags: number | string = READ_WRITE): T {
  const fd = openSync(path, flags);
  try {
    return action(fd);
  } finally {
    closeSync(fd);
  }
}
