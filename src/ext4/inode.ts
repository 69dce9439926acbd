import {viewOf} from '../wire/index.js';
import {crc32cLe32} from './checksum.js';
import {CorruptError} from './errors.js';
import {checkInode} from './inode-check.js';
import {verifyInodeChecksum} from './inode-checksum.js';
import {INODE_FLAG, MODE_TYPE} from './inode-flags.js';
import {InodeRecord} from './inode-record.js';
import {nanoseconds, seconds} from './inode-time.js';
import {OS_HURD, type Superblock} from './superblock.js';
import type {DiskBlock, InodeNumber} from './units.js';

/** An inode, decoded and checked. Times are in seconds since 1970, before it negative. */
export interface Inode {
  readonly ino: InodeNumber;
  /** st_mode: file type and permissions. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** i_size in bytes, a safe integer within what the kernel allows for this kind of block map. */
  readonly size: number;
  readonly links: number;
  /** st_blocks: 512-byte units. */
  readonly blocks512: number;
  /** i_flags, see INODE_FLAG. */
  readonly flags: number;
  readonly generation: number;
  /** i_version; above 2^53 its lowest bits are lost. */
  readonly version: number;
  readonly atime: number;
  /** 0 to 2^30 - 1, as the kernel takes it from the disk. */
  readonly atimeNsec: number;
  readonly ctime: number;
  readonly ctimeNsec: number;
  readonly mtime: number;
  readonly mtimeNsec: number;
  /** Birth time; meaningful when hasCrtime. */
  readonly crtime: number;
  readonly crtimeNsec: number;
  readonly hasCrtime: boolean;
  /** Block of extended attributes, inside the file system; 0 = none. */
  readonly fileAcl: DiskBlock;
  readonly projectId: number;
  /** Device numbers of special files, 0 for others. */
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  /** The 60 bytes of i_block: extent tree, block map, symlink target or inline data. */
  readonly iBlock: Uint8Array;
  /** The whole inode on disk, s_inode_size bytes. */
  readonly raw: Uint8Array;
  /** Bytes of known fields after the first 128; extended attributes begin after them. */
  readonly extraIsize: number;
  /** i_dtime: when it was deleted, or the next inode of the orphan list. */
  readonly deletionTime: number;
  /** Where the checksums of this inode's extent, directory and MMP blocks start. */
  readonly checksumSeed: number;
}

const GOOD_OLD_SIZE = 128;
/** What the kernel takes for i_extra_isize where it is 0: sizeof(struct ext4_inode) - 128. */
const FULL_EXTRA = 32;

/** Whether the mode is that of a given MODE_TYPE. */
export function isType(inode: Inode, type: number): boolean {
  return (inode.mode & MODE_TYPE.mask) === type;
}

/** Whether an i_flags bit of INODE_FLAG is set. */
export function hasFlag(inode: Inode, flag: number): boolean {
  return (inode.flags & flag) !== 0;
}

/**
 * Checks and decodes an inode that is alone in `raw`, as `decodeInodeAt` does.
 * @param raw `superblock.inodeSize` bytes; kept, so it must not change afterwards.
 */
export function decodeInode(superblock: Superblock, ino: InodeNumber, raw: Uint8Array): Inode {
  const record = new InodeRecord();
  decodeInodeAt(superblock, ino, raw, viewOf(raw), 0, record);
  return record;
}

/**
 * Checks and decodes an inode, as the kernel's __ext4_iget does. Inodes that are deleted or reserved pass: who may
 * see those is for the caller.
 * @param bytes has `superblock.inodeSize` bytes of the inode from `at` on; the record refers to them. @param d is on the same memory.
 * @param record is filled in; after an error it holds nothing of use.
 *
 * Where an expression would be evaluated for some types of file only, it is written so that it is evaluated for all: V8 compiles what it has
 * seen run, and a walk comes to a thousand directories before it comes to the first file.
 *
 * @throws ChecksumError `inode-checksum`, CorruptError `inode-…`.
 */
