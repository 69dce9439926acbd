import {checked, native} from './libc.js';
import {syscallNumber} from './syscall-numbers.js';

const statx = native<
  [number: number, fd: number, path: string, flags: number, mask: number, result: Uint8Array]
>('syscall', 'long', ['long', 'long', 'str', 'long', 'ulong', 'void *']);

const AT_EMPTY_PATH = 0x1000;
const AT_STATX_DONT_SYNC = 0x4000;
/** struct statx of linux/stat.h. */
const STATX_SIZE = 256;
const DEV_MAJOR = 136;
const DEV_MINOR = 140;

/**
 * The device numbers of the file system that a descriptor lies in, without asking anybody: a FUSE server hears nothing of it, and the kernel answers it to
 * those as well whom the mount shuts out.
 * @throws Errno
 */
export function deviceOf(fd: number): {major: number; minor: number} {
  const result = new DataView(new ArrayBuffer(STATX_SIZE));
  const bytes = new Uint8Array(result.buffer);
  const flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
  checked(statx()(syscallNumber('statx') as number, fd, '', flags, 0, bytes), 'statx', fd);
  return {major: result.getUint32(DEV_MAJOR, true), minor: result.getUint32(DEV_MINOR, true)};
}
