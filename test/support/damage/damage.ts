import {Ext4Error, type Volume} from '../../../src/ext4/index.js';
import type {DamageBench} from './bench.js';

/** A kind of damage that somebody could craft, done to a real image with all checksums right. */
export interface Damage {
  /** What is wrong, in words. */
  readonly name: string;
  /** Name of the recipe whose image is damaged. */
  readonly image: string;
  make(bench: DamageBench): void;
  /** What a volume answers afterwards: questions, each with what comes back. */
  readonly answers: ReadonlyArray<readonly [question: (ask: Questions) => unknown, answer: string | RegExp]>;
  /** What e2fsck finds; undefined where it looks no closer than we want it to, or can't look (a journal). */
  readonly judge: RegExp | undefined;
  /** With what the whole image is refused. */
  readonly refused?: string | RegExp;
}

const READ_BYTES = 1 << 20;

/** Questions to a volume about paths of the sound image: by inode number, so that a damaged path above does not matter. */
export class Questions {
  readonly volume: Volume;
  readonly #bench: DamageBench;

  constructor(volume: Volume, bench: DamageBench) {
    this.volume = volume;
    this.#bench = bench;
  }

  stat(path: string): number {
    return this.volume.inode(this.#bench.ino(path)).size;
  }

  /** How many bytes can be read from the start, at most a MiB. */
  read(path: string): number {
    const inode = this.volume.inode(this.#bench.ino(path));
    return this.volume.read(inode, 0, new Uint8Array(READ_BYTES), 0, READ_BYTES);
  }

  seek(path: string, whence: 'data' | 'hole'): number {
    return this.volume.seek(this.volume.inode(this.#bench.ino(path)), 0, whence);
  }

  readlink(path: string): string {
    return Buffer.from(this.volume.readlink(this.volume.inode(this.#bench.ino(path)))).toString('latin1');
  }

  /** How many names a directory lists, `.` and `..` included. */
  list(path: string): number {
    let count = 0;
    this.volume.readdir(this.#bench.ino(path), 0, () => {
      count++;
      return true;
    });
    return count;
  }

  /** Number of the inode that a name leads to; undefined for none. */
  lookup(path: string, name: string): number | undefined {
    return this.volume.lookup(this.#bench.ino(path), Buffer.from(name, 'latin1'))?.ino;
  }

  names(path: string): string {
    const inode = this.volume.inode(this.#bench.ino(path));
    return Buffer.from(this.volume.listxattr(inode)).toString('latin1').replaceAll('\0', ' ');
  }

  /** Length of an attribute's value. */
  attribute(path: string, name: string): number | undefined {
    const inode = this.volume.inode(this.#bench.ino(path));
    return this.volume.getxattr(inode, Buffer.from(name, 'latin1'))?.length;
  }
}

/** What comes of a question: the value as text, or an error's errno and code. */
export function answerTo(question: () => unknown): string {
  try {
    return `${question()}`;
  } catch (error) {
    if (error instanceof Ext4Error) return `${error.errno} ${error.code}`;
    throw error;
  }
}
