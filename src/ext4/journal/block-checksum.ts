import {viewOf} from '../../wire/index.js';
import {crc32c, crc32cZeros} from '../checksum.js';
import {BLOCK_TAIL_SIZE, commitHeader, hasBlockChecksums} from './structs.js';
import type {JournalSuperblock} from './superblock.js';

/** Checksums of version 2 and 3: CRC-32C over a whole block, its own place counted as zeros. */

function blockChecksum(seed: number, block: Uint8Array, at: number): number {
  const before = crc32c(seed, block, 0, at);
  return crc32c(crc32cZeros(before, 4), block, at + 4, block.length);
}

/** Whether a descriptor or revoke block is whole; always true in journals without these checksums. */
export function tailMatches(superblock: JournalSuperblock, block: Uint8Array): boolean {
  if (!hasBlockChecksums(superblock)) return true;
  const at = block.length - BLOCK_TAIL_SIZE;
  return viewOf(block).getUint32(at) === blockChecksum(superblock.checksumSeed, block, at);
}

/**
 * Whether a commit block is whole; always true in journals without these checksums. One of which just the
 * header reached the disk counts too: the kernel takes the rest, which means nothing, for zeros then.
 */
export function commitMatches(superblock: JournalSuperblock, block: Uint8Array): boolean {
  if (!hasBlockChecksums(superblock)) return true;
  const at = commitHeader.at.checksum;
  const stored = viewOf(block).getUint32(at);
  if (stored === blockChecksum(superblock.checksumSeed, block, at)) return true;
  const headerOnly = new Uint8Array(block.length);
  headerOnly.set(block.subarray(0, commitHeader.size));
  return stored === blockChecksum(superblock.checksumSeed, headerOnly, at);
}

const sequenceBytes = new Uint8Array(4);
const sequenceView = viewOf(sequenceBytes);

/** Whether a copied block is the one that its tag describes. @param stored the tag's checksum */
export function copyMatches(
  superblock: JournalSuperblock,
  sequence: number,
  block: Uint8Array,
  stored: number,
): boolean {
  if (!hasBlockChecksums(superblock)) return true;
  sequenceView.setUint32(0, sequence);
  const checksum = crc32c(crc32c(superblock.checksumSeed, sequenceBytes), block);
  return stored === (superblock.checksum === 3 ? checksum : checksum & 0xffff);
}
