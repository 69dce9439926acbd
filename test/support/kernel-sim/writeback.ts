import {IOEND, MAP, MAPF, OPF} from './bits.js';
import {KernelError} from './faults.js';
import type {Inode} from './inode.js';
import {ioend} from './ioend.js';
import {addressOf, type Iomap, iomapBegin, isValid} from './iomap.js';
import type {SimKernel} from './kernel.js';

/** Blocks that are written with one I/O and told of together. */
interface Run {
  readonly iomap: Iomap;
  readonly start: number;
  end: number;
}

/** Writes an inode's changed data to the device: BEGIN WRITEBACK, the write, IOEND. @throws KernelError the first error, after all was tried */
export function writeBack(kernel: SimKernel, inode: Inode, start = 0, end = Number.POSITIVE_INFINITY): void {
  const blocks = inode.pages.dirtyBlocks(start, end);
  if (blocks.length === 0) return;
  let failure: KernelError | undefined;
  let iomap: Iomap | undefined;
  let run: Run | undefined;
  const finish = (): void => {
    if (run === undefined) return;
    try {
      submit(kernel, inode, run);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      failure ??= error;
    }
    run = undefined;
  };
  const {blockSize} = inode.pages;
  for (const [at, pos] of blocks.entries()) {
    // Cut off meanwhile by nobody here; but blocks beyond the end are not the file's.
    if (pos >= inode.size) {
      inode.pages.clean(pos);
      continue;
    }
    kernel.beforeFolio?.();
    try {
      if (iomap === undefined || pos < iomap.pos || pos >= iomap.end || !isValid(inode, iomap)) {
        finish();
        iomap = iomapBegin(kernel, inode, pos, stretch(blocks, at, blockSize), OPF.WRITEBACK);
      }
      if (!writable(kernel, inode, iomap, pos)) {
        finish();
        inode.pages.clean(pos);
        continue;
      }
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      failure ??= error;
      finish();
      iomap = undefined;
      discard(kernel, inode, pos, blockSize, error);
      continue;
    }
    if (run !== undefined && run.iomap === iomap && run.end === pos) run.end = pos + blockSize;
    else {
      finish();
      run = {iomap, start: pos, end: pos + blockSize};
    }
  }
  finish();
  if (failure !== undefined) throw failure;
}

/** End of the blocks in one row that begin with that one. */
function stretch(blocks: readonly number[], from: number, blockSize: number): number {
  let at = from;
  while (blocks[at + 1] === blocks[at]! + blockSize) at++;
  return blocks[at]! + blockSize;
}

function writable(kernel: SimKernel, inode: Inode, {target}: Iomap, pos: number): boolean {
  switch (target.type) {
    case MAP.MAPPED:
    case MAP.UNWRITTEN:
      return true;
    case MAP.HOLE:
      // Nobody is told.
      kernel.faults.add('data-writeback-hole', `node ${inode.nodeid} at ${pos}: the data are lost`);
      return false;
    default:
      kernel.faults.add('data-writeback-type', `node ${inode.nodeid} at ${pos}: type ${target.type}`);
      throw new KernelError('EIO', 'writeback');
  }
}

/** A folio for which there is no place is given up, and the server is told so. */
function discard(kernel: SimKernel, inode: Inode, pos: number, length: number, error: KernelError): void {
  inode.pages.clean(pos);
  const append = pos + length > inode.diskSize ? IOEND.APPEND : 0;
  try {
    ioend(kernel, inode, {flags: append, error: -error.errno, pos, written: length});
  } catch (again) {
    if (!(again instanceof KernelError)) throw again;
  }
}

function submit(kernel: SimKernel, inode: Inode, {iomap, start, end}: Run): void {
  const {target} = iomap;
  const {pages} = inode;
  const data = new Uint8Array(end - start);
  for (let pos = start; pos < end; pos += pages.blockSize) {
    const folio = pages.grab(pos);
    data.set(folio.data.subarray(pos - folio.pos, pos - folio.pos + pages.blockSize), pos - start);
    pages.clean(pos);
  }
  // The part of the last block behind the end of the file is written as zeros.
  if (end > inode.size) data.fill(0, inode.size - start);
  const addr = addressOf(target, start);
  const done = kernel.devices.write(target.dev, data, addr);
  const last = Math.min(end, inode.size);
  const flags =
    IOEND.WRITEBACK |
    (target.type === MAP.UNWRITTEN ? IOEND.UNWRITTEN : 0) |
    ((target.flags & MAPF.SHARED) !== 0 ? IOEND.SHARED : 0) |
    (last > inode.diskSize ? IOEND.APPEND : 0);
  ioend(kernel, inode, {
    flags,
    error: done ? 0 : -EIO,
    pos: start,
    written: last - start,
    dev: target.dev,
    addr,
  });
  if (!done) throw new KernelError('EIO', 'writeback');
}

const EIO = 5;
