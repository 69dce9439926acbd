import type {BlockCache} from '../block/cache.js';
import type {BlockSource} from '../block/source.js';
import type {Inode} from './inode.js';
import type {Superblock} from './superblock.js';
import type {DiskBlock, FileBlock, InodeNumber} from './units.js';

/** What the parts of the driver share about one open file system. */
export interface Ext4Context {
  readonly superblock: Superblock;
  /** The image, with the journal laid over it where it needed recovery. */
  readonly source: BlockSource;
  /** Metadata blocks only; file data is read past it. */
  readonly cache: BlockCache;
  /** Where the checksums of metadata_csum start. */
  readonly checksumSeed: number;
  /**
   * One metadata block, not to be written to.
   * @throws CorruptError `block-outside` for 0, for a block before the first group or beyond the file system.
   */
  block(block: DiskBlock): Uint8Array;
  /**
   * An inode, decoded and checked; from a bounded cache when it was used lately. Deleted and reserved inodes too.
   * @throws CorruptError, ChecksumError; CorruptError `inode-number` for 0 or above s_inodes_count.
   */
  inode(ino: InodeNumber): Inode;
  /**
   * Physical block of a logical one of this file; 0 for a hole, an unwritten extent or beyond the map.
   * @throws CorruptError or ChecksumError when the map is damaged on the way.
   */
  mapBlock(inode: Inode, block: FileBlock): DiskBlock;
  /** One block of a file's content as metadata (directories, symlinks, ea_inodes); undefined for a hole. */
  fileBlock(inode: Inode, block: FileBlock): Uint8Array | undefined;
}
