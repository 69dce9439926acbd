import {ioctl} from './posix.js';

/** One extent as FS_IOC_FIEMAP tells of it (`linux/fiemap.h`); bytes. */
export interface Extent {
  logical: number;
  physical: number;
  length: number;
  flags: number;
}

export const FIEMAP_EXTENT = {UNKNOWN: 0x2, DATA_INLINE: 0x200, UNWRITTEN: 0x800} as const;

const FS_IOC_FIEMAP = 0xc020660b;
const FIBMAP = 1;
const HEADER = 32;
const EXTENT = 56;
const AT_A_TIME = 1024;
const LAST = 1;
const answer = Buffer.alloc(HEADER + AT_A_TIME * EXTENT);

/** All extents of an open file, also those beyond its end. */
export function fiemap(fd: number): Extent[] {
  const extents: Extent[] = [];
  for (let start = 0; ; ) {
    answer.fill(0, 0, HEADER);
    answer.writeBigUInt64LE(BigInt(start), 0);
    answer.writeBigUInt64LE(0xffff_ffff_ffff_ffffn - BigInt(start), 8);
    answer.writeUInt32LE(AT_A_TIME, 24);
    ioctl(fd, FS_IOC_FIEMAP, answer);
    const count = answer.readUInt32LE(20);
    for (let i = 0; i < count; i++) {
      const at = HEADER + i * EXTENT;
      const quantity = (offset: number): number => Number(answer.readBigUInt64LE(at + offset));
      extents.push({
        logical: quantity(0),
        physical: quantity(8),
        length: quantity(16),
        flags: answer.readUInt32LE(at + 40),
      });
    }
    const last = extents.at(-1);
    if (count === 0 || last === undefined || (last.flags & LAST) !== 0) return extents;
    start = last.logical + last.length;
  }
}

/** The block of the device with a block of an open file, 0 for none; as far as 31 bits tell it. */
export function fibmap(fd: number, block: number): number {
  const argument = Buffer.alloc(4);
  argument.writeUInt32LE(block);
  ioctl(fd, FIBMAP, argument);
  return argument.readUInt32LE(0);
}
