import {statSync} from 'node:fs';
import {MountError} from '../../helper/index.js';
import {errnoOf} from '../../sys/errno.js';
import {ERRNO} from '../../sys/errno-codes.js';

/**
 * Makes sure that a mount namespace that was asked for is the one we are in. Another can't be entered from here: setns(2) wants a process
 * whose threads don't share their working directory, and a runtime's do.
 *
 * @param named process id, or path of the namespace
 * @throws MountError `bad-option`
 */
export function checkNamespace(named: string): void {
  const path = /^\d+$/.test(named) ? `/proc/${named}/ns/mnt` : named;
  const refuse = (reason: string, errno: number): never => {
    throw new MountError({object: `in mount namespace ${named}`, reason, code: 'bad-option'}, {errno});
  };
  try {
    const [wanted, ours] = [statSync(path), statSync('/proc/self/ns/mnt')];
    if (wanted.dev === ours.dev && wanted.ino === ours.ino) return;
  } catch (error) {
    refuse('there is no such namespace', errnoOf(error));
  }
  refuse(
    `it is another one than this program's: nsenter --mount=${path} mount … mounts there`,
    ERRNO.EOPNOTSUPP,
  );
}
