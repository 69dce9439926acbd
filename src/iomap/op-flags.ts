/** What a mapping is asked for, as bits; none at all is a read through the page cache. */
export const OP = {
  WRITE: 1 << 0,
  /** Zeroes a range; a hole is as good as zeros. */
  ZERO: 1 << 1,
  /** Only wants to know: fiemap, SEEK_DATA, SEEK_HOLE, bmap. */
  REPORT: 1 << 2,
  /** A page fault. */
  FAULT: 1 << 3,
  DIRECT: 1 << 4,
  NOWAIT: 1 << 5,
  /** Only if nothing has to be allocated. */
  OVERWRITE_ONLY: 1 << 6,
  /** Gives shared blocks of a range their own copy. */
  UNSHARE: 1 << 7,
  DAX: 1 << 8,
  /** A write that is never torn. */
  ATOMIC: 1 << 9,
  DONTCACHE: 1 << 10,
  /** The whole file is to be used for swapping. */
  SWAPFILE: 1 << 30,
  /** Data in the page cache go to the device. */
  WRITEBACK: 2 ** 31,
} as const;

const WRITE_LIKE = (OP.WRITE | OP.ZERO | OP.UNSHARE | OP.WRITEBACK) >>> 0;
const KNOWN = Object.values(OP).reduce<number>((bits, bit) => (bits | bit) >>> 0, 0);

/** Whether it writes to the file: such ones are EROFS where nothing can be written. */
export function isWriteLike(op: number): boolean {
  return (op & WRITE_LIKE) !== 0;
}

/** Whether it must not be answered with a hole: there have to be blocks (or a promise of them) for what is written. */
export function needsBlocks(op: number): boolean {
  return isWriteLike(op) && (op & OP.ZERO) === 0;
}

/** Bits that mean nothing here. */
export function unknownOps(op: number): number {
  return (op & ~KNOWN) >>> 0;
}

/** What became of an I/O, as bits of IOMAP_IOEND. */
export const IOEND = {
  /** It went to new blocks, which are to take the place of shared ones. */
  SHARED: 1 << 0,
  /** The blocks were UNWRITTEN and have data now. */
  UNWRITTEN: 1 << 1,
  BOUNDARY: 1 << 2,
  DIRECT: 1 << 3,
  /** It ends beyond the size on disk, which has to follow. */
  APPEND: 1 << 4,
  WRITEBACK: 1 << 5,
  /** The file is no swap file any more. */
  SWAPOFF: 1 << 6,
} as const;

const KNOWN_IOENDS = Object.values(IOEND).reduce<number>((bits, bit) => bits | bit, 0);

/** Bits that mean nothing here. */
export function unknownIoends(flags: number): number {
  return (flags & ~KNOWN_IOENDS) >>> 0;
}
