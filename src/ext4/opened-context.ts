import {BlockCache} from '../block/cache.js';
import type {CacheCounters} from '../block/cache-counters.js';
import type {BlockSource} from '../block/source.js';
import {BlockMap, type Run} from './block-map.js';
import type {Ext4Context} from './context.js';
import {CorruptError, Ext4Error} from './errors.js';
import type {BlocksAllowed} from './extent-tree.js';
import {GenerationCache} from './generation-cache.js';
import {GroupTable} from './group-table.js';
import {decodeInodeAt, hasFlag, type Inode, isType} from './inode.js';
import {INODE_FLAG, MODE_TYPE} from './inode-flags.js';
import {I_BLOCK_AT, InodeRecord} from './inode-record.js';
import {InodeTable} from './inode-table.js';
import {RUN} from './map-node.js';
import {RangeMapper} from './map-range.js';
import {RangeSet} from './range-set.js';
import type {Superblock} from './superblock.js';
import {checkFastSymlink, isFastSymlink} from './symlink.js';
import {groupMetadata} from './system-zone.js';
import type {DiskBlock, FileBlock, InodeNumber} from './units.js';

/** Moved by the caches of a file system. */
export interface VolumeCounters {
  /** Metadata blocks. */
  readonly block: CacheCounters;
  /** Decoded inodes. */
  readonly inode: CacheCounters;
  /** Decoded nodes of block maps. */
  readonly mapping: CacheCounters;
}

/** What an open file system may use. */
export interface ContextOptions {
  /** Bytes of metadata blocks kept at most. */
  readonly cacheLimit: number;
  /** Decoded inodes kept at most: about 1 KiB each with inodes of 256 bytes. */
  readonly inodeCacheEntries: number;
  readonly counters?: VolumeCounters | undefined;
}

/** Bytes of a decoded inode beside the copy of its bytes on disk, roughly. */
const INODE_OVERHEAD = 768;

/** Runs the journal is looked at for at most; mke2fs makes one or a few. */
const MAX_JOURNAL_RUNS = 4096;

/** The context of an open file system. */
export class OpenedContext implements Ext4Context {
  readonly superblock: Superblock;
  readonly source: BlockSource;
  readonly cache: BlockCache;
  readonly checksumSeed: number;
  readonly groups: GroupTable;
  readonly map: BlockMap;
  readonly ranges: RangeMapper;
  readonly #inodes: GenerationCache<Inode>;
  readonly #inodeTable: InodeTable;
  /** What `listedInode` gives, filled in anew each time. */
  readonly #listed = new InodeRecord();
  /** Inodes that orphan recovery changed: they are not what the disk says. */
  #changed: ReadonlyMap<number, Inode> = new Map();
  #zone: RangeSet | undefined;
  #journalZone: RangeSet | undefined;

