import {readdirSync} from 'node:fs';
import {errnoOf} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {setCloseOnExec} from './fd.js';
import {CLOSE_RANGE_CLOEXEC, closeRange} from './process.js';

const FIRST_FD = 3;

/**
 * Marks every descriptor but the standard ones close-on-exec, so that none that this process was started with gets into what
 * it starts. They stay usable here. Node does the same at its start, but stops at the first number above 15 that is not open.
 * @throws Errno
 */
export function keepInheritedFds(): void {
  try {
    closeRange(FIRST_FD, Infinity, CLOSE_RANGE_CLOEXEC);
  } catch (error) {
    const errno = errnoOf(error);
    // The call is of Linux 5.9, its flag of 5.11.
    if (errno !== ERRNO.ENOSYS && errno !== ERRNO.EINVAL) throw error;
    markEach();
  }
}

/** As above, one by one. */
export function markEach(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name);
    if (fd < FIRST_FD) continue;
    try {
      setCloseOnExec(fd, true);
    } catch (error) {
      // The descriptor of this listing is closed by now.
      if (errnoOf(error) !== ERRNO.EBADF) throw error;
    }
  }
}
