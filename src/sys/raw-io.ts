import {lastErrno, native} from './libc.js';

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
