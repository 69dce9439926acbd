import {closeSync, constants, fstatSync, openSync, readFileSync, statSync} from 'node:fs';
import {PolicyError} from './policy-error.js';

const UNTRUSTED = 'must belong to root and be writable by root alone';

/**
 * Reads a file that decides over privileges: it must belong to root and be writable by nobody else.
 * @returns undefined when it is not there
 * @throws PolicyError
 */
export function readTrusted(file: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new PolicyError([{file, reason: (error as Error).message}]);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new PolicyError([{file, reason: 'is not a regular file'}]);
    if (stat.uid !== 0 || (stat.mode & 0o022) !== 0) throw new PolicyError([{file, reason: UNTRUSTED}]);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/** Whoever may write to the directory could take away a file that is stricter than what ships. @throws PolicyError */
export function checkDirectory(directory: string): void {
  const stat = statSync(directory, {throwIfNoEntry: false});
  if (stat === undefined) return;
  // In a sticky directory only the owner of a file takes it away.
  const open = (stat.mode & 0o022) !== 0 && (stat.mode & 0o1000) === 0;
  const strange = stat.uid !== 0 && stat.uid !== process.geteuid?.();
  if (strange || open) throw new PolicyError([{file: directory, reason: UNTRUSTED}]);
}
