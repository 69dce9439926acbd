import {Errno, errnoOf} from './errno.js';
import {ERRNO, type ErrnoCode} from './errno-codes.js';
import {OwnedFd} from './fd.js';
import {checked, ioctlMemory, viewOf} from './libc.js';
import {type SeccompFilter, setFilter} from './seccomp.js';

/**
 * System calls that a filter does not decide but asks about (SECCOMP_RET_USER_NOTIF, seccomp_unotify(2)): the caller sleeps until the
 * supervisor, who holds the listener, has answered. What the caller's memory holds may change while it is looked at, so whatever is
 * decided must be done by the supervisor itself and never be left to the call.
 */

// linux/seccomp.h
const FLAG_TSYNC = 1 << 0;
const FLAG_NEW_LISTENER = 1 << 3;
const FLAG_TSYNC_ESRCH = 1 << 4;
const FLAG_WAIT_KILLABLE_RECV = 1 << 5;
const IOCTL_RECV = 0xc0502100;
const IOCTL_SEND = 0xc0182101;
const IOCTL_ID_VALID = 0x40082102;
const IOCTL_ADDFD = 0x40182103;
const ADDFD_FLAG_SETFD = 1;
/** struct seccomp_notif, seccomp_notif_resp, seccomp_notif_addfd. They can only grow, and the ioctls' numbers with them. */
const NOTIFICATION_SIZE = 80;
const RESPONSE_SIZE = 24;
const ADDFD_SIZE = 24;
const O_CLOEXEC = 0o2000000;

/** The call's thread is gone; the call has its answer and is about to return. */
const OVER: readonly number[] = [ERRNO.ENOENT, ERRNO.EINPROGRESS];

/** A system call that waits for an answer. */
export interface Notification {
  /** Names it until it is answered or its caller is gone. */
  readonly id: bigint;
  /** The thread that called, in our pid namespace; 0 when it is not in it. */
  readonly pid: number;
  /** Number of the call. */
  readonly nr: number;
  readonly args: readonly bigint[];
}

/**
 * Puts a filter with 'notify' in it into force on all threads of the process.
 *
 * Callers can't be interrupted by other signals than fatal ones while somebody works on their call, where the kernel can do that
 * (Linux 5.19): Go's runtime sends its threads signals all the time, and a call that is begun anew is asked about twice.
 *
 * @returns the listener, close-on-exec; whoever has it answers
 * @throws Errno EINVAL on kernels without (before 5.7); EBUSY when there is a listener already; ESRCH for threads with other filters
 */
export function installSupervisedFilter(filter: SeccompFilter): OwnedFd {
  const flags = FLAG_TSYNC | FLAG_TSYNC_ESRCH | FLAG_NEW_LISTENER;
  try {
    return new OwnedFd(setFilter(filter, flags | FLAG_WAIT_KILLABLE_RECV));
  } catch (error) {
    if (errnoOf(error) !== ERRNO.EINVAL) throw error;
    return new OwnedFd(setFilter(filter, flags));
  }
}

/** Takes the next call; waits when there is none. Undefined when its caller has gone meanwhile. @throws Errno */
export function receiveNotification(listener: number): Notification | undefined {
  // The kernel wants zeros.
  const memory = new Uint8Array(NOTIFICATION_SIZE);
  try {
    checked(ioctlMemory()(listener, IOCTL_RECV, memory), 'ioctl(SECCOMP_IOCTL_NOTIF_RECV)', listener);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === ERRNO.ENOENT || errno === ERRNO.EINTR) return undefined;
    throw error;
  }
  const view = viewOf(memory);
  return {
    id: view.getBigUint64(0, true),
    pid: view.getUint32(8, true),
    nr: view.getInt32(16, true),
    args: Array.from({length: 6}, (_, index) => view.getBigUint64(32 + index * 8, true)),
  };
}

/** Whether the call still waits: its pid, and what was opened by it, is still its caller's. @throws Errno */
export function isWaiting(listener: number, id: bigint): boolean {
  const memory = new Uint8Array(8);
  viewOf(memory).setBigUint64(0, id, true);
  try {
    checked(ioctlMemory()(listener, IOCTL_ID_VALID, memory), 'ioctl(SECCOMP_IOCTL_NOTIF_ID_VALID)', listener);
    return true;
  } catch (error) {
    if (errnoOf(error) === ERRNO.ENOENT) return false;
    throw error;
  }
}

/**
 * Lets a call return: 0, or the error. The call itself is never made.
 * @returns false when nobody waits for it any more
 * @throws Errno
 */
export function answerNotification(listener: number, id: bigint, error?: ErrnoCode): boolean {
  const memory = new Uint8Array(RESPONSE_SIZE);
  const view = viewOf(memory);
  view.setBigUint64(0, id, true);
  if (error !== undefined) view.setInt32(16, -ERRNO[error], true);
  try {
    checked(ioctlMemory()(listener, IOCTL_SEND, memory), 'ioctl(SECCOMP_IOCTL_NOTIF_SEND)', listener);
    return true;
  } catch (thrown) {
    if (OVER.includes(errnoOf(thrown))) return false;
    throw thrown;
  }
}

/**
 * Gives the caller a duplicate of `fd` under the number `as`; what it had there is closed. Linux 5.9.
 * @returns false when nobody waits for the call any more
 * @throws Errno EBADF, EMFILE for a number that the caller can't have
 */
export function giveDescriptor(
  listener: number,
  id: bigint,
  {fd, as, closeOnExec}: {fd: number; as: number; closeOnExec: boolean},
): boolean {
  if (!Number.isInteger(as) || as < 0 || as > 0x7fffffff)
    throw new Errno('EBADF', 'ioctl(SECCOMP_IOCTL_NOTIF_ADDFD)', `fd ${as}`);
  const memory = new Uint8Array(ADDFD_SIZE);
  const view = viewOf(memory);
  view.setBigUint64(0, id, true);
  view.setUint32(8, ADDFD_FLAG_SETFD, true);
  view.setUint32(12, fd, true);
  view.setUint32(16, as, true);
  view.setUint32(20, closeOnExec ? O_CLOEXEC : 0, true);
  try {
    checked(ioctlMemory()(listener, IOCTL_ADDFD, memory), 'ioctl(SECCOMP_IOCTL_NOTIF_ADDFD)', listener);
    return true;
  } catch (thrown) {
    if (OVER.includes(errnoOf(thrown))) return false;
    throw thrown;
  }
}