export function decodeInodeAt(
  superblock: Superblock,
  ino: InodeNumber,
  bytes: Uint8Array,
  d: DataView,
  at: number,
  record: InodeRecord,
): void {
  const {features, inodeSize} = superblock;
  const i_generation = d.getUint32(at + 0x64, true);
  const i_extra_isize = inodeSize > GOOD_OLD_SIZE ? d.getUint16(at + 0x80, true) : 0;
  if (GOOD_OLD_SIZE + i_extra_isize > inodeSize || (i_extra_isize & 3) !== 0) {
    throw new CorruptError('inode-extra-size', {ino, extra: i_extra_isize, inodeSize});
  }
  const i_mode = d.getUint16(at, true);
  const i_links_count = d.getUint16(at + 0x1a, true);
  let checksumSeed = 0;
  if (features.metadataCsum) {
    checksumSeed = crc32cLe32(crc32cLe32(superblock.checksumSeed, ino), i_generation);
    // An inode that was never used has no checksum; the kernel tells it by these two fields, too.
    const unused = i_mode === 0 && i_links_count === 0;
    if (superblock.creatorOs === 0 && !unused)
      verifyInodeChecksum(ino, checksumSeed, bytes, d, at, i_extra_isize, inodeSize);
  }

  const i_flags = d.getUint32(at + 0x20, true);
  const wideOwner = superblock.uid16 ? 0 : 2 ** 16;
  const type = i_mode & MODE_TYPE.mask;
  // Before large_dir, directories kept their ACL where files have the high half of the size.
  const wideSize = features.largeDir || type === MODE_TYPE.regular;
  const sizeHigh = d.getUint32(at + 0x6c, true);
  const size = d.getUint32(at + 0x4, true) + (wideSize ? sizeHigh : 0) * 2 ** 32;
  let blocks512 = d.getUint32(at + 0x1c, true);
  if (features.hugeFile) {
    blocks512 += d.getUint16(at + 0x74, true) * 2 ** 32;
    if ((i_flags & INODE_FLAG.hugeFile) !== 0) blocks512 *= superblock.blockSize / 512;
  }
  // The kernel shows files stored in their inode so, that archivers do not take them for all hole (ext4_file_getattr).
  if ((i_flags & INODE_FLAG.inlineData) !== 0 && type === MODE_TYPE.regular)
    blocks512 += Math.ceil(size / 512);
  const extra = inodeSize > GOOD_OLD_SIZE && i_extra_isize === 0 ? FULL_EXTRA : i_extra_isize;
  const ctimeExtra = extra >= 0x88 - GOOD_OLD_SIZE ? d.getUint32(at + 0x84, true) : 0;
  const mtimeExtra = extra >= 0x8c - GOOD_OLD_SIZE ? d.getUint32(at + 0x88, true) : 0;
  const atimeExtra = extra >= 0x90 - GOOD_OLD_SIZE ? d.getUint32(at + 0x8c, true) : 0;
  const crtimeExtra = extra >= 0x98 - GOOD_OLD_SIZE ? d.getUint32(at + 0x94, true) : 0;
  const hasCrtime = extra >= 0x94 - GOOD_OLD_SIZE;
  let version = 0;
  if (superblock.creatorOs !== OS_HURD) {
    version = d.getUint32(at + 0x24, true);
    if (extra >= 0x9c - GOOD_OLD_SIZE) version += d.getUint32(at + 0x98, true) * 2 ** 32;
  }
  record.rdevMajor = 0;
  record.rdevMinor = 0;
  if (type === MODE_TYPE.characterDevice || type === MODE_TYPE.blockDevice) {
    const old = d.getUint32(at + 0x28, true);
    const device = old !== 0 ? old & 0xffff : d.getUint32(at + 0x2c, true);
    record.rdevMajor = old !== 0 ? device >>> 8 : (device >>> 8) & 0xfff;
    record.rdevMinor = old !== 0 ? device & 0xff : (device & 0xff) | ((device >>> 12) & 0xfff00);
  }
  record.ino = ino;
  record.mode = i_mode;
  record.uid = d.getUint16(at + 0x2, true) + d.getUint16(at + 0x78, true) * wideOwner;
  record.gid = d.getUint16(at + 0x18, true) + d.getUint16(at + 0x7a, true) * wideOwner;
  record.size = size;
  record.links = i_links_count;
  record.blocks512 = blocks512;
  record.flags = i_flags;
  record.generation = i_generation;
  record.version = version;
  record.atime = seconds(d, at + 0x8, atimeExtra);
  record.atimeNsec = nanoseconds(atimeExtra);
  record.ctime = seconds(d, at + 0xc, ctimeExtra);
  record.ctimeNsec = nanoseconds(ctimeExtra);
  record.mtime = seconds(d, at + 0x10, mtimeExtra);
  record.mtimeNsec = nanoseconds(mtimeExtra);
  record.crtime = hasCrtime ? seconds(d, at + 0x90, crtimeExtra) : 0;
  record.crtimeNsec = nanoseconds(crtimeExtra);
  record.hasCrtime = hasCrtime;
  record.fileAcl = (d.getUint32(at + 0x68, true) +
    (features.bit64 ? d.getUint16(at + 0x76, true) * 2 ** 32 : 0)) as DiskBlock;
  // Unlike the times, the project id is taken only where i_extra_isize itself says that it is there.
  record.projectId =
    features.project && i_extra_isize >= 0xa0 - GOOD_OLD_SIZE ? d.getUint32(at + 0x9c, true) : 0;
  record.bytes = bytes;
  record.rawAt = at;
  record.rawSize = inodeSize;
  record.extraIsize = extra;
  record.deletionTime = d.getUint32(at + 0x14, true);
  record.checksumSeed = checksumSeed;
  checkInode(superblock, record);
}
