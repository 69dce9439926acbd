import {IOEND, MAP, MAPF, OPF} from './bits.js';
import {bufferedRead, roundUp} from './buffered-read.js';
import {bufferedWrite, zeroRange} from './buffered-write.js';
import {KernelError} from './faults.js';
import {serverRead} from './inline.js';
import type {Inode} from './inode.js';
import {ioend} from './ioend.js';
import {addressOf, type Iomap, iomapBegin, iomapEnd} from './iomap.js';
import type {SimKernel} from './kernel.js';
import {writeBack} from './writeback.js';

/** Whether an error says "do it through the page cache instead". */
function wantsBuffer(error: unknown): boolean {
  return error instanceof KernelError && (error.code === 'ENOTBLK' || error.code === 'ENOSYS');
}

/** read(2) with O_DIRECT: each piece straight from the device. @returns how many bytes there were */
export function directRead(kernel: SimKernel, inode: Inode, target: Uint8Array, pos: number): number {
  const end = Math.min(pos + target.length, inode.size);
  writeBack(kernel, inode, pos, end);
  for (let at = pos; at < end; ) {
    let iomap: Iomap;
    try {
      iomap = iomapBegin(kernel, inode, at, end, OPF.DIRECT);
    } catch (error) {
      if (!wantsBuffer(error)) throw error;
      return bufferedRead(kernel, inode, target, pos);
    }
    readPiece(kernel, inode, iomap, target.subarray(at - pos, iomap.end - pos), at);
    at = iomap.end;
  }
  return Math.max(0, end - pos);
}

function readPiece(kernel: SimKernel, inode: Inode, {target}: Iomap, piece: Uint8Array, pos: number): void {
  if (target.type === MAP.INLINE) {
    piece.fill(0);
    piece.set(serverRead(kernel, inode, target, pos, piece.length));
  } else if (target.type !== MAP.MAPPED) piece.fill(0);
  else if (!kernel.devices.read(target.dev, piece, addressOf(target, pos))) {
    throw new KernelError('EIO', 'direct read of the device');
  }
}

/** write(2) with O_DIRECT; positions that are no multiples of the block size have the rest of new blocks zeroed. @throws KernelError */
export function directWrite(kernel: SimKernel, inode: Inode, data: Uint8Array, pos: number): void {
  const end = pos + data.length;
  const {pages} = inode;
  // Whole folios are dropped, so whole folios are written before.
  const first = pages.start(pos);
  const last = roundUp(end, pages.folioSize);
  writeBack(kernel, inode, first, last);
  pages.truncate(first, last);
  if (pos > inode.size) zeroRange(kernel, inode, inode.size, pos);
  for (let at = pos; at < end; ) {
    let iomap: Iomap;
    try {
      iomap = iomapBegin(kernel, inode, at, end, OPF.WRITE | OPF.DIRECT);
    } catch (error) {
      if (!wantsBuffer(error)) throw error;
      bufferedWrite(kernel, inode, data.subarray(at - pos), at);
      writeBack(kernel, inode, at, end);
      return;
    }
    const piece = data.subarray(at - pos, iomap.end - pos);
    if (iomap.target.type === MAP.INLINE) {
      bufferedWrite(kernel, inode, piece, at);
    } else writePiece(kernel, inode, iomap, piece, at);
    iomapEnd(kernel, inode, iomap, piece.length, iomap.end > inode.diskSize);
    at = iomap.end;
  }
}

function writePiece(kernel: SimKernel, inode: Inode, {target}: Iomap, piece: Uint8Array, pos: number): void {
  if (target.type !== MAP.MAPPED && target.type !== MAP.UNWRITTEN) {
    const kind = target.type === MAP.HOLE ? 'data-hole-for-write' : 'data-direct-delalloc';
    kernel.faults.add(kind, `direct write at ${pos} of node ${inode.nodeid}: type ${target.type}`);
    throw new KernelError('EIO', 'direct write');
  }
  const bs = inode.pages.blockSize;
  const start = pos - (pos % bs);
  const end = roundUp(pos + piece.length, bs);
  const fresh = target.type === MAP.UNWRITTEN || (target.flags & MAPF.NEW) !== 0;
  const block = fresh ? new Uint8Array(end - start) : piece;
  if (fresh) block.set(piece, pos - start);
  const done = kernel.devices.write(target.dev, block, addressOf(target, fresh ? start : pos));
  const last = pos + piece.length;
  ioend(kernel, inode, {
    flags:
      IOEND.DIRECT |
      (target.type === MAP.UNWRITTEN ? IOEND.UNWRITTEN : 0) |
      ((target.flags & MAPF.SHARED) !== 0 ? IOEND.SHARED : 0) |
      (last > inode.diskSize ? IOEND.APPEND : 0),
    error: done ? 0 : -EIO,
    pos,
    written: piece.length,
  });
  if (!done) throw new KernelError('EIO', 'direct write');
  inode.size = Math.max(inode.size, last);
}

const EIO = 5;
