import {constants} from 'node:fs';
import {type OwnedFd, openFd} from '../sys/fd.js';

/** A program of ours that goes into a sandbox. @throws Error in a sentence when it was not built */
export function openProgram(path: string): OwnedFd {
  try {
    return openFd(path, constants.O_RDONLY);
  } catch (error) {
    throw new Error(`can't start a contained server: ${path} is missing: run npm run build`, {cause: error});
  }
}