  constructor(superblock: Superblock, source: BlockSource, options: ContextOptions) {
    this.superblock = superblock;
    this.source = source;
    this.checksumSeed = superblock.checksumSeed;
    const {blockSize} = superblock;
    const {counters} = options;
    this.cache = new BlockCache(source, {blockSize, limit: options.cacheLimit, counters: counters?.block});
    const block = (n: DiskBlock): Uint8Array => this.block(n);
    this.groups = new GroupTable(superblock, block);
    const allowed: BlocksAllowed = (ino, first, count) => this.blocksAllowed(ino, first, count);
    this.map = new BlockMap(superblock, block, allowed, counters?.mapping);
    this.ranges = new RangeMapper(this.map, blockSize);
    this.#inodeTable = new InodeTable(superblock, this.groups, block);
    this.#inodes = new GenerationCache(options.inodeCacheEntries, {
      bytesPerWeight: superblock.inodeSize + INODE_OVERHEAD,
      counters: counters?.inode,
    });
  }

  block(block: DiskBlock): Uint8Array {
    const {firstDataBlock, blocksCount} = this.superblock;
    // Every block of metadata comes after the one with the superblock.
    if (!(block > firstDataBlock && block < blocksCount)) throw new CorruptError('block-outside', {block});
    try {
      return this.cache.block(block);
    } catch (error) {
      // The device was as large as it should be when it was opened.
      if (error instanceof RangeError) throw new Ext4Error('EIO', 'block-missing', {block});
      throw error;
    }
  }

  inode(ino: InodeNumber): Inode {
    const known = this.#inodes.get(ino);
    if (known !== undefined) return known;
    let inode = this.#changed.get(ino);
    if (inode === undefined) {
      const record = new InodeRecord();
      this.#readInode(ino, record);
      record.own();
      inode = record;
    }
    this.#inodes.set(ino, inode);
    return inode;
  }

  /**
   * What `inode` gives, without its cache: nothing is kept, and the inode is good until the next call. For listings, which come to each
   * inode once, and to more of them than a cache holds.
   */
  listedInode(ino: InodeNumber): Inode {
    if (this.#changed.size > 0) {
      const changed = this.#changed.get(ino);
      if (changed !== undefined) return changed;
    }
    this.#readInode(ino, this.#listed);
    return this.#listed;
  }

  /** From now on these inodes are as given, whatever the disk says. */
  replaceInodes(changed: ReadonlyMap<number, Inode>): void {
    this.#changed = changed;
    this.#inodes.clear();
  }

  /** Forgets everything that could be read again. */
  dropCaches(): void {
    this.cache.clear();
    this.map.clear();
    this.#inodeTable.clear();
    this.#inodes.clear();
  }

  mapBlock(inode: Inode, block: FileBlock): DiskBlock {
    return this.map.physical(inode, block);
  }

  fileBlock(inode: Inode, block: FileBlock): Uint8Array | undefined {
    const physical = this.map.physical(inode, block);
    return physical === 0 ? undefined : this.block(physical);
  }

  /**
   * Whether a file may have these blocks: inside the file system and none of its own metadata; the journal's blocks
   * belong to the journal inode alone (the kernel's ext4_inode_block_valid).
   */
  blocksAllowed(ino: number, first: number, count: number): boolean {
    const {firstDataBlock, blocksCount, journalInode} = this.superblock;
    if (first <= firstDataBlock || first + count > blocksCount) return false;
    this.#zone ??= new RangeSet(groupMetadata(this.superblock, this.groups));
    if (this.#zone.overlaps(first, count)) return false;
    if (ino === journalInode) return true;
    this.#journalZone ??= this.#findJournal();
    return !this.#journalZone.overlaps(first, count);
  }

  /** Reads and checks an inode. The record refers to the block that the inode lies in. */
  #readInode(ino: InodeNumber, record: InodeRecord): void {
    const {superblock} = this;
    const place = this.#inodeTable.find(ino);
    decodeInodeAt(superblock, ino, place.bytes, place.view, place.at, record);
    const {fileAcl} = record;
    if (fileAcl !== 0 && !this.blocksAllowed(ino, fileAcl, 1)) {
      throw new CorruptError('inode-xattr-block', {ino, block: fileAcl});
    }
    if (record.links !== 0) {
      if (hasBlockMap(superblock, record)) {
        this.map.checkRoot(ino, record.flags, record.bytes, record.rawAt + I_BLOCK_AT);
      } else if (isFastSymlink(superblock, record)) checkFastSymlink(record);
    }
  }

  #findJournal(): RangeSet {
    const {features, journalInode} = this.superblock;
    const ranges: number[] = [];
    if (!features.hasJournal || journalInode === 0) return new RangeSet(ranges);
    try {
      const inode = this.inode(journalInode as InodeNumber);
      const blocks = Math.ceil(inode.size / this.superblock.blockSize);
      const run: Run = {state: RUN.hole, physical: 0, length: 0};
      for (let block = 0, runs = 0; block < blocks && runs < MAX_JOURNAL_RUNS; block += run.length, runs++) {
        this.map.find(inode, block, run);
        if (run.state !== RUN.hole) ranges.push(run.physical, run.physical + run.length);
      }
    } catch (error) {
      // A damaged journal inode only matters where the journal is needed, and is reported there.
      if (!(error instanceof Ext4Error)) throw error;
    }
    return new RangeSet(ranges);
  }
}

/** Whether i_block is a block map, and not a short symlink, a device number or inline data. */
function hasBlockMap(superblock: Superblock, inode: Inode): boolean {
  if (superblock.features.inlineData && hasFlag(inode, INODE_FLAG.inlineData)) return false;
  return (
    isType(inode, MODE_TYPE.regular) ||
    isType(inode, MODE_TYPE.directory) ||
    (isType(inode, MODE_TYPE.symlink) && !isFastSymlink(superblock, inode))
  );
}
