import {struct, u32, u64} from '../../wire/index.js';

/** struct fuse_dirent: followed by the name without NUL, then zeros up to a multiple of 8. */
export const direntStruct = struct('fuse_dirent', 'le', 24, {
  ino: u64,
  /** Cookie of the entry after this one. */
  off: u64,
  namelen: u32,
  /** DT_*: the type bits of the mode, shifted right by 12. */
  type: u32,
});

/** Bytes of a record of READDIR: header, name, padding. */
export function direntSize(namelen: number): number {
  return (direntStruct.size + namelen + 7) & ~7;
}

/** Bytes before the name in a record of READDIRPLUS (struct fuse_direntplus): entry, then dirent. */
export const DIRENTPLUS_HEADER = 128 + direntStruct.size;

/** Bytes of a record of READDIRPLUS. */
export function direntPlusSize(namelen: number): number {
  return (DIRENTPLUS_HEADER + namelen + 7) & ~7;
}
