import {findMount} from '../../launch/mount-status.js';
import {USER_PROTOCOL} from '../../manager/user-protocol.js';
import {askForUser, UserRequestError} from '../user-client.js';

/**
 * Unmounts a mount of a user who is not root. It is found in the mount table and named to the manager by its number there: the path may
 * mean something else by the time it is read.
 *
 * @throws UserRequestError
 */
export function unmountAsUser(
  target: string,
  opts: {mountId: number | undefined; lazy: boolean; force: boolean},
): void {
  const {lazy, force} = opts;
  const mountId = opts.mountId ?? mountIdAt(target);
  askForUser({version: USER_PROTOCOL, do: 'umount', mountId, lazy, force}, `unmount ${target}`);
}

function mountIdAt(target: string): number {
  try {
    return findMount(target).id;
  } catch (error) {
    const message = `can't unmount ${target}: ${error instanceof Error ? error.message : String(error)}`;
    throw new UserRequestError({message, code: 'not-mounted', errno: 'EINVAL'});
  }
}
