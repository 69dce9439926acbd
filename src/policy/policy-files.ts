import {readdirSync, readFileSync} from 'node:fs';
import {basename, join} from 'node:path';
import {PolicyError} from './policy-error.js';
import {checkDirectory, readTrusted} from './trusted-file.js';

/** The administrator's policy files. */
export const POLICY_DIRECTORY = '/etc/fuseward/policy.d';

/** What ships with the program: `defaults.toml` with every key, and a file for each type that a server of our own knows. */
export const SHIPPED_DIRECTORY: string = join(import.meta.dirname, '../../policy');

/** File-system types become file names, so nothing but these characters: no slash, no leading dot. */
const TYPE = /^[a-z0-9][a-z0-9_+-]{0,31}$/;
const EXTENSION = '.toml';
/** Texts that a manager holds are root's own, but nothing is read without a bound. */
const LARGEST_HELD = 64 * 2 ** 20;

/** Whether a string can be the name of a file-system type. */
export function isTypeName(type: string): boolean {
  return TYPE.test(type);
}

/** A policy file as it was read. */
export interface PolicyText {
  /** Absolute path, there or not. */
  readonly file: string;
  readonly text: string;
}

/** Policy files of one place, by name: `defaults`, and that of each type. */
export interface PolicyFiles {
  /** The file of a name; undefined where there is none. @throws PolicyError */
  read(name: string): PolicyText | undefined;
  /** Where the file of a name is, or would be. */
  path(name: string): string;
  /** Every name that there is a file for. @throws PolicyError */
  names(): string[];
}

/** Names of the policy files in a directory, and files in it that are none. @throws PolicyError when it can't be read */
export function listDirectory(directory: string): {names: string[]; others: string[]} {
  let entries: string[];
  try {
    entries = readdirSync(directory).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {names: [], others: []};
    throw new PolicyError([{file: directory, reason: (error as Error).message}]);
  }
  const isPolicy = (entry: string): boolean =>
    entry.endsWith(EXTENSION) && isTypeName(basename(entry, EXTENSION));
  return {
    names: entries.filter(isPolicy).map((entry) => basename(entry, EXTENSION)),
    others: entries.filter((entry) => !isPolicy(entry)),
  };
}

/** The files in a directory of an administrator's, each of which must be root's. @throws PolicyError for one that others may change */
export function directoryFiles(directory: string): PolicyFiles {
  checkDirectory(directory);
  const path = (name: string): string => join(directory, name + EXTENSION);
  return {
    path,
    read(name) {
      const file = path(name);
      const text = readTrusted(file);
      return text === undefined ? undefined : {file, text};
    },
    names: () => listDirectory(directory).names,
  };
}

/** The files that ship with the program. Whoever could change them could change the program. */
export const shippedFiles: PolicyFiles = {
  path: (name) => join(SHIPPED_DIRECTORY, name + EXTENSION),
  read(name) {
    const file = this.path(name);
    try {
      return {file, text: readFileSync(file, 'utf8')};
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  },
  names: () => listDirectory(SHIPPED_DIRECTORY).names,
};

/** Texts that were read earlier, under the paths that they came from. */
export function heldFiles(directory: string, texts: readonly PolicyText[]): PolicyFiles {
  const byName = new Map(texts.map((each) => [basename(each.file, EXTENSION), each]));
  return {
    path: (name) => join(directory, name + EXTENSION),
    read: (name) => byName.get(name),
    names: () => [...byName.keys()],
  };
}

/** The same as one text, for another process of root's. */
export function encodeHeld(directory: string, texts: readonly PolicyText[]): string {
  return JSON.stringify({directory, texts});
}

/** Reads what `encodeHeld` made from a file of root's. @throws PolicyError */
export function readHeldFile(file: string): PolicyFiles {
  const text = readTrusted(file);
  if (text === undefined) throw new PolicyError([{file, reason: 'is not there'}]);
  try {
    if (text.length > LARGEST_HELD) throw new RangeError('it is too large');
    const {directory, texts} = JSON.parse(text) as {directory: string; texts: PolicyText[]};
    return heldFiles(directory, texts);
  } catch (error) {
    throw new PolicyError([{file, reason: `is not what a manager wrote: ${(error as Error).message}`}]);
  }
}
