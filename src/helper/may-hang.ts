import {readlinkSync} from 'node:fs';
import {dirname, isAbsolute, join} from 'node:path';
import {type MountEntry, mountAtPath, readMounts} from '../sys/mount-info.js';

/** File systems that answer without waiting for another machine or another process. */
const LOCAL =
  /^(ext[234]|xfs|btrfs|bcachefs|f2fs|jfs|zfs|vfat|exfat|ntfs3|iso9660|udf|squashfs|erofs|tmpfs|ramfs|devtmpfs|overlay|proc|sysfs|cgroup2?)$/;
/** As many symbolic links as the kernel follows. */
const MOST_LINKS = 40;

function words(path: string): string[] {
  return path.split('/').filter((word) => word !== '' && word !== '.');
}

/**
 * Whether the way to a file leads over a file system that may keep us waiting: one of a network, of a FUSE server, of autofs. Each directory
 * is asked only once it is known to lie on a local one, so that this look itself never waits.
 */
export function mayHang(path: string, mounts: readonly MountEntry[] = readMounts()): boolean {
  // Not resolve(): behind a link `..` is another directory than before it.
  const left = words(isAbsolute(path) ? path : `${process.cwd()}/${path}`);
  let here = '/';
  let links = 0;
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    const next = word === '..' ? dirname(here) : join(here, word);
    const mount = mountAtPath(next, mounts);
    if (mount !== undefined && !LOCAL.test(mount.fsType)) return true;
    let link: string;
    try {
      link = readlinkSync(next);
    } catch {
      // No link, or not there: whoever opens it is told.
      here = next;
      continue;
    }
    links++;
    if (links > MOST_LINKS) return false;
    left.unshift(...words(link));
    if (link.startsWith('/')) here = '/';
  }
  return false;
}
