import {createHash} from 'node:crypto';
import {CommandError} from '../command.js';
import type {Found, RootTree} from './root-tree.js';

/** Where an installation leaves the list of what it put in place. */
export const MANIFEST = '/var/lib/fuseward/installed.json';

/** One thing that was put in place: its path from the root, and what it then held. */
export interface Entry {
  readonly path: string;
  /** `sha256:HEX` of a file, `link:TARGET` of a symlink. While an installation is at work it may be the older or the newer of two. */
  readonly marks: readonly string[];
}

/** What an installation put in place. */
export interface Manifest {
  /** Version of the package that it came from. */
  readonly version: string;
  readonly entries: readonly Entry[];
  /** Directories that it made, topmost first. */
  readonly directories: readonly string[];
}

/** What tells two contents apart; undefined for anything that is neither file nor symlink. */
export function markOf(found: Found): string | undefined {
  if (found.kind === 'file') return `sha256:${createHash('sha256').update(found.content).digest('hex')}`;
  return found.kind === 'link' ? `link:${found.target}` : undefined;
}

/** A path in its one shape: absolute, without `.`, `..` and doubled slashes. */
function isPlainPath(value: unknown): value is string {
  return typeof value === 'string' && /^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/.test(value);
}

function isEntry(value: unknown): value is Entry {
  const {path, marks} = (value ?? {}) as Partial<Entry>;
  return isPlainPath(path) && Array.isArray(marks) && marks.every((mark) => typeof mark === 'string');
}

function isManifest(value: unknown): value is Manifest {
  const {version, entries, directories} = (value ?? {}) as Partial<Manifest>;
  return (
    typeof version === 'string' &&
    Array.isArray(entries) &&
    entries.every(isEntry) &&
    Array.isArray(directories) &&
    directories.every(isPlainPath)
  );
}

/** The list of an earlier installation, undefined without one. @throws CommandError when it can't be understood */
export function readManifest(tree: RootTree): Manifest | undefined {
  const found = tree.find(MANIFEST);
  if (found.kind === 'nothing') return undefined;
  const refuse = (reason: string): CommandError =>
    new CommandError(`can't read ${tree.place(MANIFEST)}: ${reason}`);
  if (found.kind !== 'file') throw refuse('it is not a file');
  let value: unknown;
  try {
    value = JSON.parse(found.content.toString('utf8'));
  } catch (error) {
    throw refuse((error as Error).message);
  }
  if (!isManifest(value)) throw refuse('it is not a list that "fuseward install" wrote');
  return value;
}

export function writeManifest(tree: RootTree, manifest: Manifest): void {
  tree.writeFile(MANIFEST, Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`));
}
