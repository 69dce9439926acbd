import {crc32c, crc32cLe16} from './checksum.js';
import {ChecksumError} from './errors.js';
import type {InodeNumber} from './units.js';

/** Bytes that every inode has; what comes after them is there from 256-byte inodes on. */
const GOOD_OLD_SIZE = 128;
/** Where the halves of the checksum lie: i_checksum_lo and i_checksum_hi. */
const CHECKSUM_LOW = 0x7c;
const CHECKSUM_HIGH = 0x82;

/**
 * Verifies i_checksum, whose own bytes count as zero (ext4_inode_csum).
 * @param seed of this inode's checksums.
 * @param view, at where the inode's `inodeSize` bytes lie; `bytes` are the same memory.
 * @param extra i_extra_isize: the high half of the checksum is only there from 4 on.
 * @throws ChecksumError `inode-checksum`.
 */
export function verifyInodeChecksum(
  ino: InodeNumber,
  seed: number,
  bytes: Uint8Array,
  view: DataView,
  at: number,
  extra: number,
  inodeSize: number,
): void {
  let stored = view.getUint16(at + CHECKSUM_LOW, true);
  let crc = crc32cLe16(crc32c(seed, bytes, at, at + CHECKSUM_LOW), 0);
  let computed: number;
  if (inodeSize > GOOD_OLD_SIZE && extra >= 4) {
    stored += view.getUint16(at + CHECKSUM_HIGH, true) * 2 ** 16;
    crc = crc32cLe16(crc32c(crc, bytes, at + CHECKSUM_LOW + 2, at + CHECKSUM_HIGH), 0);
    computed = crc32c(crc, bytes, at + CHECKSUM_HIGH + 2, at + inodeSize);
  } else {
    computed = crc32c(crc, bytes, at + CHECKSUM_LOW + 2, at + inodeSize) & 0xffff;
  }
  if (computed !== stored) throw new ChecksumError('inode-checksum', {ino, stored, computed});
}
