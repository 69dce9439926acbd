import {MAP, MAPF} from './bits.js';
import {KernelError} from './faults.js';
import {serverRead} from './inline.js';
import type {Inode} from './inode.js';
import {addressOf, type Iomap, iomapBegin, isValid} from './iomap.js';
import type {SimKernel} from './kernel.js';
import type {Folio} from './page-cache.js';

/** The kernel reads ahead so much, bytes. */
const READ_AHEAD = 128 << 10;

/** read(2) of an inode with iomap through the page cache. @returns how many bytes there were */
export function bufferedRead(kernel: SimKernel, inode: Inode, target: Uint8Array, pos: number): number {
  const end = Math.min(pos + target.length, inode.size);
  for (let at = pos; at < end; ) {
    const folio = readyFolio(kernel, inode, at, end);
    const last = Math.min(end, folio.pos + inode.pages.folioSize);
    target.set(folio.data.subarray(at - folio.pos, last - folio.pos), at - pos);
    at = last;
  }
  return Math.max(0, end - pos);
}

/** The folio at a position with valid data; what follows is read ahead. */
function readyFolio(kernel: SimKernel, inode: Inode, pos: number, end: number): Folio {
  const {pages} = inode;
  const start = pages.start(pos);
  const last = Math.min(start + pages.folioSize, inode.size);
  if (!pages.isUptodate(start, last)) {
    const ahead = Math.max(Math.min(end, start + READ_AHEAD), last);
    fill(
      kernel,
      inode,
      start,
      Math.min(pages.start(ahead - 1) + pages.folioSize, roundUp(inode.size, pages.folioSize)),
    );
  }
  return pages.grab(pos);
}

export function roundUp(value: number, unit: number): number {
  const rest = value % unit;
  return rest === 0 ? value : value + unit - rest;
}

/** Brings the blocks of a range into the page cache that are not there. Whole folios. @throws KernelError */
export function fill(kernel: SimKernel, inode: Inode, start: number, end: number): void {
  for (let at = start; at < end; ) {
    const iomap = iomapBegin(kernel, inode, at, end, 0);
    at = fillFrom(kernel, inode, iomap, at);
  }
}

/** Fills by one mapping. @returns where it stopped: at the mapping's end, or where the mapping no longer held */
function fillFrom(kernel: SimKernel, inode: Inode, iomap: Iomap, start: number): number {
  const {pages} = inode;
  const bs = pages.blockSize;
  let at = start;
  while (at < iomap.end) {
    const folio = pages.grab(at);
    kernel.beforeFolio?.();
    // Nothing is read by a mapping that the server took back meanwhile.
    if (!isValid(inode, iomap)) return at;
    const last = Math.min(iomap.end, folio.pos + pages.folioSize);
    for (let block = at; block < last; block += bs) {
      if (!pages.isBlockUptodate(folio, block)) fillBlocks(kernel, inode, iomap, folio, block, bs);
    }
    at = last;
  }
  return at;
}

function fillBlocks(
  kernel: SimKernel,
  inode: Inode,
  {source, end}: Iomap,
  folio: Folio,
  pos: number,
  length: number,
): void {
  const piece = folio.data.subarray(pos - folio.pos, pos - folio.pos + length);
  readBlock(kernel, inode, {source, end}, piece, pos);
  inode.pages.setUptodate(folio, pos);
}

/** The data of one block as a mapping says. Beyond the end of the file there are zeros, whatever the disk holds. */
export function readBlock(
  kernel: SimKernel,
  inode: Inode,
  {source}: Pick<Iomap, 'source' | 'end'>,
  piece: Uint8Array,
  pos: number,
): void {
  if (source.type === MAP.INLINE) {
    piece.fill(0);
    const want = Math.min(piece.length, inode.size - pos);
    if (want > 0) piece.set(serverRead(kernel, inode, source, pos, want));
    return;
  }
  const zeros = source.type !== MAP.MAPPED || (source.flags & MAPF.NEW) !== 0 || pos >= inode.size;
  if (zeros) {
    piece.fill(0);
    return;
  }
  if (!kernel.devices.read(source.dev, piece, addressOf(source, pos)))
    throw new KernelError('EIO', 'read of the device');
  if (pos + piece.length > inode.size) piece.fill(0, inode.size - pos);
}
