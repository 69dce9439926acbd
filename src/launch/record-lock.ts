import {constants, mkdirSync} from 'node:fs';
import {type OwnedFd, openFd, tryFlock} from '../sys/fd.js';
import {RUN_DIRECTORY} from './lock.js';

/** Between two attempts, ms. Who has it reads the mount table and a few small files. */
const POLL_MS = 1;

/**
 * The lock of the records of mounts, which makes one step of "this mount is not in the table" and "so its record goes": a mount that was
 * attached and noted between the two would lose its record. The kernel lets go of it with the process that has it.
 * @param patienceMs how long to wait for it; the thread does nothing else meanwhile
 * @returns undefined when somebody else had it all that time
 * @throws Errno
 */
export function takeRecordLock(patienceMs: number): OwnedFd | undefined {
  mkdirSync(RUN_DIRECTORY, {recursive: true, mode: 0o755});
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  const file = openFd(`${RUN_DIRECTORY}/records.lock`, flags, 0o600);
  const end = performance.now() + patienceMs;
  try {
    while (!tryFlock(file.fd)) {
      if (performance.now() >= end) {
        file.close();
        return undefined;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
    }
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}
