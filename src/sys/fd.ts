import {type BigIntStats, constants, fstatSync} from 'node:fs';
import {Errno, errnoOf} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {checked, cText, native, repeated} from './libc.js';

const open = native<[path: string, flags: number, mode: number]>('open', 'int', ['str', 'int', 'uint']);
const openat = native<[dirfd: number, path: string, flags: number, mode: number]>('openat', 'int', [
  'int',
  'str',
  'int',
  'uint',
]);
const close = native<[fd: number]>('close', 'int', ['int']);
const fcntl = native<[fd: number, command: number, argument: number]>('fcntl', 'int', ['int', 'int', 'long']);
const dup3 = native<[from: number, to: number, flags: number]>('dup3', 'int', ['int', 'int', 'int']);
const flock = native<[fd: number, operation: number]>('flock', 'int', ['int', 'int']);

/** Flags of open(2) on this architecture (some differ between x86-64 and arm64; Node knows those). */
export const O_RDONLY = constants.O_RDONLY;
export const O_WRONLY = constants.O_WRONLY;
export const O_RDWR = constants.O_RDWR;
export const O_CREAT = constants.O_CREAT;
/** On a block device without O_CREAT: claim it, EBUSY when somebody else has (a mount, for instance). */
export const O_EXCL = constants.O_EXCL;
export const O_NONBLOCK = constants.O_NONBLOCK;
export const O_DIRECTORY = constants.O_DIRECTORY;
export const O_NOFOLLOW = constants.O_NOFOLLOW;
export const O_DIRECT = constants.O_DIRECT;
/** asm-generic/fcntl.h; the same on x86-64 and arm64. */
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;

const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const F_DUPFD_CLOEXEC = 1030;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * A file descriptor with one owner. Closing twice is harmless; using it after that is EBADF, never somebody
 * else's file that got the same number.
 */
export class OwnedFd {
  #fd: number;
  #closed = false;

  constructor(fd: number) {
    if (!Number.isInteger(fd) || fd < 0) throw new Errno('EBADF', 'OwnedFd', String(fd));
    this.#fd = fd;
  }

