import {MountError} from './errors.js';

/** Subtypes become file names (the service socket) and part of a line in /proc/self/mountinfo. */
const SUBTYPE = /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,62}$/;

/** Whether a text can be a subtype. */
export function isSubtype(text: string): boolean {
  return SUBTYPE.test(text) && !text.includes('..');
}

/**
 * The subtype in a type as callers write it: `ext4`, `fuse.ext4` and `fuseblk.ext4` are all `ext4`.
 *
 * @throws MountError `bad-type` for one that has a slash or is no name
 */
export function subtypeOf(type: string): string {
  const subtype = type.replace(/^fuse(?:blk)?\./, '');
  if (!isSubtype(subtype)) {
    throw new MountError(
      {object: `with type ${JSON.stringify(type)}`, reason: 'that is no file system type', code: 'bad-type'},
      {errno: 22},
    );
  }
  return subtype;
}
