import {
  ATIME_FLAGS,
  DROPPED_OPTIONS,
  FLAG_OPTIONS,
  FUSE_OPTIONS,
  LABEL_OPTIONS,
} from '../service/option-table.js';
import {splitOptions} from '../service/option-text.js';
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

/** For mount(8), fstab and the mount helper alone: they say nothing to a file system. */
function isNotForUs(key: string): boolean {
  return DROPPED_OPTIONS.has(key) || LABEL_OPTIONS.has(key) || /^x-/i.test(key);
}

/**
 * Sorts the values of `-o`; later ones win.
 * @param known names that the driver takes
 * @throws MountRefusal naming an option that nobody knows
 */
export function sortOptions(lists: readonly string[], known: readonly string[]): SortedOptions {
  let flags = 0;
  const fuse = new Set<string>();
  const driver = new Map<string, string>();
  for (const {key, value} of splitOptions(lists.join(','))) {
    const text = value === undefined ? key : `${key}=${value}`;
    const flag = value === undefined ? FLAG_OPTIONS.get(key) : undefined;
    if (flag !== undefined) {
      if ((flag.flag & ATIME_FLAGS) !== 0) flags &= ~ATIME_FLAGS;
      flags = flag.on ? flags | flag.flag : flags & ~flag.flag;
    } else if (known.includes(key)) driver.set(key, value ?? '');
    else if (FUSE_OPTIONS.has(key)) fuse.add(text);
    else if (!isNotForUs(key)) throw new MountRefusal('EINVAL', 'bad-option', `option ${text} is not known`);
  }
  return {flags, fuse: [...fuse], driver};
}

/** What the mount helper asks for. */
export interface Order {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
}

/** The command line that came with the conversation: `TYPE SOURCE TARGET [-o OPTIONS]...`. @throws MountRefusal */
export function parseArguments(args: readonly string[]): Order {
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
  return {type: args[0]!, source, target, options};
}
