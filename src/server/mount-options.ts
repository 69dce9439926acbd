import {
  MS_DIRSYNC,
  MS_LAZYTIME,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_RELATIME,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
} from '../sys/mount-flags.js';
import {MountRefusal} from './driver.js';

/** What a list of mount options asks for, sorted by who acts on it. */
export interface SortedOptions {
  /** MS_* bits for the mount itself. */
  readonly flags: number;
  /** Options of the kernel's fuse file system, as they are written there. */
  readonly fuse: readonly string[];
  /** Options for the driver. */
  readonly driver: ReadonlyMap<string, string>;
}

/** mount(8)'s file-system independent options: bits set, and bits cleared by their opposites. */
const FLAGS: Readonly<Record<string, readonly [set: number, clear: number]>> = {
  ro: [MS_RDONLY, 0],
  rw: [0, MS_RDONLY],
  suid: [0, MS_NOSUID],
  nosuid: [MS_NOSUID, 0],
  dev: [0, MS_NODEV],
  nodev: [MS_NODEV, 0],
  exec: [0, MS_NOEXEC],
  noexec: [MS_NOEXEC, 0],
  sync: [MS_SYNCHRONOUS, 0],
  async: [0, MS_SYNCHRONOUS],
  dirsync: [MS_DIRSYNC, 0],
  atime: [0, MS_NOATIME],
  noatime: [MS_NOATIME, 0],
  diratime: [0, MS_NODIRATIME],
  nodiratime: [MS_NODIRATIME, 0],
  relatime: [MS_RELATIME, MS_STRICTATIME],
  norelatime: [0, MS_RELATIME],
  strictatime: [MS_STRICTATIME, MS_RELATIME | MS_NOATIME],
  nostrictatime: [0, MS_STRICTATIME],
  lazytime: [MS_LAZYTIME, 0],
  nolazytime: [0, MS_LAZYTIME],
};

/** Options of the kernel's fuse file system that a caller may name. */
const FUSE_OPTIONS = new Set(['allow_other', 'default_permissions', 'max_read']);

/** For mount(8) and fstab alone: they say nothing to a file system. */
const IGNORED =
  /^(defaults|auto|noauto|user|nouser|users|owner|group|nofail|_netdev|x-.*|X-.*|comment=.*|loop)$/;

/**
 * Sorts the values of `-o`.
 * @param known names that the driver takes
 * @throws MountRefusal naming an option that nobody knows
 */
export function sortOptions(lists: readonly string[], known: readonly string[]): SortedOptions {
  let flags = 0;
  const fuse = new Set<string>();
  const driver = new Map<string, string>();
  for (const option of lists.flatMap((list) => list.split(',')).filter((each) => each !== '')) {
    const equals = option.indexOf('=');
    const name = equals === -1 ? option : option.slice(0, equals);
    const flag = Object.hasOwn(FLAGS, option) ? FLAGS[option] : undefined;
    if (flag !== undefined) flags = (flags & ~flag[1]) | flag[0];
    else if (known.includes(name)) driver.set(name, equals === -1 ? '' : option.slice(equals + 1));
    else if (FUSE_OPTIONS.has(name)) fuse.add(option);
    else if (!IGNORED.test(option))
      throw new MountRefusal('EINVAL', 'bad-option', `option ${option} is not known`);
  }
  return {flags, fuse: [...fuse], driver};
}

/** The command line that came with the conversation: `TYPE SOURCE TARGET [-o OPTIONS]...`. */
export function parseArguments(args: readonly string[]): {source: string; target: string; options: string[]} {
  const places: string[] = [];
  const options: string[] = [];
  for (let index = 1; index < args.length; index++) {
    const argument = args[index]!;
    if (argument === '-o') options.push(args[++index] ?? '');
    else if (argument.startsWith('-o')) options.push(argument.slice(2));
    else places.push(argument);
  }
  const [source, target] = places;
  if (source === undefined || target === undefined || places.length !== 2) {
    throw new MountRefusal('EINVAL', 'bad-arguments', 'the mount helper named no source and target');
  }
  return {source, target, options};
}
