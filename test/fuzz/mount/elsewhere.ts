import {readdirSync, readFileSync, readlinkSync} from 'node:fs';

/**
 * A process that has a mount of this path in a mount namespace of its own: one made while the mount was there has a copy, which
 * keeps the file system, its server and its loop device alive whatever is unmounted here. Undefined where there is none.
 */
export function heldElsewhere(path: string): number | undefined {
  const own = readlinkSync('/proc/self/ns/mnt');
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (readlinkSync(`/proc/${entry}/ns/mnt`) === own) continue;
      if (readFileSync(`/proc/${entry}/mountinfo`, 'utf8').includes(path)) return Number(entry);
    } catch {
      // It ended meanwhile.
    }
  }
  return undefined;
}
