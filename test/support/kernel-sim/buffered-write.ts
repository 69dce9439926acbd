import {MAP, OPF} from './bits.js';
import {readBlock, roundUp} from './buffered-read.js';
import {serverRead, serverWrite} from './inline.js';
import type {Inode} from './inode.js';
import {type Iomap, iomapBegin, iomapEnd, isValid} from './iomap.js';
import type {SimKernel} from './kernel.js';

/** write(2) of an inode with iomap through the page cache. Nothing reaches the disk before a write-back. @throws KernelError */
export function bufferedWrite(kernel: SimKernel, inode: Inode, data: Uint8Array, pos: number): void {
  if (pos > inode.size) zeroRange(kernel, inode, inode.size, pos);
  const end = pos + data.length;
  for (let at = pos; at < end; ) {
    const iomap = iomapBegin(kernel, inode, at, end, OPF.WRITE);
    if (iomap.target.type === MAP.HOLE) {
      kernel.faults.add('data-hole-for-write', `BEGIN WRITE at ${at} of node ${inode.nodeid}`);
    }
    const before = inode.size;
    const piece = data.subarray(at - pos, iomap.end - pos);
    const done =
      iomap.target.type === MAP.INLINE
        ? writeInline(kernel, inode, iomap, piece, at)
        : writeFolios(kernel, inode, iomap, piece, at);
    iomapEnd(kernel, inode, iomap, done - at, inode.size > before);
    at = done;
  }
}

/** @returns the position that was reached: short of the mapping's end when it stopped being valid */
function writeFolios(kernel: SimKernel, inode: Inode, iomap: Iomap, data: Uint8Array, pos: number): number {
  const {pages} = inode;
  const end = pos + data.length;
  let at = pos;
  while (at < end) {
    const folio = pages.grab(at);
    kernel.beforeFolio?.();
    if (!isValid(inode, iomap)) return at;
    const last = Math.min(end, folio.pos + pages.folioSize);
    readEdges(kernel, inode, iomap, at, last);
    folio.data.set(data.subarray(at - pos, last - pos), at - folio.pos);
    pages.setDirty(folio, at, last);
    at = last;
    inode.size = Math.max(inode.size, at);
  }
  return at;
}

/** Blocks of which only a part is overwritten need the rest of their data. */
function readEdges(kernel: SimKernel, inode: Inode, iomap: Iomap, start: number, end: number): void {
  const {pages} = inode;
  const bs = pages.blockSize;
  const folio = pages.grab(start);
  for (let block = start - (start % bs); block < end; block += bs) {
    const partial = block < start || block + bs > end;
    if (!partial || pages.isBlockUptodate(folio, block)) continue;
    const piece = folio.data.subarray(block - folio.pos, block - folio.pos + bs);
    readBlock(kernel, inode, iomap, piece, block);
    pages.setUptodate(folio, block);
  }
}

/** A write to a file inside its inode goes to the server, which the old data are got from first where it fills only a part. */
function writeInline(kernel: SimKernel, inode: Inode, iomap: Iomap, data: Uint8Array, pos: number): number {
  if (pos > 0 || pos + data.length < inode.size) serverRead(kernel, inode, iomap.source, 0, inode.size);
  serverWrite(kernel, inode, data, pos);
  inode.cache?.drop(0n, BigInt(roundUp(Math.max(inode.size, pos + data.length), inode.pages.blockSize)));
  inode.pages.truncate(0);
  inode.size = Math.max(inode.size, pos + data.length);
  return pos + data.length;
}

/** Makes a range read as zeros, writing only where there is something else: BEGIN ZERO over all of it. */
export function zeroRange(kernel: SimKernel, inode: Inode, start: number, end: number): void {
  for (let at = start; at < end; ) {
    const iomap = iomapBegin(kernel, inode, at, end, OPF.ZERO);
    const {target, source} = iomap;
    const empty = source.type === MAP.HOLE || source.type === MAP.UNWRITTEN;
    let done = iomap.end;
    if (target.type === MAP.INLINE) {
      done = writeInline(kernel, inode, iomap, new Uint8Array(iomap.end - at), at);
    } else if (!empty) {
      const size = inode.size;
      done = writeFolios(kernel, inode, iomap, new Uint8Array(iomap.end - at), at);
      // Zeroing moves no end of file; its caller does.
      inode.size = size;
    } else zeroDirty(inode, at, iomap.end);
    iomapEnd(kernel, inode, iomap, done - at, false);
    at = done;
  }
}

/** What is empty on disk may have data in memory that are on their way. */
function zeroDirty(inode: Inode, start: number, end: number): void {
  const {pages} = inode;
  for (const block of pages.dirtyBlocks(start, end)) {
    const folio = pages.grab(block);
    const from = Math.max(block, start) - folio.pos;
    const to = Math.min(block + pages.blockSize, end) - folio.pos;
    folio.data.fill(0, from, to);
  }
}
