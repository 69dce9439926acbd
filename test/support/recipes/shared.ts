import {acls, fileFlags, owners, specialFiles, symlinks, times, xattrs} from '../tree/attributes.js';
import {fragmented, sizes, sparse} from '../tree/data.js';
import type {Chapter} from '../tree/ground.js';
import {deep, hardLinks, names, shrunkDirectory} from '../tree/names.js';
export const TIB = 2 ** 40;
export const GIB = 2 ** 30;

/** All that every file system of the family can hold. */
export function tree(farthest = 15 * TIB, pieces = 150): Chapter[] {
  return [
    names,
    sizes(40),
    fragmented(pieces),
    sparse(farthest),
    deep(40),
    hardLinks,
    xattrs,
    acls,
    specialFiles,
    symlinks,
    times,
    owners,
    fileFlags,
    shrunkDirectory(500),
  ];
}

/** Files mapped by blocks, not by extents. */
export const EXT2 = {extents: false} as const;
/** Blocks of 1 KiB. */
export const K1 = {blockSize: 1024} as const;
