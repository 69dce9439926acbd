/**
 * # A driver for iomap
 *
 * With iomap the kernel reads and writes file data by itself and asks the server only where they lie. A file system takes part by
 * having these methods beside those of `FileSystem` and by setting `IomapKernel.attrFlags` in the attributes of the files that are
 * read this way; all its other files, and all of them on a kernel without iomap, are served by `read` and `write` as ever.
 *
 * ## Rules
 *
 * 1. **One function**: `mapRange` answers reads, reports and writes. It is called with a range and fills in where the data at its
 *    first byte lie. It may answer with more than was asked for, to either side, and should (each answer saves a question); it may
 *    answer with less, then the kernel asks again for the rest.
 * 2. **Whole blocks**: `offset` and `length` are multiples of `IomapVolume.blockSize`, also at the end of the file, where the last
 *    block counts as a whole. Addresses are multiples of 512 bytes.
 * 3. **Holes as long as they reach**, in one piece, also past the end of the file: up to `maxBytes`. A position past the end is
 *    answered with a hole, not with an error.
 * 4. **Reads and reports allocate nothing.** Operations that write must find blocks: for those where `needsBlocks(op)` is true a
 *    hole is no answer, for WRITEBACK only MAPPED and UNWRITTEN are (the kernel would drop the data), for DIRECT no DELALLOC. With
 *    OVERWRITE_ONLY what would have to be allocated is EAGAIN.
 * 5. **Blocks that were never written are never readable**: they are UNWRITTEN until `ioend` says that data are in them, or NEW.
 * 6. **It returns at once.** No promise: what it says is sent before anything else of this inode can change, which is what keeps the
 *    kernel's cache and the file system's idea the same. It must not wait for another request of the same mount.
 * 7. **Before blocks are moved, freed or used again** on the file system's own account (not for a truncate or fallocate that the
 *    kernel asked for: it forgets by itself), metadata are changed first, then `IomapKernel.invalidate` is called, then the
 *    blocks may be used. The same before blocks become SHARED. Freed blocks of metadata get `invalidateDevice` before they hold
 *    file data.
 * 8. **A file is an iomap file for life**: whether `attrFlags` is set in its attributes never changes while the kernel knows the
 *    inode, and `attr.ino` is what `attrIno` says.
 * 9. **The kernel may forget what it was told at any time**, and asks again.
 * 10. With iomap the kernel owns size and times of such a file between its requests; SETATTR tells what to make of them, FALLOCATE
 *    sets the size by itself unless KEEP_SIZE is asked for, FSYNC and SYNCFS flush the device too.
 *
 * `open` of such a file must not answer with PASSTHROUGH, STREAM or NONSEEKABLE. READ and WRITE of files with inline data come with
 * file handle 0.
 */
import type {Mapping, MappingPair} from './mapping.js';

/** What the kernel is told of the file system when iomap begins. */
export interface IomapVolume {
  /** Block size in bytes, a power of two from 512 to 65536. */
  readonly blockSize: number;
  /** Nothing can be written: operations that would are answered with EROFS and never get to `mapRange`. */
  readonly readOnly: boolean;
  /**
   * Writes may go to other blocks than reads come from, although those are not SHARED: then no answer gets into the kernel's
   * cache by itself, where a write would find what was put there for a read.
   */
  readonly outOfPlace?: boolean;
  /** Longest file in bytes; default 2^53 - 2^16, which is also the most. */
  readonly maxBytes?: number;
  /** A name for messages of the kernel, at most 31 bytes. */
  readonly id?: string;
  /** At most 16 bytes. */
  readonly uuid?: Uint8Array;
  readonly maxLinks?: number;
  /** Granularity of times in nanoseconds, first and last time in seconds since 1970. */
  readonly times?: {readonly granularityNs: number; readonly min: number; readonly max: number};
  /** Bytes of mappings (32 each) that the kernel keeps for each tree of a file, 256 to 2097152; default the kernel's 262144. */
  readonly kernelCacheBytes?: number;
}

/** An operation that is over (IOMAP_END). */
export interface EndedOperation {
  /** Bits of OP. */
  readonly op: number;
  readonly offset: number;
  readonly length: number;
  /** Bytes that were done, or a negative errno. */
  readonly written: number;
  /** What it worked with; `dev` is a device number as in `mapRange`. Valid during the call. */
  readonly mapping: Readonly<Mapping>;
}

/** An I/O that is complete (IOMAP_IOEND). */
export interface CompletedIo {
  /** Bits of IOEND. */
  readonly flags: number;
  /** 0, or the positive errno with which it failed; nothing may be converted then. */
  readonly errno: number;
  readonly offset: number;
  /** Bytes; those that were to be written where it failed. */
  readonly length: number;
}

/** The methods of a file system that takes part in iomap. */
export interface IomapDriver {
  /** Constant for the life of the mount. */
  readonly iomapVolume: IomapVolume;

  /**
   * Where the byte at `offset` of a file lies, see the rules above. `out` holds a hole over the range and PURE_OVERWRITE; a driver
   * that has no blocks to copy on write fills in `out.read` and is done.
   *
   * @param length above 0; offset + length is a safe integer
   * @param op bits of OP: what it is for
   * @throws anything with an `errno`, which goes to the caller: ENOSPC, EDQUOT, EUCLEAN; ENOTBLK for DIRECT asks for the page cache
   */
  mapRange(ino: number, offset: number, length: number, op: number, out: MappingPair): void;

  /** `attr.ino` of a node; without this method it is the node id. */
  attrIno?(ino: number): number;

  /** Iomap begins: what `kernel` offers may be used until `destroy`. Not called on a kernel without. */
  iomapStart?(kernel: IomapKernel): void;

  /**
   * An operation is over: where fewer bytes were written than blocks were allocated for, the rest is to be freed (or to stay
   * UNWRITTEN). Does not come for every operation. Without this method the kernel is told not to ask.
   */
  iomapEnd?(ino: number, ended: EndedOperation): void;

  /**
   * An I/O is complete: UNWRITTEN converts exactly this range, SHARED puts the new blocks in place, APPEND lets the size on disk reach
   * at least its end, an errno takes reservations back and changes no size, SWAPOFF lets go of the blocks. May come twice for the
   * same range. Returns the size on disk afterwards, which never shrinks here. Runs while the kernel writes back: it must not
   * wait for memory that only writing back would free.
   */
  ioend?(ino: number, io: CompletedIo): number;
}

/** What a driver can tell the kernel. Nothing of it fails because the kernel does not know the inode. */
export interface IomapKernel {
  /** Bits for `attr.flags` of files that the kernel is to read by itself; 0 when no device could be registered. */
  readonly attrFlags: number;
  /**
   * Puts mappings into the kernel's cache. Must not come later than a change that makes them wrong. Whether the kernel took them;
   * it makes no difference to anybody but speed.
   */
  upsert(ino: number, mappings: MappingPair): boolean;
  /**
   * Makes the kernel forget what it knows of a range, to the end of the file when `length` is Infinity. When it has
   * returned, the blocks may be used for something else. @throws Errno when the kernel did not do it; they may not be then
   */
  invalidate(ino: number, offset: number, length: number): void;
  /** Drops what the kernel has cached of a device itself, before blocks of metadata become file data. @throws Errno */
  invalidateDevice(dev: number, offset: number, length: number): void;
}
