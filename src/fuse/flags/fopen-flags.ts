/** Bits of `OpenReply.flags` (FOPEN_*): how the kernel treats this open file. The kernel ignores bits it does not know. */
/** Past the page cache: every read and write is a request. */
export const FOPEN_DIRECT_IO = 1 << 0;
/** Keep cached pages; without it every open drops them. */
export const FOPEN_KEEP_CACHE = 1 << 1;
/** lseek fails. */
export const FOPEN_NONSEEKABLE = 1 << 2;
/** The listing of this directory may be cached. */
export const FOPEN_CACHE_DIR = 1 << 3;
/** The file has no position, like a pipe. */
export const FOPEN_STREAM = 1 << 4;
/** No flush at close; ignored with WRITEBACK_CACHE. */
export const FOPEN_NOFLUSH = 1 << 5;
/** Direct writes to one inode in parallel. */
export const FOPEN_PARALLEL_DIRECT_WRITES = 1 << 6;
/** Reads and writes go to the backing file. */
export const FOPEN_PASSTHROUGH = 1 << 7;
