import {spawnSync} from 'node:child_process';
import {mountIdOf} from '../helper/mount-point.js';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {O_NOFOLLOW, O_PATH, openFd} from '../sys/fd.js';
import {MNT_DETACH, umount} from '../sys/mount.js';
import {connectionOf, type MountEntry, readMounts} from '../sys/mount-info.js';
import {COMMAND_ENVIRONMENT, programWords} from './command-runner.js';
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
 * does not wait for one that hangs, unless the way to it leads through the file system of another. False when something lies on it, or when it is gone already.
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

/** How long a detour may take; the manager stands still meanwhile. */
const DETOUR_MS = 2_000;

/** Whether the way to a place leads through another FUSE file system: whoever goes there may wait for a server that hangs. */
function leadsThroughFuse(entry: MountEntry, table: readonly MountEntry[]): boolean {
  return table.some(
    (other) =>
      isFuse(other) &&
      connectionOf(other) !== connectionOf(entry) &&
      entry.target.startsWith(`${other.target}/`),
  );
}

/** As `detachMount`, by a process that can be ended when it hangs. */
function detachByCommand(id: number, target: string): boolean {
  const args = ['umount', '--lazy', `--mount-id=${id}`, '--no-announce', '--', target];
  const {status} = spawnSync(process.execPath, programWords(args), {
    cwd: '/',
    env: COMMAND_ENVIRONMENT,
    stdio: 'ignore',
    timeout: DETOUR_MS,
    killSignal: 'SIGKILL',
  });
  return status === 0;
}

function isFuse({fsType}: MountEntry): boolean {
  return /^fuse(?:blk)?(?:\.|$)/.test(fsType);
}

/**
 * Ends a connection whose server is of no use any more, and takes it from every place it is mounted at, the last first, since
 * a mount may lie on another of the same connection.
 */
export function removeLostMount(connection: number): Removal {
  abortConnection(connection);
  const table = readMounts();
  const entries = table.filter((entry) => isFuse(entry) && connectionOf(entry) === connection);
  const detached: string[] = [];
  const left: string[] = [];
  for (const entry of entries.reverse()) {
    const {id, target} = entry;
    const detach = leadsThroughFuse(entry, table) ? detachByCommand : detachMount;
    try {
      (detach(id, target) ? detached : left).push(target);
    } catch (error) {
      // EINVAL: it went away by itself in between.
      if (errnoOf(error) !== ERRNO.EINVAL) left.push(target);
    }
  }
  return {detached, left};
}
