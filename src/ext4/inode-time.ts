/**
 * Seconds since 1970 of the signed 32-bit time at `at`, with the epoch bits of its extra word: 1901-12-13 to
 * 2446-05-10 (Documentation/filesystems/ext4/inodes.rst, "Inode Timestamps").
 */
export function seconds(inode: DataView, at: number, extra: number): number {
  return inode.getInt32(at, true) + (extra & 3) * 2 ** 32;
}

/** Nanoseconds of an extra word: 30 bits, so a damaged one may exceed 999,999,999; the kernel shows it so, too. */
export function nanoseconds(extra: number): number {
  return extra >>> 2;
}
