/**
 * Where a range of a file lies, as the kernel's iomap library wants to know it. All numbers are bytes and safe integers; the wire has
 * 64 bits for them. This file imports nothing, so that drivers can use it without knowing the protocol.
 */

/** Types of mappings (the wire's numbers). */
export const MAPPING = {
  /** No blocks: reads as zeros. */
  HOLE: 0,
  /** Space is promised for written data, and no blocks chosen yet. */
  DELALLOC: 1,
  /** Data on the device. */
  MAPPED: 2,
  /** Blocks on the device that were never written: reads as zeros. */
  UNWRITTEN: 3,
  /** The data are inside the metadata: the kernel gets them by READ, and writes them by WRITE, with file handle 0. */
  INLINE: 4,
  /** In a message to the kernel's cache: leave this tree as it is. Never a driver's answer. */
  NOCACHE: 253,
  /** In an answer to the kernel: your cache has it, look again. Never a driver's answer. */
  RETRY_CACHE: 254,
  /** In the write slot: writes go to where the read slot says. */
  PURE_OVERWRITE: 255,
} as const;

/** Flags of a mapping; unknown ones count as corruption in the kernel. */
export const MAPPING_FLAG = {
  /** Freshly allocated, the contents of the blocks are undefined: the kernel zeroes what is not written. */
  NEW: 1 << 0,
  /** The metadata are not on disk yet: O_DSYNC writes must ask for FSYNC too. */
  DIRTY: 1 << 1,
  /** The blocks belong to other files as well. */
  SHARED: 1 << 2,
  /** Several extents in one mapping. */
  MERGED: 1 << 3,
  /** No I/O may go across its end. */
  BOUNDARY: 1 << 4,
  /** The address is given when the I/O is complete. */
  ANON_WRITE: 1 << 5,
  /** May be written by one untorn I/O. */
  ATOMIC_BIO: 1 << 6,
  /** IOMAP_END is wanted. Released versions of the patches test another bit, so it may not come. */
  WANT_IOMAP_END: 1 << 7,
  /** Kernel to server, in IOMAP_END: the operation changed the size. */
  SIZE_CHANGED: 1 << 8,
  /** Kernel to server, in IOMAP_END: the mapping was found to be out of date. */
  STALE: 1 << 9,
} as const;

/** `addr` of a mapping without an address; 2^64 - 1 on the wire. */
export const NO_ADDRESS = -1;
/** `dev` of a mapping without a device. */
export const NO_DEVICE = 0;

/** A mapping as plain numbers: what drivers fill in. */
export interface MappingFields {
  /** Where it begins in the file. */
  offset: number;
  /** Above 0. */
  length: number;
  /** Where it begins on the device, or NO_ADDRESS. Meant for MAPPED and UNWRITTEN only. */
  addr: number;
  /** One of MAPPING. */
  type: number;
  /** Bits of MAPPING_FLAG. */
  flags: number;
  /** Which device: 1 is the first of those the file system lies on, 2 the second; NO_DEVICE where there is no address. */
  dev: number;
}

/** One mapping, made once and used again. */
export class Mapping implements MappingFields {
  offset = 0;
  length = 0;
  addr: number = NO_ADDRESS;
  type: number = MAPPING.HOLE;
  flags = 0;
  dev: number = NO_DEVICE;

  /** The byte after its last one. */
  get end(): number {
    return this.offset + this.length;
  }

  /** Whether the type says that it has an address. */
  get hasAddress(): boolean {
    return this.type === MAPPING.MAPPED || this.type === MAPPING.UNWRITTEN;
  }

  covers(position: number): boolean {
    return this.offset <= position && position < this.end;
  }

  copy(from: Readonly<MappingFields>): void {
    this.offset = from.offset;
    this.length = from.length;
    this.addr = from.addr;
    this.type = from.type;
    this.flags = from.flags;
    this.dev = from.dev;
  }

  /** A mapping of a type that has no address. */
  set(type: number, offset: number, length: number): void {
    this.offset = offset;
    this.length = length;
    this.addr = NO_ADDRESS;
    this.type = type;
    this.flags = 0;
    this.dev = NO_DEVICE;
  }

  /** A mapping onto a device. */
  place(
    type: typeof MAPPING.MAPPED | typeof MAPPING.UNWRITTEN,
    offset: number,
    length: number,
    addr: number,
    {dev = 1, flags = 0}: {dev?: number; flags?: number} = {},
  ): void {
    this.offset = offset;
    this.length = length;
    this.addr = addr;
    this.type = type;
    this.flags = flags;
    this.dev = dev;
  }
}

/** The two slots of an answer: where reads come from, and where writes go. */
export class MappingPair {
  readonly read = new Mapping();
  readonly write = new Mapping();

  /** A hole over the range, and writes go to where reads come from. */
  reset(offset: number, length: number): void {
    this.read.set(MAPPING.HOLE, offset, length);
    this.write.set(MAPPING.PURE_OVERWRITE, offset, length);
  }
}
