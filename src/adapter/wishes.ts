import {ATIME_FLAGS, FLAG_OPTIONS} from '../service/option-table.js';
import {MS_NODEV, MS_NOSUID} from '../sys/mount-flags.js';

/** What a program wants its mount to be like. */
export interface Wishes {
  /** MS_* bits. */
  readonly flags: number;
  /** Options of the kernel's fuse file system, as they are written there. */
  readonly fuse: readonly string[];
  /** A block device's mount, which ends only after the program has seen to it. */
  readonly fuseblk: boolean;
  /** Options that make a mount less safe. They are not to be had; real fusermount leaves them out as well for everybody but root. */
  readonly unsafe: readonly string[];
  /** Options that nobody knows. */
  readonly unknown: readonly string[];
}

/**
 * Options that libraries give to fusermount or to the kernel and that mean nothing here: the name and the type are the caller's, the owner
 * and the descriptor the helper's, and the mount ends with its program in any case.
 */
const OURS: ReadonlySet<string> = new Set([
  ...['fsname', 'subtype', 'fd', 'rootmode', 'user_id', 'group_id'],
  ...['auto_unmount', 'nonempty', 'large_read', 'blksize', 'defaults', 'auto', 'noauto', 'user', 'nouser'],
]);

/** Sorts single options of a program, `max_read=4096`. Whether they may be is the helper's to decide. */
export function sortWishes(options: readonly string[]): Wishes {
  let flags = 0;
  let fuseblk = false;
  const fuse = new Set<string>();
  const unsafe: string[] = [];
  const unknown: string[] = [];
  for (const option of options) {
    const equals = option.indexOf('=');
    const key = equals === -1 ? option : option.slice(0, equals);
    const flag = equals === -1 ? FLAG_OPTIONS.get(key) : undefined;
    if (flag !== undefined) {
      const {flag: bit, on} = flag;
      if (!on && (bit === MS_NOSUID || bit === MS_NODEV)) unsafe.push(key);
      else {
        if ((bit & ATIME_FLAGS) !== 0) flags &= ~ATIME_FLAGS;
        flags = on ? flags | bit : flags & ~bit;
      }
    } else if (option === 'blkdev') fuseblk = true;
    else if (option === 'allow_other' || option === 'default_permissions' || key === 'max_read')
      fuse.add(option);
    // Security labels: the helper takes those that the caller named.
    else if (/^(?:fs|def|root)?context$/.test(key) && equals !== -1) fuse.add(option);
    else if (option !== '' && !OURS.has(key) && !/^x-/i.test(key)) unknown.push(option);
  }
  return {flags, fuse: [...fuse], fuseblk, unsafe, unknown};
}
