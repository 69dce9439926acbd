import {Errno} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {lastErrno, native, viewOf} from './libc.js';

const poll = native<[fds: Uint8Array, count: number, timeoutMs: number]>('poll', 'int', [
  'void *',
  'ulong',
  'int',
]);

export const POLLIN = 0x1;
export const POLLOUT = 0x4;
export const POLLERR = 0x8;
export const POLLHUP = 0x10;
/** The other end sends nothing more (asked for like POLLIN). */
export const POLLRDHUP = 0x2000;

const POLLFD_SIZE = 8;
const EVENTS = 4;
const HAPPENED = 6;

/** A few descriptors that are waited for again and again, in memory that is made once. */
export class PollSet {
  readonly #memory: Uint8Array;
  readonly #view: DataView;
  readonly #count: number;

  constructor(fds: readonly number[]) {
    this.#count = fds.length;
    this.#memory = new Uint8Array(fds.length * POLLFD_SIZE);
    this.#view = viewOf(this.#memory);
    fds.forEach((fd, index) => {
      this.#view.setInt32(index * POLLFD_SIZE, fd, true);
    });
  }

  /** What of descriptor number `index` is waited for: POLL* bits. POLLERR and POLLHUP are always. */
  want(index: number, events: number): void {
    this.#view.setInt16(index * POLLFD_SIZE + EVENTS, events, true);
  }

  /** Waits for any of them, `timeoutMs` at most (-1: for ever). @returns false after that, or when a signal came. @throws Errno */
  wait(timeoutMs: number): boolean {
    const ready = poll()(this.#memory, this.#count, timeoutMs);
    if (ready !== -1) return ready > 0;
    const errno = lastErrno();
    if (errno === ERRNO.EINTR) return false;
    throw new Errno(errno, 'poll');
  }

  /** What the last successful wait found of descriptor number `index`: POLL* bits. */
  happened(index: number): number {
    return this.#view.getUint16(index * POLLFD_SIZE + HAPPENED, true);
  }
}
