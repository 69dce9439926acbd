import {constants, mkdirSync} from 'node:fs';
import {flockFd, openFd} from '../sys/fd.js';

/** Where fuseward keeps what must not outlive a boot. */
export const RUN_DIRECTORY = '/run/fuseward';

/**
 * Runs `action` while no other launch on this machine is at the same point. The lock is the kernel's and ends with the process,
 * so nobody needs to clean up after one that was killed.
 */
export function withLaunchLock<T>(action: () => T): T {
  mkdirSync(RUN_DIRECTORY, {recursive: true, mode: 0o755});
  using file = openFd(
    `${RUN_DIRECTORY}/launch.lock`,
    constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW,
    0o600,
  );
  flockFd(file.fd, {exclusive: true, nonBlocking: false});
  return action();
}
