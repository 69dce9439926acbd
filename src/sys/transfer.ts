import {lastErrno, native} from './libc.js';

const read = native<[fd: number, memory: Uint8Array, size: number]>('read', 'long', [
  'int',
  'void *',
  'size_t',
]);
const write = native<[fd: number, memory: Uint8Array, size: number]>('write', 'long', [
  'int',
  'void *',
  'size_t',
]);

/**
 * read(2) of at most all of `memory`: bytes read, or the error number, negated. For loops where a failure is nothing special and an
 * exception would take longer than the call; where it is one, Node's `readSync` throws a better error.
 */
export function readInto(fd: number, memory: Uint8Array): number {
  const length = read()(fd, memory, memory.length);
  return length === -1 ? -lastErrno() : length;
}

/** write(2) of the first `length` bytes of `memory`: bytes written, or the error number, negated. */
export function writeFrom(fd: number, memory: Uint8Array, length: number): number {
  const written = write()(fd, memory, length);
  return written === -1 ? -lastErrno() : written;
}
