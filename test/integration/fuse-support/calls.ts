import koffi from 'koffi';
import {CallError, cString} from '../../support/posix.js';

const libc = koffi.load('libc.so.6');
const renameat2 = libc.func('int renameat2(int, const void *, int, const void *, unsigned int)');
const lremovexattr = libc.func('int lremovexattr(const void *, const void *)');
const lsetxattr = libc.func('int lsetxattr(const void *, const void *, const void *, size_t, int)');
const copyRange = libc.func('long copy_file_range(int, void *, int, void *, size_t, unsigned int)');
const AT_FDCWD = -100;

function check(result: number, call: string, path: string): number {
  if (result < 0) throw new CallError(koffi.errno(), call, path);
  return Number(result);
}

export function rename(path: string, newPath: string, flags: number): void {
  check(renameat2(AT_FDCWD, cString(path), AT_FDCWD, cString(newPath), flags), 'renameat2', path);
}

export function removexattr(path: string, name: string): void {
  check(lremovexattr(cString(path), cString(name)), 'lremovexattr', path);
}

export function setxattr(path: string, name: string, value: Uint8Array, flags: number): void {
  check(lsetxattr(cString(path), cString(name), value, value.length, flags), 'lsetxattr', path);
}

/** copy_file_range(2) from and to the descriptors' positions. */
export function copyFileRange(from: number, to: number, length: number): number {
  return check(copyRange(from, null, to, null, length, 0), 'copy_file_range', `fd ${from}`);
}
