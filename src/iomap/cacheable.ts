import {MAPPING, MAPPING_FLAG, type MappingPair} from './mapping.js';
import {isWriteLike, OP} from './op-flags.js';

/** Operations that the kernel never serves from its cache, and reports, which would fill it with a whole file for nothing. */
const NEVER = OP.REPORT | OP.SWAPFILE | OP.ATOMIC | OP.DAX;
/**
 * Flags of mappings that stay as they are. NEW would have the kernel zero again at each use, DIRTY have it sync again; SHARED blocks
 * must not be found by a write, for which the read tree counts as well.
 */
const LASTING = MAPPING_FLAG.MERGED | MAPPING_FLAG.BOUNDARY | MAPPING_FLAG.ATOMIC_BIO;
/** Fewer blocks that were made for a write are as good as converted already: not worth a message. */
const LEAST_UNWRITTEN_BLOCKS = 16;

/**
 * Whether an answer is worth putting into the kernel's cache, which must then find it there for this operation: it does not use a
 * hole to write into.
 */
export function isCacheable({read, write}: MappingPair, op: number, blockSize: number): boolean {
  if ((op & NEVER) !== 0 || write.type !== MAPPING.PURE_OVERWRITE || (read.flags & ~LASTING) !== 0)
    return false;
  switch (read.type) {
    case MAPPING.MAPPED:
      return true;
    case MAPPING.UNWRITTEN:
      return !isWriteLike(op) || read.length >= LEAST_UNWRITTEN_BLOCKS * blockSize;
    case MAPPING.HOLE:
      return !isWriteLike(op) || (op & (OP.ZERO | OP.UNSHARE)) !== 0;
    default:
      return false;
  }
}
