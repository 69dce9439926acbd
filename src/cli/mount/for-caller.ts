import type {MountResult} from '../../helper/index.js';
import {mountAsUser} from './as-user.js';
import {type MountOrder, performMount} from './perform.js';

/** Who runs this process. */
type Caller = Pick<MountOrder, 'callerUid' | 'callerGid' | 'callerGroups'>;

/** The real user of this process, and his groups. */
export function thisCaller(): Caller {
  return {
    callerUid: process.getuid!(),
    callerGid: process.getgid!(),
    callerGroups: process.getgroups!(),
  };
}

/** Whether this process can mount by itself; else the manager is asked to. */
export function isPrivileged(): boolean {
  return process.geteuid?.() === 0;
}

/**
 * Mounts for whoever runs this process: at once, or through the manager for a user who is not root.
 * @throws MountError, PolicyError, UserRequestError
 */
export async function mountForCaller(order: MountOrder): Promise<MountResult> {
  const {source, target, type, options} = order;
  return isPrivileged() ? await performMount(order) : mountAsUser({source, target, type, options});
}
