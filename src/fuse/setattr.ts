import type {Attr} from './attributes.js';
import {
  FATTR_ATIME,
  FATTR_ATIME_NOW,
  FATTR_CTIME,
  FATTR_GID,
  FATTR_MODE,
  FATTR_MTIME,
  FATTR_MTIME_NOW,
  FATTR_SIZE,
  FATTR_UID,
} from './flags/setattr-flags.js';
import type {SetattrChanges} from './replies.js';

/**
 * Makes the changes of a setattr to attributes kept in memory: mode (the type stays), owner, size and times, where "now" and
 * a new ctime are `nowMs` (milliseconds since 1970). What a new size means for the data is left to the file system.
 */
export function applyChanges(attr: Attr, changes: SetattrChanges, nowMs: number): void {
  const {valid} = changes;
  attr.touch(nowMs, 'ctime');
  if ((valid & FATTR_MODE) !== 0) attr.mode = (attr.mode & ~0o7777) | (changes.mode & 0o7777);
  if ((valid & FATTR_UID) !== 0) attr.uid = changes.uid;
  if ((valid & FATTR_GID) !== 0) attr.gid = changes.gid;
  if ((valid & FATTR_SIZE) !== 0) {
    attr.size = changes.size;
    attr.touch(nowMs, 'mtime');
  }
  if ((valid & FATTR_ATIME_NOW) !== 0) {
    attr.touch(nowMs, 'atime');
  } else if ((valid & FATTR_ATIME) !== 0) {
    attr.atime = changes.atime;
    attr.atimensec = changes.atimensec;
  }
  if ((valid & FATTR_MTIME_NOW) !== 0) {
    attr.touch(nowMs, 'mtime');
  } else if ((valid & FATTR_MTIME) !== 0) {
    attr.mtime = changes.mtime;
    attr.mtimensec = changes.mtimensec;
  }
  if ((valid & FATTR_CTIME) !== 0) {
    attr.ctime = changes.ctime;
    attr.ctimensec = changes.ctimensec;
  }
}
