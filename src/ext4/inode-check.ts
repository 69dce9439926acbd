import {CorruptError} from './errors.js';
import type {Inode} from './inode.js';
import {INODE_FLAG, MODE_TYPE} from './inode-flags.js';
import type {Superblock} from './superblock.js';
import {ROOT_INODE} from './units.js';

/** EXT4_BOOT_LOADER_INO: usually not initialised, so no mode at all. */
const BOOT_LOADER_INODE = 5;

/**
 * What __ext4_iget refuses with EFSCORRUPTED, apart from the block map, which is checked when it is walked.
 * @throws CorruptError `inode-…`.
 */
export function checkInode(superblock: Superblock, inode: Inode): void {
  const {features} = superblock;
  const {ino, flags, size} = inode;
  const type = inode.mode & MODE_TYPE.mask;
  if (size > maxFileSize(superblock, (flags & INODE_FLAG.extents) !== 0)) {
    throw new CorruptError('inode-size', {ino, size});
  }
  // i_block can't be both.
  const both = INODE_FLAG.inlineData | INODE_FLAG.extents;
  if ((flags & both) === both) throw new CorruptError('inode-inline-extents', {ino, flags});
  // Without dir_index a writer would take the index blocks for empty ones, and their checksums for damaged.
  if (!features.dirIndex && features.metadataCsum && (flags & INODE_FLAG.index) !== 0) {
    throw new CorruptError('inode-index-flag', {ino, flags});
  }
  if (
    inode.fileAcl !== 0 &&
    (inode.fileAcl <= superblock.firstDataBlock || inode.fileAcl >= superblock.blocksCount)
  ) {
    throw new CorruptError('inode-xattr-block', {ino, block: inode.fileAcl});
  }
  if ((flags & INODE_FLAG.casefold) !== 0 && !features.casefold) {
    throw new CorruptError('inode-casefold-flag', {ino, flags});
  }
  switch (type) {
    case MODE_TYPE.regular:
    case MODE_TYPE.directory:
    case MODE_TYPE.fifo:
    case MODE_TYPE.characterDevice:
    case MODE_TYPE.blockDevice:
    case MODE_TYPE.socket:
      break;
    case MODE_TYPE.symlink:
      if ((flags & (INODE_FLAG.append | INODE_FLAG.immutable)) !== 0) {
        throw new CorruptError('inode-symlink-flags', {ino, flags});
      }
      break;
    default:
      // A deleted or never used inode has no type, and reserved ones need none.
      if (inode.links !== 0 && ino !== BOOT_LOADER_INODE) {
        throw new CorruptError('inode-mode', {ino, mode: inode.mode});
      }
  }
  if (ino === ROOT_INODE && type !== MODE_TYPE.directory) {
    throw new CorruptError('root-not-directory', {ino, mode: inode.mode});
  }
}

/** Bytes a file may have at most, by the kind of its block map (ext4_max_size, ext4_max_bitmap_size). */
export function maxFileSize(superblock: Superblock, extents: boolean): number {
  const {blockBits, blockSize, features} = superblock;
  // i_blocks counts 512-byte units in 32 bits, or file system blocks in 48 with huge_file.
  const countable = features.hugeFile ? 2 ** 48 - 1 : Math.floor((2 ** 32 - 1) / 2 ** (blockBits - 9));
  // File blocks are 32-bit numbers.
  const addressable = 2 ** 32 - 1;
  if (extents) return Math.min(addressable, features.hugeFile ? addressable : countable) * blockSize;
  const pointers = blockSize / 4;
  const tree = 12 + pointers + pointers ** 2 + pointers ** 3;
  const treeMetadata = 3 + 2 * pointers + pointers ** 2;
  if (tree + treeMetadata <= countable) return Math.min(tree, addressable) * blockSize;
  // The index blocks count too: take off those that a file of `countable` blocks needs.
  let rest = countable - 12 - pointers;
  let metadata = 1;
  if (rest < pointers ** 2) {
    metadata += 1 + Math.ceil(rest / pointers);
  } else {
    metadata += 1 + pointers;
    rest -= pointers ** 2;
    metadata += 1 + Math.ceil(rest / pointers) + Math.ceil(rest / pointers ** 2);
  }
  return Math.min(countable - metadata, addressable) * blockSize;
}
