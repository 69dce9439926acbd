import {spawnSync} from 'node:child_process';
import {existsSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {copyImage, imageOf, type Recipe} from './images.js';
import {withKernelMount} from './mounts.js';
import {type Entry, type Snapshot, snapshot} from './snapshot.js';
import {type Allowed, diff} from './snapshot-diff.js';

/** Why nothing can be mounted here; undefined when it can. Belongs into the title of what is skipped. */
export function cannotMount(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  if (!existsSync('/dev/loop-control')) return 'no loop devices';
  for (const tool of ['mke2fs', 'debugfs', 'mount', 'losetup']) {
    if (spawnSync(tool, ['-V']).error !== undefined) return `no ${tool}`;
  }
  return undefined;
}

/** What the title of a test says of why it is skipped: nothing when it is not. */
export function skipped(reason: string | undefined): string {
  return reason === undefined ? '' : ` (skipped: ${reason})`;
}

/** A writable copy of a recipe's image for the time of an action. */
export function withImageCopy<T>(recipe: Recipe, action: (image: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'fuseward-copy-'));
  const image = join(directory, `${recipe.name}.img`);
  try {
    copyImage(recipe, image);
    return action(image);
  } finally {
    rmSync(directory, {recursive: true});
  }
}

/** Lets the kernel show a recipe's image, or for what it can't mount, the tree that the image was copied from. */
export function withOracle<T>(recipe: Recipe, action: (root: string) => T): T {
  if (recipe.oracle === 'source') return withKernelMount(imageOf(recipe.copyOf ?? recipe), 'ro', action);
  const {dirty} = recipe;
  if (dirty === undefined) return withKernelMount(imageOf(recipe), 'ro', action);
  return withImageCopy(recipe, (image) => withKernelMount(image, `replay-${dirty}`, action));
}

/** What the image of a recipe is to show. */
export function expected(recipe: Recipe): Snapshot {
  return withOracle(recipe, snapshot);
}

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const SECOND = 1_000_000_000n;

/** Where the copy may differ from its source beside what `asCopied` evens out. */
const COPY_DIFFERENCES: Allowed = {
  ino: 'mke2fs -d numbers the inodes anew',
  direntIno: 'as ino',
  blocks: 'other block size, other mapping',
  blksize: 'other block size',
  data: 'mke2fs -d makes holes of blocks of zeros, whatever they were',
  atime: 'mounted writable while the source was filled',
  ctime: 'mke2fs -d keeps whole seconds',
  btime: 'the copy was born later',
  flags: 'mke2fs -d does not copy the flags of chattr',
  xflags: 'as flags',
  version: 'each inode has its own generation',
  bsize: 'other block size',
  frsize: 'other block size',
  bfree: 'another size of file system',
  bavail: 'another size of file system',
  files: 'another size of file system',
  ffree: 'another size of file system',
  label: 'the copy has its own',
};

/** A snapshot with what `mke2fs -d` does not copy exactly evened out: sizes of directories, parts of seconds, order of attributes. */
function asCopied(original: Snapshot): Snapshot {
  const entries = new Map<string, Entry>();
  for (const [path, entry] of original.entries) {
    const isDirectory = (entry.mode & S_IFMT) === S_IFDIR;
    entries.set(path, {
      ...entry,
      size: isDirectory ? 0 : entry.size,
      mtime: isDirectory ? 0n : entry.mtime / SECOND,
      xattrs: entry.xattrs.split('\n').sort().join('\n'),
    });
  }
  return {...original, entries};
}

/** A snapshot without the values that a recipe excepts. */
function withoutExceptions(recipe: Recipe, original: Snapshot): Snapshot {
  const entries = new Map(original.entries);
  for (const {path, fields} of recipe.exceptions ?? []) {
    const entry = entries.get(path);
    if (entry === undefined) continue;
    entries.set(path, {...entry, ...Object.fromEntries(fields.map((field) => [field, null]))});
  }
  return {...original, entries};
}

/** What differs between the snapshot that a recipe's image has to give and the one it gave. */
export function differences(
  recipe: Recipe,
  wanted: Snapshot,
  found: Snapshot,
  allowed: Allowed = {},
): string[] {
  if (recipe.oracle === 'source')
    return diff(asCopied(wanted), asCopied(found), {...COPY_DIFFERENCES, ...allowed});
  return diff(withoutExceptions(recipe, wanted), withoutExceptions(recipe, found), allowed);
}
