/** Types of mappings. */
export const MAP = {
  HOLE: 0,
  DELALLOC: 1,
  MAPPED: 2,
  UNWRITTEN: 3,
  INLINE: 4,
  NOCACHE: 253,
  RETRY_CACHE: 254,
  PURE_OVERWRITE: 255,
} as const;

const TYPE_NAMES = new Map<number, string>(Object.entries(MAP).map(([name, number]) => [number, name]));

/** `MAPPED`, or the number as text. */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `${type}`;
}

/** Flags of mappings. The first eight are the server's to set, the others the kernel's to tell in IOMAP_END. */
export const MAPF = {
  NEW: 1 << 0,
  DIRTY: 1 << 1,
  SHARED: 1 << 2,
  MERGED: 1 << 3,
  BOUNDARY: 1 << 4,
  ANON_WRITE: 1 << 5,
  ATOMIC_BIO: 1 << 6,
  WANT_IOMAP_END: 1 << 7,
  SIZE_CHANGED: 1 << 8,
  STALE: 1 << 9,
} as const;
export const SERVER_MAPF = 0xff;

/** What an operation is for, in IOMAP_BEGIN and IOMAP_END. None: a buffered read. */
export const OPF = {
  WRITE: 1 << 0,
  ZERO: 1 << 1,
  REPORT: 1 << 2,
  FAULT: 1 << 3,
  DIRECT: 1 << 4,
  NOWAIT: 1 << 5,
  OVERWRITE_ONLY: 1 << 6,
  UNSHARE: 1 << 7,
  DAX: 1 << 8,
  ATOMIC: 1 << 9,
  DONTCACHE: 1 << 10,
  SWAPFILE: 1 << 30,
  WRITEBACK: 2 ** 31,
} as const;

const WRITE_LIKE = (OPF.WRITE | OPF.ZERO | OPF.UNSHARE | OPF.WRITEBACK) >>> 0;

/** Whether an operation looks at the write mapping. */
export function writeLike(opflags: number): boolean {
  return (opflags & WRITE_LIKE) !== 0;
}

/** Names of an operation's flags, for messages and comparisons: `WRITE+DIRECT`, `read` for none. */
export function opText(opflags: number): string {
  const names = Object.entries(OPF).filter(([, bit]) => (opflags & bit) !== 0);
  return names.length === 0 ? 'read' : names.map(([name]) => name).join('+');
}

/** Flags of IOMAP_IOEND. */
export const IOEND = {
  SHARED: 1 << 0,
  UNWRITTEN: 1 << 1,
  BOUNDARY: 1 << 2,
  DIRECT: 1 << 3,
  APPEND: 1 << 4,
  WRITEBACK: 1 << 5,
  SWAPOFF: 1 << 6,
} as const;

/** Names of the flags of an IOMAP_IOEND. */
export function ioendText(flags: number): string {
  return Object.entries(IOEND)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name)
    .join('+');
}

/** What an IOMAP_CONFIG reply says that it holds. */
export const CONFIG = {
  SID: 0x01,
  UUID: 0x02,
  BLOCKSIZE: 0x04,
  MAX_LINKS: 0x08,
  TIME: 0x10,
  MAXBYTES: 0x20,
  CACHE_MAXBYTES: 0x40,
} as const;

/** Flags of an open file that one with iomap can't have, and that forces direct I/O. */
export const FOPEN = {DIRECT_IO: 1 << 0, NONSEEKABLE: 1 << 2, STREAM: 1 << 4, PASSTHROUGH: 1 << 7} as const;

/** An address or a length that is none. */
export const NONE = 0xffff_ffff_ffff_ffffn;
