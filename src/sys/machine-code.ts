import {Errno} from './errno.js';
import {lastErrno, native} from './libc.js';
import {createMemfd} from './memfd.js';

const mmap = native<
  [address: null, length: number, protection: number, flags: number, fd: number, offset: number]
>('mmap', 'intptr_t', ['void *', 'size_t', 'int', 'int', 'int', 'int64']);
const munmap = native<[address: number, length: number]>('munmap', 'int', ['intptr_t', 'size_t']);

const PROT_READ = 1;
const PROT_EXEC = 4;
const MAP_SHARED = 1;

/**
 * Maps machine code, and data behind it, to be read and executed. It lies in a sealed memfd, so that no later mapping or protection
 * can make it writable, and it is never writable and executable at once.
 *
 * @param name shows in /proc only
 * @returns its address
 * @throws Errno EACCES or EPERM under security modules that want no such memory
 */
export function mapCode(name: string, code: Uint8Array<ArrayBuffer>): number {
  using memory = createMemfd(name, code, {seal: true});
  const address = mmap()(null, code.length, PROT_READ | PROT_EXEC, MAP_SHARED, memory.fd, 0);
  if (address === -1) throw new Errno(lastErrno(), 'mmap', name);
  return address;
}

/** Takes code away again that nothing can run any more. */
export function unmapCode(address: number, code: Uint8Array): void {
  munmap()(address, code.length);
}

/** A number as four bytes, little end first. */
export function bytes32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}
