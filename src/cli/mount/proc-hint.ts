import {type MountEntry, readMounts} from '../../sys/mount-info.js';

/** What bubblewrap says where it can't have a /proc. */
const NO_PROC = /Can't mount proc on/;

/**
 * Why no sandbox of our own can start: a user namespace gets a /proc only where the machine's own is to be seen whole (mount_too_revealing in the kernel), which it is not in some
 * containers.
 * @param said what the sandbox wrote
 * @returns undefined where that is not what happened
 */
export function procHint(said: string, mounts: readonly MountEntry[] = readMounts()): string | undefined {
  if (!NO_PROC.test(said)) return undefined;
  const below = mounts.map(({target}) => target).filter((target) => target.startsWith('/proc/'));
  const what = below.length === 0 ? 'the machine hides /proc' : `something is mounted on ${below.join(', ')}`;
  return `${what}, and the kernel lets no sandbox have a /proc then; a unit of systemd's does without one ("fuseward policy units")`;
}
