import {readdirSync} from 'node:fs';
import {errnoOf} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {
  fsconfigCreate,
  fsmount,
  fsopen,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
} from './mount.js';
import {type MountEntry, readMounts} from './mount-info.js';

/** Where systemd mounts the kernel's own list (fusectl). */
const CONNECTIONS = '/sys/fs/fuse/connections';
/** Kernels, and rights, without a mount of one's own. */
const NOT_TO_BE_HAD: readonly number[] = [ERRNO.ENODEV, ERRNO.ENOSYS, ERRNO.EPERM, ERRNO.EINVAL];

/**
 * Numbers of the kernel's FUSE connections, whether anything shows them or not: where fusectl is not mounted, by a mount of it that is attached nowhere and gone
 * when this returns.
 * @param mounts the mount table
 * @returns undefined where nobody can tell
 * @throws Errno, or Node's error
 */
export function fuseConnections(
  mounts: readonly MountEntry[] = readMounts(),
): ReadonlySet<number> | undefined {
  const isMounted = mounts.some(({fsType, target}) => fsType === 'fusectl' && target === CONNECTIONS);
  if (isMounted) return numbersIn(CONNECTIONS);
  try {
    using context = fsopen('fusectl');
    fsconfigCreate(context.fd);
    using mount = fsmount(context.fd, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    return numbersIn(`/proc/self/fd/${mount.fd}`);
  } catch (error) {
    if (NOT_TO_BE_HAD.includes(errnoOf(error))) return undefined;
    throw error;
  }
}

function numbersIn(directory: string): ReadonlySet<number> {
  return new Set(readdirSync(directory).map(Number));
}
