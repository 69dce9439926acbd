import {getSystemErrorMap} from 'node:util';
import {ERRNO, type ErrnoCode, errnoCode} from './errno-codes.js';

/** What strerror(3) says of an error, in lower case and without a full stop; `error N` for one Linux has no name for. */
export function errnoText(errno: number): string {
  const known = getSystemErrorMap().get(-errno);
  return known ? known[1] : (errnoCode(errno)?.toLowerCase() ?? `error ${errno}`);
}

/**
 * A failed system call: which error, of which call, on which object. Everything in `sys/` returns the
 * value or throws this; callers never see -1.
 */
export class Errno extends Error {
  /** Symbolic name, `ENOENT`; `E<number>` where Linux has none. */
  readonly code: ErrnoCode | `E${number}`;
  /** Positive number as in errno(3). */
  readonly errno: number;
  /** The system call, `openat`, or `ioctl(LOOP_CONFIGURE)`. */
  readonly call: string;
  /** What it was done to: a path, `fd 7`, a device name. */
  readonly object: string | undefined;

  constructor(errno: number | ErrnoCode, call: string, object?: string) {
    const number = typeof errno === 'number' ? errno : ERRNO[errno];
    super(`${call}${object === undefined ? '' : ` ${object}`}: ${errnoText(number)}`);
    this.name = 'Errno';
    this.errno = number;
    this.code = errnoCode(number) ?? `E${number}`;
    this.call = call;
    this.object = object;
  }
}

/**
 * The positive error number in anything thrown: ours, Node's (`errno` negative there), or one that carries
 * a symbolic `errno` name as the drivers' errors do. `fallback` (EIO unless told) for everything else.
 */
export function errnoOf(error: unknown, fallback: number = ERRNO.EIO): number {
  if (typeof error !== 'object' || error === null) return fallback;
  const value = (error as {errno?: unknown}).errno;
  if (typeof value === 'number' && Number.isInteger(value) && value !== 0) return Math.abs(value);
  if (typeof value === 'string' && Object.hasOwn(ERRNO, value)) return ERRNO[value as ErrnoCode];
  return fallback;
}
