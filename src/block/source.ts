import {fstatSync, readSync} from 'node:fs';

/**
 * Something with bytes at positions: an image file, a block device, an image with its journal laid over it.
 * All positions and lengths are bytes.
 */
export interface BlockSource {
  /** Size in bytes. */
  readonly size: number;
  /**
   * Reads `length` bytes at `position` into `target` from `targetOffset` on. Returns how many were read: less
   * than `length` only where the source ends.
   * @throws an error with a numeric `errno` when the medium fails.
   */
  read(target: Uint8Array, targetOffset: number, length: number, position: number): number;
}

/**
 * One read at a position: as `readSync` of node:fs.
 * @throws an error with a numeric `errno`; EINTR is no failure and is tried again
 */
export type PositionedRead = (
  fd: number,
  target: Uint8Array,
  targetOffset: number,
  length: number,
  position: number,
) => number;

/** A block source on an open descriptor, which stays the caller's to close. */
export class FileSource implements BlockSource {
  readonly size: number;
  readonly #fd: number;
  readonly #read: PositionedRead;

  /**
   * @param size bytes; needed for block devices, whose st_size is 0; a regular file's own size otherwise.
   * @param read how bytes are read; Node's way unless told
   */
  constructor(fd: number, size?: number, read: PositionedRead = readSync) {
    this.#fd = fd;
    this.#read = read;
    this.size = size ?? fstatSync(fd).size;
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    let done = 0;
    while (done < length) {
      const count = this.#readOnce(target, targetOffset + done, length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  #readOnce(target: Uint8Array, offset: number, length: number, position: number): number {
    for (;;) {
      try {
        return this.#read(this.#fd, target, offset, length, position);
      } catch (error) {
        // A signal; a source that lies on another FUSE or network file system can be interrupted.
        if ((error as NodeJS.ErrnoException).code !== 'EINTR') throw error;
      }
    }
  }
}
