/** Bits of `SetattrChanges.valid` (FATTR_*): what is to change. A bit not listed here belongs to a newer protocol and is passed on. */
export const FATTR_MODE = 1 << 0;
export const FATTR_UID = 1 << 1;
export const FATTR_GID = 1 << 2;
export const FATTR_SIZE = 1 << 3;
export const FATTR_ATIME = 1 << 4;
export const FATTR_MTIME = 1 << 5;
/** `fh` is an open file. */
export const FATTR_FH = 1 << 6;
/** The time of the server, not the one given. */
export const FATTR_ATIME_NOW = 1 << 7;
export const FATTR_MTIME_NOW = 1 << 8;
/** The lock owner is known. */
export const FATTR_LOCKOWNER = 1 << 9;
export const FATTR_CTIME = 1 << 10;
/** Drop set-user-id and set-group-id bits; only with HANDLE_KILLPRIV_V2. */
export const FATTR_KILL_SUIDGID = 1 << 11;