  /** The number, for system calls. @throws Errno EBADF once closed or released. */
  get fd(): number {
    if (this.#closed) throw new Errno('EBADF', 'use', `closed fd ${this.#fd}`);
    return this.#fd;
  }

  /** True once closed or released. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Closes it. Idempotent. Errors of close(2) are not reported: Linux has freed the number by then in every case. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    close()(this.#fd);
  }

  /** Gives up ownership: the number stays open and is the caller's to close. */
  release(): number {
    const fd = this.fd;
    this.#closed = true;
    return fd;
  }

  /** Another number, close-on-exec, for the same open file description. */
  dup(): OwnedFd {
    return duplicateFrom(this.fd, 3);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Gives what `fd` is a number that it must have, close-on-exec; whatever had that number is closed. The old number is closed too.
 * @throws Errno
 */
export function renumberFd(fd: OwnedFd, number: number): OwnedFd {
  if (fd.fd === number) return fd;
  const moved = new OwnedFd(repeated(() => dup3()(fd.fd, number, O_CLOEXEC), 'dup3', `fd ${fd.fd}`));
  fd.close();
  return moved;
}

/** Closes everything given, in reverse order; undefined entries are skipped. */
export function closeAll(fds: Iterable<OwnedFd | undefined>): void {
  for (const fd of [...fds].reverse()) fd?.close();
}

/** open(2), always close-on-exec. `mode` counts only with O_CREAT. @throws Errno */
export function openFd(path: string, flags: number, mode = 0): OwnedFd {
  const name = cText(path, 'open');
  return new OwnedFd(repeated(() => open()(name, flags | O_CLOEXEC, mode), 'open', path));
}

/** openat(2), always close-on-exec. @throws Errno */
export function openAtFd(dirfd: number, path: string, flags: number, mode = 0): OwnedFd {
  const name = cText(path, 'openat');
  return new OwnedFd(repeated(() => openat()(dirfd, name, flags | O_CLOEXEC, mode), 'openat', path));
}

/** fstat(2) with 64-bit values. @throws Errno */
export function statFd(fd: number): BigIntStats {
  try {
    return fstatSync(fd, {bigint: true});
  } catch (error) {
    throw new Errno(errnoOf(error), 'fstat', `fd ${fd}`);
  }
}

/** Whether both descriptors are open on the same inode of the same device, or are the same device node. */
export function sameFile(a: number, b: number): boolean {
  const first = statFd(a);
  const second = statFd(b);
  return first.dev === second.dev && first.ino === second.ino && first.rdev === second.rdev;
}

/**
 * Opens the file behind `fd` once more with other flags (an O_PATH descriptor for reading, for instance), through
 * /proc/self/fd, and makes sure that it is the same file.
 *
 * @throws Errno of open(2); ESTALE when what was opened is another file.
 */
export function reopenFd(fd: number, flags: number): OwnedFd {
  const opened = openFd(`/proc/self/fd/${fd}`, flags & ~O_NOFOLLOW);
  try {
    if (!sameFile(fd, opened.fd)) throw new Errno('ESTALE', 'reopen', `fd ${fd}`);
    return opened;
  } catch (error) {
    opened.close();
    throw error;
  }
}

/** A second descriptor of the same open file, with the first free number from `least` on, close-on-exec. @throws Errno */
export function duplicateFrom(fd: number, least: number): OwnedFd {
  return new OwnedFd(checked(fcntl()(fd, F_DUPFD_CLOEXEC, least), 'fcntl(F_DUPFD_CLOEXEC)', fd));
}

/** Sets or clears FD_CLOEXEC. @throws Errno */
export function setCloseOnExec(fd: number, on: boolean): void {
  const flags = checked(fcntl()(fd, F_GETFD, 0), 'fcntl(F_GETFD)', fd);
  const wanted = on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
  if (wanted !== flags) checked(fcntl()(fd, F_SETFD, wanted), 'fcntl(F_SETFD)', fd);
}

/** Whether the descriptor closes on exec. @throws Errno */
export function isCloseOnExec(fd: number): boolean {
  return (checked(fcntl()(fd, F_GETFD, 0), 'fcntl(F_GETFD)', fd) & FD_CLOEXEC) !== 0;
}

/** The flags a file was opened with (access mode and status flags, F_GETFL). @throws Errno */
export function openFlags(fd: number): number {
  return checked(fcntl()(fd, F_GETFL, 0), 'fcntl(F_GETFL)', fd);
}

/** Sets O_NONBLOCK on the open file description, for everybody who has it. @throws Errno */
export function setNonBlocking(fd: number): void {
  const flags = openFlags(fd);
  if ((flags & O_NONBLOCK) === 0) checked(fcntl()(fd, F_SETFL, flags | O_NONBLOCK), 'fcntl(F_SETFL)', fd);
}

/**
 * flock(2) on the open file description; it ends with the last descriptor of that description.
 *
 * @throws Errno EWOULDBLOCK (EAGAIN) when `nonBlocking` and somebody else holds it.
 */
export function flockFd(fd: number, opts: {exclusive: boolean; nonBlocking: boolean}): void {
  const operation = (opts.exclusive ? LOCK_EX : LOCK_SH) | (opts.nonBlocking ? LOCK_NB : 0);
  repeated(() => flock()(fd, operation), 'flock', fd);
}
/** Takes an exclusive lock as `flockFd` does, without waiting; false when somebody else has it. @throws Errno */
export function tryFlock(fd: number): boolean {
  try {
    flockFd(fd, {exclusive: true, nonBlocking: true});
    return true;
  } catch (error) {
    if (errnoOf(error) === ERRNO.EAGAIN) return false;
    throw error;
  }
}
