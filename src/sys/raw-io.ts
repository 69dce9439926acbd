import {checked, lastErrno, native} from './libc.js';

const read = native<[fd: number, memory: Uint8Array, length: number]>('read', 'long', [
  'int',
  'void *',
  'size_t',
]);
const write = native<[fd: number, memory: Uint8Array, length: number]>('write', 'long', [
  'int',
  'void *',
  'size_t',
]);

const pread = native<[fd: number, memory: Uint8Array, length: number, position: number]>('pread', 'long', [
  'int',
  'void *',
  'size_t',
  'long',
]);

/**
 * read(2) into the beginning of `memory`, for loops in which a failure is nothing special: no exception is made.
 * @returns bytes, 0 at the end, or a negative errno
 */
export function readBytes(fd: number, memory: Uint8Array): number {
  const count = read()(fd, memory, memory.length);
  return count === -1 ? -lastErrno() : count;
}

/** write(2) of the first `length` bytes of `memory`. @returns bytes, or a negative errno */
export function writeBytes(fd: number, memory: Uint8Array, length: number): number {
  const count = write()(fd, memory, length);
  return count === -1 ? -lastErrno() : count;
}

/**
 * pread(2) of `length` bytes at `position` into `memory` from `offset` on: less work around the call than in Node's, for who reads all the time.
 * @returns bytes, 0 at the end
 * @throws Errno; EINTR too
 */
export function preadBytes(
  fd: number,
  memory: Uint8Array,
  offset: number,
  length: number,
  position: number,
): number {
  if (!(offset >= 0 && length >= 0 && offset + length <= memory.length)) {
    throw new RangeError(`${length} bytes at ${offset} of ${memory.length}`);
  }
  const start = offset === 0 ? memory : memory.subarray(offset);
  return checked(pread()(fd, start, length, position), 'pread', fd);
}
