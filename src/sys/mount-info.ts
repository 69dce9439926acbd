import {readFileSync} from 'node:fs';
import {Errno, errnoOf} from './errno.js';

/** One line of /proc/self/mountinfo, proc_pid_mountinfo(5). */
export interface MountEntry {
  /** Unique while mounted; may be used again after. */
  readonly id: number;
  readonly parentId: number;
  /** Device numbers of the superblock, as in st_dev. */
  readonly major: number;
  readonly minor: number;
  /** The directory in the file system that is the root of this mount. */
  readonly root: string;
  /** Where it is, relative to the process's root. */
  readonly target: string;
  /** Per-mount options: ro, nosuid, … */
  readonly options: readonly string[];
  /** Propagation tags (`shared:5`, `master:2`, `unbindable`). */
  readonly tags: readonly string[];
  /** `ext4`, or with subtype `fuse.ext4`. */
  readonly fsType: string;
  readonly source: string;
  /** Options of the superblock. */
  readonly superOptions: readonly string[];
}

/** The kernel writes space, tab, newline, backslash and # as a backslash and three octal digits; other bytes as they are. */
function unescaped(field: string): string {
  if (!field.includes('\\')) return field;
  return field.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/** One line; undefined for one that has not the documented fields. */
function parseLine(line: string): MountEntry | undefined {
  const fields = line.split(' ');
  // Any number of optional fields (tags) end with a lone hyphen.
  const hyphen = fields.indexOf('-', 6);
  const [id, parentId, device, root, target, options] = fields;
  const [fsType, source, superOptions] = fields.slice(hyphen + 1);
  if (hyphen === -1 || fsType === undefined || source === undefined) return undefined;
  const numbers = /^(\d+):(\d+)$/.exec(device ?? '');
  if (numbers === null || root === undefined || target === undefined || options === undefined)
    return undefined;
  return {
    id: Number(id),
    parentId: Number(parentId),
    major: Number(numbers[1]),
    minor: Number(numbers[2]),
    root: unescaped(root),
    target: unescaped(target),
    options: options.split(','),
    tags: fields.slice(6, hyphen),
    fsType: unescaped(fsType),
    source: unescaped(source),
    superOptions: unescaped(superOptions ?? '').split(','),
  };
}

/** Parses the text of a mountinfo file. Lines that don't have the documented fields are left out. */
export function parseMountInfo(text: string): MountEntry[] {
  return [...parseLines(text).values()];
}

/** Entries by their lines. @param known lines that were parsed before */
function parseLines(text: string, known?: ReadonlyMap<string, MountEntry>): Map<string, MountEntry> {
  const entries = new Map<string, MountEntry>();
  for (const line of text.split('\n')) {
    const entry = known?.get(line) ?? parseLine(line);
    if (entry !== undefined) entries.set(line, entry);
  }
  return entries;
}

/** The table of this process as it was last: a mount looks at it half a dozen times, a manager every second, and little of it is new. */
let last: ReadonlyMap<string, MountEntry> | undefined;

/** All mounts this process can see, in the kernel's order (a mount comes after what it lies on). @throws Errno */
export function readMounts(pid: number | 'self' = 'self'): MountEntry[] {
  const path = `/proc/${pid}/mountinfo`;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Errno(errnoOf(error), 'read', path);
  }
  if (pid !== 'self') return parseMountInfo(text);
  last = parseLines(text, last);
  return [...last.values()];
}

/**
 * The topmost mount whose target is exactly `path` (absolute, without symbolic links or a trailing slash), or
 * undefined. "Topmost" is the one that no other mount at the same path has as its parent.
 */
export function mountAtPath(
  path: string,
  mounts: readonly MountEntry[] = readMounts(),
): MountEntry | undefined {
  const here = mounts.filter((entry) => entry.target === path);
  const covered = new Set(here.map((entry) => entry.parentId));
  // A mount at "/" may be its own parent's child in odd namespaces; then the last line is the best answer.
  return here.findLast((entry) => !covered.has(entry.id)) ?? here.at(-1);
}

/**
 * The number of a FUSE connection. The kernel names one by its whole device number (fs/fuse/control.c): the minor alone for an anonymous
 * device, which has major 0; fuseblk has that of its block device.
 */
export function connectionOf({major, minor}: Pick<MountEntry, 'major' | 'minor'>): number {
  return major * 2 ** 20 + minor;
}
