import {errnoOf} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {checked, native} from './libc.js';
import {type SyscallName, syscallNumber} from './syscall-numbers.js';

/** The system call, whose result is from 1 to 40; the C library's own may be -1 without an error. */
const syscall = native<[number: number, which: number, who: number]>('syscall', 'long', [
  'long',
  'long',
  'ulong',
]);
const CALL: SyscallName = 'getpriority';
/** linux/resource.h. */
const PRIO_USER = 2;

/**
 * Whether a process runs that has this real user id: getpriority(2), for which the kernel looks at its table of users and, only where that has
 * the id, at processes. Those of other pid namespaces are not seen, nor who has the id as another than his real one.
 * @throws Errno
 */
export function runsSomething(uid: number): boolean {
  try {
    checked(syscall()(syscallNumber(CALL)!, PRIO_USER, uid), CALL, String(uid));
    return true;
  } catch (error) {
    if (errnoOf(error) === ERRNO.ESRCH) return false;
    throw error;
  }
}
