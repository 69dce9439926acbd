import {fstatSync, ftruncateSync, readSync} from 'node:fs';
import type {OwnedFd} from '../sys/fd.js';
import {addSeals, createMemfd, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK} from '../sys/memfd.js';

/** Bytes of log that are shown at most: its end. */
const LOG_SHOWN = 65_536;
/** Bytes that the log of a command may have; what it writes after that is lost. */
const LOG_BYTES = 262_144;

/** Memory for what a server writes to standard error; its limit for files bounds it. */
export function createLog(): OwnedFd {
  return createMemfd('fuseward-log');
}

/** From now on the log of a program that may write files of any size has an end: zeros behind what was written, up to a size that stays. */
export function boundLog({fd}: OwnedFd): void {
  if (fstatSync(fd).size < LOG_BYTES) ftruncateSync(fd, LOG_BYTES);
  addSeals(fd, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
}

/** The end of a log that a descriptor is open on. Read by position, because the writers' own position must not move. */
export function readLogEnd(fd: number): string {
  const {size} = fstatSync(fd);
  // A bounded one is read whole, since its text ends somewhere in it.
  const length = Math.min(size, Math.max(LOG_SHOWN, LOG_BYTES));
  const buffer = Buffer.alloc(length);
  const got = readSync(fd, buffer, 0, length, size - length);
  let end = got;
  while (end > 0 && buffer[end - 1] === 0) end--;
  return buffer.toString('utf8', Math.max(0, end - LOG_SHOWN), end);
}
