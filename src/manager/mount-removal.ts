import {mountIdOf} from '../helper/mount-point.js';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {O_NOFOLLOW, O_PATH, openFd} from '../sys/fd.js';
import {MNT_DETACH, umount} from '../sys/mount.js';
import {readMounts} from '../sys/mount-info.js';
import {connectionOf} from './fuse-mounts.js';
import {abortConnection} from './fusectl.js';

/** What became of a lost mount. */
export interface Removal {
  /** Places that it was taken from. */
  readonly detached: readonly string[];
  /** Places where it still is: something else lies on them, or the kernel refused. */
  readonly left: readonly string[];
}

/**
 * Takes one mount out of the tree by its id: whatever else is at its path by now stays. Nothing is asked of its server, so this
 * does not wait for one that hangs. False when something lies on it, or when it is gone already.
 * @throws Errno of umount2(2)
 */
export function detachMount(id: number, target: string): boolean {
  let root: ReturnType<typeof openFd>;
  try {
    root = openFd(target, O_PATH | O_NOFOLLOW);
  } catch {
    return false;
  }
  try {
    if (mountIdOf(root) !== id) return false;
    // The link leads to the root of this very mount, whatever the path means by now.
    umount(`/proc/self/fd/${root.fd}`, MNT_DETACH);
    return true;
  } finally {
    root.close();
  }
}

/**
 * Ends a connection whose server is of no use any more, and takes it from every place it is mounted at, the last first, since
 * a mount may lie on another of the same connection.
 */
export function removeLostMount(connection: number): Removal {
  abortConnection(connection);
  const entries = readMounts().filter(
    (entry) => /^fuse(?:blk)?(?:\.|$)/.test(entry.fsType) && connectionOf(entry) === connection,
  );
  const detached: string[] = [];
  const left: string[] = [];
  for (const {id, target} of entries.reverse()) {
    try {
      (detachMount(id, target) ? detached : left).push(target);
    } catch (error) {
      // EINVAL: it went away by itself in between.
      if (errnoOf(error) !== ERRNO.EINVAL) left.push(target);
    }
  }
  return {detached, left};
}
