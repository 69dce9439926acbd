import {MAP, MAPF, OPF} from './bits.js';
import {KernelError} from './faults.js';
import type {Inode} from './inode.js';
import {addressOf, type Iomap, iomapBegin} from './iomap.js';
import type {SimKernel} from './kernel.js';
import {endOf} from './mapping.js';

/** Flags of an extent in linux/fiemap.h. */
export const EXTENT = {
  LAST: 0x1,
  UNKNOWN: 0x2,
  DELALLOC: 0x4,
  NOT_ALIGNED: 0x100,
  DATA_INLINE: 0x200,
  UNWRITTEN: 0x800,
  MERGED: 0x1000,
  SHARED: 0x2000,
} as const;

/** One extent as FIEMAP tells it; bytes. */
export interface Extent {
  readonly logical: bigint;
  readonly physical: bigint;
  readonly length: bigint;
  readonly flags: number;
}

/** Mappings from a position to another, asked for as reports are. */
function* walk(kernel: SimKernel, inode: Inode, start: number, end: number): Generator<Iomap> {
  for (let at = start; at < end; ) {
    const iomap = iomapBegin(kernel, inode, at, end, OPF.REPORT);
    if (iomap.target.type !== MAP.UNWRITTEN && (iomap.target.flags & MAPF.NEW) !== 0) {
      kernel.faults.add('data-read-allocated', `REPORT at ${at} of node ${inode.nodeid}`);
    }
    yield iomap;
    at = iomap.end;
  }
}

/** Blocks of an empty mapping that have data in memory count as data. */
function cached({pages}: Inode, start: number, end: number): number | undefined {
  return pages.dirtyBlocks(start, end)[0];
}

function outside(inode: Inode, pos: number): KernelError | undefined {
  return pos < 0 || pos >= inode.size ? new KernelError('ENXIO', 'lseek') : undefined;
}

/** SEEK_DATA. @throws KernelError ENXIO when nothing follows */
export function seekData(kernel: SimKernel, inode: Inode, pos: number): number {
  const error = outside(inode, pos);
  if (error !== undefined) throw error;
  for (const {target, pos: at, end} of walk(kernel, inode, pos, inode.size)) {
    if (target.type === MAP.HOLE) continue;
    if (target.type !== MAP.UNWRITTEN) return at;
    const found = cached(inode, at, end);
    if (found !== undefined) return Math.max(found, at);
  }
  throw new KernelError('ENXIO', 'lseek');
}

/** SEEK_HOLE; the end of the file is one. @throws KernelError ENXIO from there on */
export function seekHole(kernel: SimKernel, inode: Inode, pos: number): number {
  const error = outside(inode, pos);
  if (error !== undefined) throw error;
  for (const {target, pos: at, end} of walk(kernel, inode, pos, inode.size)) {
    if (target.type === MAP.HOLE) return at;
    if (target.type !== MAP.UNWRITTEN) continue;
    const {blockSize} = inode.pages;
    for (let hole = at; hole < end; hole = hole - (hole % blockSize) + blockSize) {
      if (!inode.pages.isDirty(hole)) return hole;
      if (hole - (hole % blockSize) + blockSize >= end) break;
    }
  }
  return inode.size;
}

/** FIEMAP of the whole file, with what lies behind its end. */
export function fiemap(kernel: SimKernel, inode: Inode): Extent[] {
  if (!inode.iomap) throw new KernelError('EOPNOTSUPP', 'FS_IOC_FIEMAP');
  const limit = kernel.superblock.maxbytes;
  const far = Number.MAX_SAFE_INTEGER;
  const end = limit < BigInt(far) ? Number(limit) : far;
  const extents: Extent[] = [];
  for (const {target, pos} of walk(kernel, inode, 0, end)) {
    if (target.type === MAP.HOLE) continue;
    const mapped = target.type === MAP.MAPPED || target.type === MAP.UNWRITTEN;
    extents.push({
      logical: BigInt(pos),
      physical: mapped ? addressOf(target, pos) : 0n,
      length: endOf(target) - BigInt(pos),
      flags:
        (FLAGS.get(target.type) ?? 0) |
        ((target.flags & MAPF.MERGED) !== 0 ? EXTENT.MERGED : 0) |
        ((target.flags & MAPF.SHARED) !== 0 ? EXTENT.SHARED : 0),
    });
  }
  const last = extents.pop();
  if (last !== undefined) extents.push({...last, flags: last.flags | EXTENT.LAST});
  return extents;
}

const FLAGS = new Map<number, number>([
  [MAP.DELALLOC, EXTENT.DELALLOC | EXTENT.UNKNOWN],
  [MAP.UNWRITTEN, EXTENT.UNWRITTEN],
  [MAP.INLINE, EXTENT.DATA_INLINE],
]);

/** FIBMAP: the block on the device that holds a block of the file; 0 for none. */
export function bmap(kernel: SimKernel, inode: Inode, block: number): number {
  const bs = inode.pages.blockSize;
  const pos = block * bs;
  const {target} = iomapBegin(kernel, inode, pos, pos + bs, OPF.REPORT);
  return target.type === MAP.MAPPED ? Number(addressOf(target, pos) / BigInt(bs)) : 0;
}

/** swapon(8)'s look at the whole file, which never comes from the cache. @returns how many extents it could swap to */
export function swapExtents(kernel: SimKernel, inode: Inode): number {
  let count = 0;
  for (let at = 0; at < inode.size; count++) {
    const iomap = iomapBegin(kernel, inode, at, inode.size, (OPF.SWAPFILE | OPF.REPORT) >>> 0);
    if (iomap.target.type !== MAP.MAPPED && iomap.target.type !== MAP.UNWRITTEN) {
      throw new KernelError('EINVAL', 'swapon');
    }
    at = iomap.end;
  }
  return count;
}
