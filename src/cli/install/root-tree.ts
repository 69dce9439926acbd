import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import {dirname} from 'node:path';
import {CommandError} from '../command.js';
import {changeableBy, checkWay} from './trust.js';

/** What is found at a path. */
export type Found =
  | {readonly kind: 'nothing' | 'directory' | 'other'}
  | {readonly kind: 'file'; readonly content: Buffer}
  | {readonly kind: 'link'; readonly target: string};

/** As many symlinks on one path as the kernel follows (path_resolution(7)). */
const MOST_LINKS = 40;

/** Nothing of ours is near this size, so a larger file is somebody else's and need not be read. */
const LARGEST_FILE = 4 * 2 ** 20;

/**
 * The file system below a root directory, as programs see it that have that root: a symlink, absolute or with `..`, never leads out of
 * it. Every directory on the way to something must be one that only root or the caller can change, so that what is looked at is what
 * is written to. Paths are absolute, as seen from that root.
 */
export class RootTree {
  /** The root's real path on this machine. */
  readonly root: string;

  /** @throws CommandError when there is no such directory, or others can change what it holds */
  constructor(directory: string) {
    try {
      this.root = realpathSync(directory);
    } catch (error) {
      throw new CommandError(`can't use ${directory} as root: ${(error as Error).message}`);
    }
    if (!lstatSync(this.root).isDirectory())
      throw new CommandError(`can't use ${directory} as root: it is not a directory`);
    checkWay(this.root, `use ${directory} as root`);
  }

  /** Where a path lies on this machine. The last name is not followed. */
  place(path: string): string {
    const {directory, rest} = this.#walk(path);
    return rest.reduce((above, name) => this.#below(above, name), directory);
  }

  /** Where on this machine a symlink leads in the end. */
  follow(path: string): string {
    let at = path;
    for (let links = 0; links < MOST_LINKS; links++) {
      const found = this.find(at);
      if (found.kind !== 'link') return this.place(at);
      at = found.target.startsWith('/') ? found.target : `${dirname(at)}/${found.target}`;
    }
    throw new CommandError(`can't reach ${path}: too many symlinks`);
  }

  /** What is at a path; a symlink there is not followed. */
  find(path: string): Found {
    const {directory, rest} = this.#walk(path);
    if (rest.length > 1) return {kind: 'nothing'};
    const place = rest.reduce((above, name) => this.#below(above, name), directory);
    const stat = lstatSync(place, {throwIfNoEntry: false});
    if (stat === undefined) return {kind: 'nothing'};
    if (stat.isSymbolicLink()) return {kind: 'link', target: readlinkSync(place)};
    if (stat.isDirectory()) return {kind: 'directory'};
    if (!stat.isFile() || stat.size > LARGEST_FILE) return {kind: 'other'};
    return {kind: 'file', content: readFileSync(place)};
  }

  /** The directories above a path that are not there yet, topmost first. */
  missingAbove(path: string): string[] {
    const parts = path.split('/').filter((part) => part !== '');
    const above = parts.slice(0, -1).map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
    return above.filter((directory) => this.find(directory).kind === 'nothing');
  }

  makeDirectory(path: string): void {
    const place = this.place(path);
    mkdirSync(place);
    // Whatever the caller's umask is: servers must get through.
    chmodSync(place, 0o755);
  }

  /** Puts a file in place whole or not at all. */
  writeFile(path: string, content: Buffer, mode = 0o644): void {
    this.#replace(path, (temporary) => {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      const fd = openSync(temporary, flags, 0o600);
      try {
        writeFileSync(fd, content);
        fchmodSync(fd, mode);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    });
  }

  writeLink(path: string, target: string): void {
    this.#replace(path, (temporary) => symlinkSync(target, temporary));
  }

  remove(path: string): void {
    unlinkSync(this.place(path));
  }

  /** Whether the directory was empty and is gone. */
  removeDirectory(path: string): boolean {
    try {
      rmdirSync(this.place(path));
      return true;
    } catch (error) {
      if (['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? ''))
        return false;
      throw error;
    }
  }

  #replace(path: string, make: (temporary: string) => void): void {
    const place = this.place(path);
    const temporary = place.replace(/[^/]*$/, (name) => `.${name}.fuseward-${process.pid}`);
    try {
      make(temporary);
      renameSync(temporary, place);
    } catch (error) {
      try {
        unlinkSync(temporary);
      } catch {
        // It was never made.
      }
      throw error;
    }
  }

  #below(directory: string, name: string): string {
    return directory === '/' ? `/${name}` : `${directory}/${name}`;
  }

  /** Goes to the directory that holds the last name; `rest` is that name, after those of directories that are not there. */
  #walk(path: string): {directory: string; rest: string[]} {
    const ahead = path.split('/').filter((part) => part !== '' && part !== '.');
    // Real directories from the root on: `..` takes one away and stops at the root.
    const stack = [this.root];
    let links = 0;
    while (ahead.length > 1 || ahead[0] === '..') {
      const name = ahead.shift()!;
      if (name === '..') {
        if (stack.length > 1) stack.pop();
        continue;
      }
      const place = this.#below(stack.at(-1)!, name);
      const stat = lstatSync(place, {throwIfNoEntry: false});
      if (stat === undefined) {
        if (ahead.includes('..')) throw new CommandError(`can't reach ${path}: ${place} is not there`);
        return {directory: stack.at(-1)!, rest: [name, ...ahead]};
      }
      if (stat.isSymbolicLink()) {
        if (++links > MOST_LINKS) throw new CommandError(`can't reach ${path}: too many symlinks`);
        const target = readlinkSync(place);
        if (target.startsWith('/')) stack.length = 1;
        ahead.unshift(...target.split('/').filter((part) => part !== '' && part !== '.'));
        continue;
      }
      this.#checkDirectory(place, stat);
      stack.push(place);
    }
    return {directory: stack.at(-1)!, rest: ahead};
  }

  #checkDirectory(place: string, stat: Stats): void {
    if (!stat.isDirectory()) throw new CommandError(`can't use ${place}: it is not a directory`);
    const who = changeableBy(stat);
    if (who !== undefined) throw new CommandError(`can't use ${place}: it can be changed by ${who}`);
  }
}
