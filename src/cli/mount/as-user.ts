import type {MountResult} from '../../helper/index.js';
import {USER_PROTOCOL} from '../../manager/user-protocol.js';
import {errnoOf, errnoText} from '../../sys/errno.js';
import {errnoCode} from '../../sys/errno-codes.js';
import {closeAll, O_NONBLOCK, O_PATH, O_RDONLY, type OwnedFd, openFd} from '../../sys/fd.js';
import {askForUser, UserRequestError} from '../user-client.js';

/** What an ordinary user wants mounted. */
export interface UserMount {
  readonly source: string;
  readonly target: string;
  readonly type: string | undefined;
  readonly options: readonly string[];
}

/**
 * Mounts for a user who is not root: opens source and target with his own rights and has the manager do the rest with the descriptors.
 *
 * @throws UserRequestError
 */
export function mountAsUser({source, target, type, options}: UserMount): MountResult {
  const opened: OwnedFd[] = [];
  try {
    // A FIFO must not keep us waiting; for a file the flag means nothing.
    opened.push(open(source, O_RDONLY | O_NONBLOCK, `mount ${source}`, 'source-unreadable'));
    opened.push(open(target, O_PATH, `mount on ${target}`, 'target-missing'));
    const kind = type === undefined ? {} : {type};
    const request = {version: USER_PROTOCOL, do: 'mount', options, ...kind} as const;
    return askForUser(request, `mount ${source} on ${target}`, () => opened) as MountResult;
  } finally {
    closeAll(opened);
  }
}

function open(path: string, flags: number, what: string, code: string): OwnedFd {
  try {
    return openFd(path, flags);
  } catch (error) {
    const errno = errnoOf(error);
    throw new UserRequestError({
      message: `can't ${what}: ${errnoText(errno)}`,
      code,
      errno: errnoCode(errno),
    });
  }
}
