import {constants} from 'node:fs';
import {type OwnedFd, openFd} from '../sys/fd.js';
import type {InheritedFds} from './inherited-fds.js';
import {isOpenToAll, type Runtime} from './runtime.js';

/** Where the program lies inside the sandbox. */
export const PROGRAM = '/fuseward/program.js';

/** Where koffi's native module does. */
const NATIVE = '/fuseward/koffi.node';

/** bubblewrap's words for a file with what is read from a descriptor. */
export const data = (fd: number, place: string): string[] => [
  ...['--perms', '0444', '--ro-bind-data', `${fd}`, place],
];

/** A program of ours that goes into a sandbox. @throws Error in a sentence when it was not built */
function openProgram(path: string): OwnedFd {
  try {
    return openFd(path, constants.O_RDONLY);
  } catch (error) {
    throw new Error(`can't start a contained server: ${path} is missing: run npm run build`, {cause: error});
  }
}

/**
 * bubblewrap's words that put a program and what it needs of ours into the sandbox. A file that every user can read is seen where it lies, so that all
 * servers share its pages; bubblewrap is started as the server's user, so of any other, as below /root, it makes a copy in memory.
 * @param fds gets the descriptors that copies are read from
 * @throws Error in a sentence when the program was not built
 */
export function programWords({program, parts, native}: Runtime, fds: InheritedFds): string[] {
  const directories = new Map<string, boolean>();
  const into = (path: string, place: string): string[] =>
    isOpenToAll(path, 'read', directories)
      ? ['--ro-bind', path, place]
      : data(fds.give(openProgram(path)), place);
  return [
    ...into(program, PROGRAM),
    ...[...parts].flatMap(([part, path]) => into(path, PROGRAM.replace(/\.js$/, part))),
    ...into(native, NATIVE),
  ];
}
