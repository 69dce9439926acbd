import {fuseMounts} from '../../manager/fuse-mounts.js';
import {CommandError} from '../command.js';

/** Where to unmount, and if it was named by an id, which mount must be there. */
export interface Place {
  readonly path: string;
  /** Number of the mount in the mount table. */
  readonly mountId: number | undefined;
}

/**
 * Understands a target: a path, or the id of a mount (the number of its FUSE connection). Of several places of one connection it is the
 * first, and all others are to be unmounted by path.
 * @throws CommandError for an id that is not there
 */
export function placeOf(target: string): Place {
  if (!/^\d+$/.test(target)) return {path: target, mountId: undefined};
  const entry = fuseMounts().get(Number(target))?.entries[0];
  if (entry === undefined) {
    throw new CommandError(`there is no mount of a FUSE server with the id ${target}`);
  }
  return {path: entry.target, mountId: entry.id};
}
