import {checked, native} from './libc.js';

const getrandom = native<[buffer: Uint8Array, length: number, flags: number]>('getrandom', 'long', [
  'void *',
  'ulong',
  'uint',
]);

/**
 * Bytes that nobody can guess, from the kernel (getrandom(2)); `node:crypto` takes 3 ms to load, of a mount that asks once.
 * @param count 1 to 256, which the kernel gives in one piece
 * @throws Errno
 */
export function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  checked(getrandom()(bytes, count, 0), 'getrandom');
  return bytes;
}
