import {Errno} from './errno.js';
import {native} from './libc.js';

const posixFadvise = native<[fd: number, offset: number, length: number, advice: number]>(
  'posix_fadvise',
  'int',
  ['int', 'long', 'long', 'int'],
);

/** linux/fadvise.h. */
const POSIX_FADV_RANDOM = 1;

/**
 * Tells the kernel not to read ahead on this open file (posix_fadvise(2)): exactly what is asked for is read. For
 * readers that are told by somebody else what to read, and how far ahead.
 * @throws Errno
 */
export function adviseRandom(fd: number): void {
  const errno = posixFadvise()(fd, 0, 0, POSIX_FADV_RANDOM);
  if (errno !== 0) throw new Errno(errno, 'posix_fadvise', `fd ${fd}`);
}
