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

/** A block source on an open descriptor, which stays the caller's to close. */
export class FileSource implements BlockSource {
  readonly size: number;
  readonly #fd: number;

  /** @param size bytes; needed for block devices, whose st_size is 0; a regular file's own size otherwise. */
  constructor(fd: number, size?: number) {
    this.#fd = fd;
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
        return readSync(this.#fd, target, offset, length, position);
      } catch (error) {
        // A signal; a source that lies on another FUSE or network file system can be interrupted.
        if ((error as NodeJS.ErrnoException).code !== 'EINTR') throw error;
      }
    }
  }
}
