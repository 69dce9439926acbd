import {closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync} from 'node:fs';
import {type Extent, HOLE, Layout, type Piece} from '../../stripefs/index.js';
import {CommandError} from '../command.js';

/** Files that are made anew: what exists is not touched, and what was made is gone again unless all is kept. */
export class NewFiles {
  readonly #made: Array<{readonly path: string; readonly fd: number}> = [];
  #kept = false;

  /** Makes an empty one. @throws CommandError */
  make(path: string): number {
    try {
      const fd = openSync(path, 'wx+', 0o644);
      this.#made.push({path, fd});
      return fd;
    } catch (error) {
      const {code, message} = error as NodeJS.ErrnoException;
      throw new CommandError(`can't make ${path}: ${code === 'EEXIST' ? 'it is there already' : message}`);
    }
  }

  /** From now on they stay. */
  keep(): void {
    this.#kept = true;
  }

  [Symbol.dispose](): void {
    for (const {path, fd} of this.#made) {
      closeSync(fd);
      if (!this.#kept) rmSync(path, {force: true});
    }
  }
}

/** Bytes that are copied at once at most. */
const BUFFER_BYTES = 2 ** 20;

/** Copies a file to where its extents are. @param members descriptors @throws CommandError when it got shorter meanwhile */
export function copyFile(
  path: string,
  {size, extents}: {size: number; extents: readonly Extent[]},
  members: readonly number[],
): void {
  const layout = new Layout(extents);
  const piece: Piece = {member: HOLE, address: 0, length: 0};
  const buffer = new Uint8Array(BUFFER_BYTES);
  const from = openSync(path, 'r');
  try {
    for (let offset = 0; offset < size; ) {
      layout.locate(offset, piece);
      const length = Math.min(piece.length, size - offset, BUFFER_BYTES);
      const count = readSync(from, buffer, 0, length, offset);
      if (count === 0) throw new CommandError(`can't take ${path}: it became shorter meanwhile`);
      writeFully(members[piece.member]!, buffer.subarray(0, count), piece.address);
      offset += count;
    }
  } finally {
    closeSync(from);
  }
}

function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}

/** Gives each member the size that its extents reach to. */
export function sizeMembers(members: readonly number[], sizes: readonly number[]): void {
  for (const [index, fd] of members.entries()) ftruncateSync(fd, sizes[index]!);
}
