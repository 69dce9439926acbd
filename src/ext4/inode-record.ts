import type {Inode} from './inode.js';
import type {DiskBlock, InodeNumber} from './units.js';

/** Offset and size of i_block. */
export const I_BLOCK_AT = 0x28;
export const I_BLOCK_SIZE = 60;

const NO_BYTES = new Uint8Array(0);
/** A number that V8 keeps as a double. */
const DOUBLE = 2 ** 40;

/**
 * An inode that can be filled in again. Its bytes are either its own, or those of a block that is shared with others, in which
 * case the record is good until the next one is decoded into it.
 */
export class InodeRecord implements Inode {
  ino = 0 as InodeNumber;
  mode = 0;
  uid = 0;
  gid = 0;
  size = 0;
  links = 0;
  blocks512 = 0;
  flags = 0;
  generation = 0;
  version = 0;
  atime = 0;
  atimeNsec = 0;
  ctime = 0;
  ctimeNsec = 0;
  mtime = 0;
  mtimeNsec = 0;
  crtime = 0;
  crtimeNsec = 0;
  hasCrtime = false;
  fileAcl = 0 as DiskBlock;
  projectId = 0;
  rdevMajor = 0;
  rdevMinor = 0;
  extraIsize = 0;
  deletionTime = 0;
  checksumSeed = 0;
  /** Memory in which the inode lies as on disk: `rawSize` bytes from `rawAt` on. */
  bytes: Uint8Array = NO_BYTES;
  rawAt = 0;
  rawSize = 0;

  get raw(): Uint8Array {
    return this.bytes.subarray(this.rawAt, this.rawAt + this.rawSize);
  }

  get iBlock(): Uint8Array {
    const start = this.rawAt + I_BLOCK_AT;
    return this.bytes.subarray(start, start + I_BLOCK_SIZE);
  }

  /** Takes a copy of its bytes: a view would keep the whole cache line in memory for as long as the inode. */
  own(): void {
    this.bytes = this.bytes.slice(this.rawAt, this.rawAt + this.rawSize);
    this.rawAt = 0;
  }
}

/** The same inode with another st_blocks. */
export function withBlocks(inode: Inode, blocks512: number): Inode {
  return Object.assign(new InodeRecord(), inode, {blocks512});
}

/*
 * V8 compiles for the kind of number that it has seen in a field, and throws the code away when the first of another kind comes: a file
 * of 2 GiB, a time after 2038. These fields have seen both before there is any code.
 */
const seen = new InodeRecord();
seen.size = DOUBLE;
seen.blocks512 = DOUBLE;
seen.generation = DOUBLE;
seen.version = DOUBLE;
seen.checksumSeed = DOUBLE;
