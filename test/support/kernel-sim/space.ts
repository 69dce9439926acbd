import {roundUp} from './buffered-read.js';
import {zeroRange} from './buffered-write.js';
import {EMPTY, exactly} from './connection.js';
import type {Inode} from './inode.js';
import type {SimKernel} from './kernel.js';
import {OP} from './opcodes.js';
import {ATTR_OUT_ATTR, ATTR_OUT_SIZE, fallocateIn, setattrIn} from './structs.js';
import {writeBack} from './writeback.js';

const FATTR_SIZE = 1 << 3;
const TO_END = 1n << 64n;

/** Modes of fallocate(2). */
export const FALLOC = {
  KEEP_SIZE: 1,
  PUNCH_HOLE: 2,
  COLLAPSE_RANGE: 8,
  ZERO_RANGE: 16,
  INSERT_RANGE: 32,
} as const;

/** truncate(2): zeros up to the new end, everything written back, then SETATTR. @throws KernelError */
export function truncate(kernel: SimKernel, inode: Inode, size: number): void {
  if (inode.iomap) {
    const {blockSize} = inode.pages;
    const old = inode.size;
    if (size > old) zeroRange(kernel, inode, old, size);
    else if (size < old && size % blockSize !== 0) {
      zeroRange(kernel, inode, size, Math.min(roundUp(size, blockSize), old));
    }
    inode.size = size;
    inode.pages.truncate(size);
    writeBack(kernel, inode);
  }
  setSize(kernel, inode, size);
  inode.size = size;
  inode.cache?.drop(BigInt(roundUp(size, inode.pages.blockSize)), TO_END);
}

function setSize(kernel: SimKernel, inode: Inode, size: number): void {
  const body = setattrIn.encode({valid: FATTR_SIZE, size: BigInt(size)});
  const reply = kernel.ask(OP.SETATTR, inode.nodeid, body, exactly(ATTR_OUT_SIZE));
  kernel.instantiate(inode.nodeid, reply, ATTR_OUT_ATTR);
}

/** fallocate(2). @throws KernelError */
export function fallocate(
  kernel: SimKernel,
  inode: Inode,
  mode: number,
  offset: number,
  length: number,
): void {
  const end = offset + length;
  const moves = (mode & (FALLOC.COLLAPSE_RANGE | FALLOC.INSERT_RANGE)) !== 0;
  const {blockSize, folioSize} = inode.pages;
  const dropEnd = moves ? Number.POSITIVE_INFINITY : roundUp(end, folioSize);
  const start = inode.pages.start(offset);
  writeBack(kernel, inode, start, dropEnd);
  inode.pages.truncate(start, dropEnd);
  const body = fallocateIn.encode({offset: BigInt(offset), length: BigInt(length), mode});
  kernel.ask(OP.FALLOCATE, inode.nodeid, body, EMPTY);
  const first = BigInt(offset - (offset % blockSize));
  inode.cache?.drop(first, moves ? TO_END : BigInt(roundUp(end, blockSize)));
  if ((mode & FALLOC.COLLAPSE_RANGE) !== 0) inode.size -= length;
  else if ((mode & FALLOC.INSERT_RANGE) !== 0) inode.size += length;
  else if ((mode & FALLOC.KEEP_SIZE) === 0) inode.size = Math.max(inode.size, end);
  if ((mode & (FALLOC.PUNCH_HOLE | FALLOC.ZERO_RANGE)) !== 0) {
    zeroRange(kernel, inode, offset, Math.min(end, inode.size));
  }
}
