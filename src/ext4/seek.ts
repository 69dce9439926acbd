import {RequestError} from './errors.js';
import {hasFlag, type Inode} from './inode.js';
import {INODE_FLAG} from './inode-flags.js';
import {newFileRange, RANGE, type RangeMapper} from './map-range.js';

/** Runs looked at for one answer, and bytes of map decoded; sound files don't come near in a single stretch. */
const MAX_RUNS = 1 << 21;
const MAX_WORK = 1 << 28;

/**
 * SEEK_DATA and SEEK_HOLE of lseek(2), as the kernel answers on a file it has not read yet: an unwritten extent is a
 * hole, inline data is data, and the end of the file is a hole. Where no answer is found within a bounded time the
 * rest counts as data, which lseek(2) allows.
 * @param offset bytes.
 * @returns the offset of the first byte at or after `offset` that is data, or a hole.
 * @throws RequestError ENXIO `seek-beyond-end` at or after the end, or where no data follows; CorruptError and
 * ChecksumError from the block map.
 */
export function seek(mapper: RangeMapper, inode: Inode, offset: number, whence: 'data' | 'hole'): number {
  const {size} = inode;
  if (!(offset >= 0 && offset < size)) throw beyond(inode, offset);
  if (hasFlag(inode, INODE_FLAG.inlineData)) return whence === 'data' ? offset : size;
  const range = newFileRange();
  const start = mapper.work;
  let at = offset;
  for (let runs = 0; at < size; at += range.length, runs++) {
    if (runs === MAX_RUNS || mapper.work - start > MAX_WORK) return whence === 'data' ? at : size;
    mapper.mapRange(inode, at, size - at, 'piece', range);
    if ((range.kind === RANGE.written) === (whence === 'data')) return at;
  }
  if (whence === 'data') throw beyond(inode, offset);
  return size;
}

function beyond(inode: Inode, offset: number): RequestError {
  return new RequestError('ENXIO', 'seek-beyond-end', {ino: inode.ino, offset, size: inode.size});
}
