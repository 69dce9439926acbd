import {sortOptions} from '../server/mount-options.js';
import {isGeneric} from '../service/option-table.js';
import {joinOptions, splitOptions} from '../service/option-text.js';
import {MS_RDONLY} from '../sys/mount-flags.js';

/** What the caller's `-o` come to. */
export interface CallerOptions {
  /** MS_* bits. */
  readonly flags: number;
  /** Options of the kernel's fuse file system. */
  readonly fuse: readonly string[];
  readonly readOnly: boolean;
  /** For the program, as text behind its own `-o`: what is nobody else's, and `ro`, which concerns both. */
  readonly text: string;
}

/** Sorts the options that the mount helper passed on. What neither mount(8) nor the kernel nor the helper knows is the program's. */
export function sortCallerOptions(lists: readonly string[]): CallerOptions {
  const foreign = splitOptions(lists.join(',')).filter(({key}) => !isGeneric(key));
  const {flags, fuse} = sortOptions(
    lists,
    foreign.map(({key}) => key),
  );
  const readOnly = (flags & MS_RDONLY) !== 0;
  return {flags, fuse, readOnly, text: joinOptions([...(readOnly ? [{key: 'ro'}] : []), ...foreign])};
}
