import {Errno} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {lastErrno, native, viewOf} from './libc.js';

const poll = native<[fds: Uint8Array, count: number, timeoutMs: number]>('poll', 'int', [
  'void *',
  'ulong',
  'int',
]);

const POLLFD_SIZE = 8;
const POLLIN = 0x1;
const POLLOUT = 0x4;
const POLLERR = 0x8;
const POLLHUP = 0x10;
const POLLNVAL = 0x20;
const LONGEST_MS = 0x7fffffff;

/** When a wait that starts now ends; undefined waits for ever. */
export function deadlineAfter(timeoutMs: number | undefined): number | undefined {
  return timeoutMs === undefined ? undefined : performance.now() + Math.max(0, timeoutMs);
}

/** Milliseconds left, rounded up so that a wait never spins; -1 (for ever) without a deadline. */
function left(deadline: number | undefined): number {
  if (deadline === undefined) return -1;
  return Math.min(LONGEST_MS, Math.max(0, Math.ceil(deadline - performance.now())));
}

/**
 * Waits until one of `fds` can be read, was hung up or has an error, and returns those (in the order given); empty
 * after `timeoutMs`. undefined waits for ever. Blocks the thread.
 *
 * @throws Errno EBADF for a descriptor that is not open; EINVAL for too many.
 */
export function waitAny(fds: readonly number[], timeoutMs?: number): number[] {
  return waitFor(fds, POLLIN, deadlineAfter(timeoutMs));
}

/** Whether `fd` can be read (or was hung up, or has an error) before `timeoutMs` has passed. @throws Errno */
export function waitReadable(fd: number, timeoutMs?: number): boolean {
  return waitAny([fd], timeoutMs).length > 0;
}

/** Waits until `fd` can be read, was hung up or has an error, or until a signal comes: false then. @throws Errno EBADF */
export function waitReadableOnce(fd: number): boolean {
  const memory = new Uint8Array(POLLFD_SIZE);
  const view = viewOf(memory);
  view.setInt32(0, fd, true);
  view.setInt16(4, POLLIN, true);
  if (poll()(memory, 1, -1) === -1) {
    const errno = lastErrno();
    if (errno === ERRNO.EINTR) return false;
    throw new Errno(errno, 'poll', `fd ${fd}`);
  }
  if ((view.getInt16(6, true) & POLLNVAL) !== 0) throw new Errno('EBADF', 'poll', `fd ${fd}`);
  return true;
}

/** Whether `fd` can be written (or was hung up, or has an error) before the deadline. @throws Errno */
export function waitWritable(fd: number, timeoutMs?: number): boolean {
  return waitFor([fd], POLLOUT, deadlineAfter(timeoutMs)).length > 0;
}

/** Whether the other end of `fd` is gone, or it has an error; whether it can be read does not matter. @throws Errno */
export function hasHungUp(fd: number): boolean {
  return waitFor([fd], 0, deadlineAfter(0)).length > 0;
}

/**
 * The descriptors that are open among the numbers from `first` to before `end`, by one system call: poll(2) tells of those that are not.
 * @throws Errno EINVAL for more numbers than the process may have descriptors
 */
export function openAmong(first: number, end: number): number[] {
  const count = Math.max(0, end - first);
  const memory = new Uint8Array(count * POLLFD_SIZE);
  const view = viewOf(memory);
  for (let index = 0; index < count; index++) view.setInt32(index * POLLFD_SIZE, first + index, true);
  if (poll()(memory, count, 0) === -1) throw new Errno(lastErrno(), 'poll');
  const open: number[] = [];
  for (let index = 0; index < count; index++) {
    if ((view.getInt16(index * POLLFD_SIZE + 6, true) & POLLNVAL) === 0) open.push(first + index);
  }
  return open;
}

/** As above for one direction and an absolute end of the wait, so that interruptions don't lengthen it. */
function waitFor(fds: readonly number[], events: number, deadline: number | undefined): number[] {
  const memory = new Uint8Array(fds.length * POLLFD_SIZE);
  const view = viewOf(memory);
  fds.forEach((fd, index) => {
    if (!Number.isInteger(fd) || fd < 0) throw new Errno('EBADF', 'poll', `fd ${fd}`);
    view.setInt32(index * POLLFD_SIZE, fd, true);
    view.setInt16(index * POLLFD_SIZE + 4, events, true);
  });
  for (;;) {
    const wait = left(deadline);
    const ready = poll()(memory, fds.length, wait);
    if (ready === -1) {
      const errno = lastErrno();
      if (errno !== ERRNO.EINTR) throw new Errno(errno, 'poll');
    } else if (ready > 0) {
      break;
    } else if (deadline !== undefined && deadline <= performance.now()) {
      return [];
    }
  }
  return fds.filter((fd, index) => {
    const revents = view.getInt16(index * POLLFD_SIZE + 6, true);
    if ((revents & POLLNVAL) !== 0) throw new Errno('EBADF', 'poll', `fd ${fd}`);
    return (revents & (events | POLLERR | POLLHUP)) !== 0;
  });
}
