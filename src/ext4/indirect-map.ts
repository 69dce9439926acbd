import {viewOf} from '../wire/index.js';
import {CorruptError} from './errors.js';
import type {BlocksAllowed} from './extent-tree.js';
import type {Inode} from './inode.js';
import {le32} from './little-endian.js';
import {type MapNode, RUN} from './map-node.js';

/** Pointers in i_block that lead to data; three more lead to single, double and triple indirect blocks. */
export const DIRECT_BLOCKS = 12;

/**
 * Checks the direct pointers in i_block, as ext4_ind_check_inode does when an inode is read; the others are checked
 * when they are followed.
 * @param bytes has the pointers from `at` on.
 * @throws CorruptError `indirect-blocks`.
 */
export function checkBlockPointers(ino: number, bytes: Uint8Array, at: number, allowed: BlocksAllowed): void {
  for (let i = 0; i < DIRECT_BLOCKS; i++) {
    const block = le32(bytes, at + i * 4);
    if (block !== 0 && !allowed(ino, block, 1)) {
      throw new CorruptError('indirect-blocks', {ino, pointer: i, block});
    }
  }
}

/** The 12 direct pointers as a leaf. @throws CorruptError `indirect-blocks`. */
export function decodeDirect(inode: Inode, allowed: BlocksAllowed): MapNode {
  return decodePointers(inode, inode.iBlock.subarray(0, DIRECT_BLOCKS * 4), 0, 0, 1, allowed);
}

/** Where a file block is found in a map of indirect blocks. */
export interface IndirectPlace {
  /** Block of the uppermost indirect block; 0 when there is none. */
  top: number;
  /** 0 for single, 1 for double, 2 for triple indirect. */
  level: number;
  /** First file block under it, and one past the last. */
  first: number;
  end: number;
}

/**
 * The pointer of i_block that leads to a file block from DIRECT_BLOCKS on; undefined beyond what three levels reach.
 * @param pointers pointers per block.
 */
export function indirectPlace(inode: Inode, block: number, pointers: number): IndirectPlace | undefined {
  const d = viewOf(inode.iBlock);
  let first = DIRECT_BLOCKS;
  let span = pointers;
  for (let level = 0; level < 3; level++) {
    if (block < first + span) {
      return {top: d.getUint32((DIRECT_BLOCKS + level) * 4, true), level, first, end: first + span};
    }
    first += span;
    span *= pointers;
  }
  return undefined;
}

/**
 * Decodes a block (or part of one) of 32-bit block numbers; 0 is a hole. In a leaf, neighbours that follow each
 * other on disk become one entry.
 * @param first file block of the first pointer.
 * @param span file blocks under each pointer: 1 in a leaf.
 * @throws CorruptError `indirect-blocks` for a pointer outside the file system or to its metadata.
 */
export function decodePointers(
  inode: Inode,
  bytes: Uint8Array,
  level: number,
  first: number,
  span: number,
  allowed: BlocksAllowed,
): MapNode {
  const {ino} = inode;
  const d = viewOf(bytes);
  const pointers = bytes.length / 4;
  let count = 0;
  let previous = 0;
  for (let i = 0; i < pointers; i++) {
    const block = d.getUint32(i * 4, true);
    if (block !== 0) {
      if (!allowed(ino, block, 1)) throw new CorruptError('indirect-blocks', {ino, pointer: i, block});
      if (level > 0 || previous === 0 || block !== previous + 1) count++;
    }
    previous = block;
  }
  const logical = new Uint32Array(count);
  const length = new Float64Array(count);
  const physical = new Float64Array(count);
  previous = 0;
  for (let i = 0, entry = -1; i < pointers; i++) {
    const block = d.getUint32(i * 4, true);
    if (block !== 0) {
      if (level > 0 || previous === 0 || block !== previous + 1) {
        entry++;
        // Below 2^32: the largest file has that many blocks, and what lies beyond is not asked for.
        logical[entry] = first + i * span;
        physical[entry] = block;
      }
      length[entry] = length[entry]! + span;
    }
    previous = block;
  }
  const state = new Uint8Array(count).fill(RUN.written);
  return {
    ino,
    level,
    first,
    end: first + pointers * span,
    count,
    logical,
    length,
    physical,
    state,
    recent: 0,
  };
}
