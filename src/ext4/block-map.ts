import {type CacheCounters, newCacheCounters} from '../block/cache-counters.js';
import {CorruptError} from './errors.js';
import {
  type BlocksAllowed,
  checkExtentNode,
  decodeExtentNode,
  decodeExtentRoot,
  END_OF_MAP,
} from './extent-tree.js';
import {GenerationCache} from './generation-cache.js';
import {
  checkBlockPointers,
  DIRECT_BLOCKS,
  decodeDirect,
  decodePointers,
  indirectPlace,
} from './indirect-map.js';
import type {Inode} from './inode.js';
import {INODE_FLAG} from './inode-flags.js';
import {I_BLOCK_SIZE} from './inode-record.js';
import {findEntry, type MapNode, RUN} from './map-node.js';
import type {Superblock} from './superblock.js';
import type {DiskBlock} from './units.js';

/** Neighbouring blocks of a file that are alike: data in one piece, unwritten, or a hole. */
export interface Run {
  /** RUN.hole, RUN.written or RUN.unwritten. */
  state: number;
  /** Block on disk of the first one; 0 for a hole. */
  physical: number;
  /** How many, counted from the block asked for; at least 1. */
  length: number;
}

/** Entries of decoded nodes kept at most, over all files. */
const CACHED_ENTRIES = 1 << 18;
const ENTRY_BYTES = 21;
/** What a node costs beside its entries, counted in entries. */
const NODE_WEIGHT = 16;

/**
 * Finds the disk blocks of file blocks, by extents or by indirect blocks. Decoded nodes are kept, all files
 * together under one limit, so reading on in a file parses and checks nothing twice; the leaf used last is tried first.
 */
export class BlockMap {
  readonly #superblock: Superblock;
  readonly #block: (block: DiskBlock) => Uint8Array;
  readonly #allowed: BlocksAllowed;
  /** Nodes by the block they lie in; those inside inodes by their negated inode number. */
  readonly #nodes: GenerationCache<MapNode>;
  readonly #counters: CacheCounters;
  readonly #run: Run = {state: RUN.hole, physical: 0, length: 0};
  /**
   * Bytes of nodes decoded so far. A walk over a whole map compares it with a limit of its own: a damaged map may
   * use its blocks many times over, so it can be much larger than the image.
   */
  work = 0;
  #leaf: MapNode | undefined;

  /**
   * @param block reads a metadata block; @param allowed says which blocks a file may have; @param counters count the nodes that
   * are looked up.
   */
  constructor(
    superblock: Superblock,
    block: (block: DiskBlock) => Uint8Array,
    allowed: BlocksAllowed,
    counters: CacheCounters = newCacheCounters(),
  ) {
    this.#superblock = superblock;
    this.#block = block;
    this.#allowed = allowed;
    this.#counters = counters;
    this.#nodes = new GenerationCache(CACHED_ENTRIES, {
      weigh: (node) => node.count + NODE_WEIGHT,
      bytesPerWeight: ENTRY_BYTES,
      counters,
    });
  }

  /** Forgets all nodes. */
  clear(): void {
    this.#nodes.clear();
    this.#leaf = undefined;
  }

  /**
   * Checks the part of a map that lies in the inode, as the kernel does when it reads one.
   * @param bytes has the 60 bytes of i_block from `at` on.
   * @throws CorruptError `extent-…`, `indirect-…`.
   */
  checkRoot(ino: number, flags: number, bytes: Uint8Array, at: number): void {
    if ((flags & INODE_FLAG.extents) === 0) checkBlockPointers(ino, bytes, at, this.#allowed);
    else checkExtentNode(bytes, at, I_BLOCK_SIZE, ino, this.#allowed);
  }

  /** Physical block of a file block; 0 for holes, unwritten extents and beyond the map. */
  physical(inode: Inode, block: number): DiskBlock {
    this.find(inode, block, this.#run);
    return (this.#run.state === RUN.written ? this.#run.physical : 0) as DiskBlock;
  }

  /**
   * Fills `run` with what the file has from `block` on.
   * @param block 0 to 2^32 - 1; from there on all is one hole.
   * @throws CorruptError, ChecksumError from damaged nodes on the way.
   */
  find(inode: Inode, block: number, run: Run): void {
    let node = this.#leaf;
    if (node === undefined || node.ino !== inode.ino || block < node.first || block >= node.end) {
      node = this.#descend(inode, block, run);
      if (node === undefined) return;
      this.#leaf = node;
    } else {
      this.#counters.hits++;
    }
    const entry = findEntry(node, block);
    const within = entry < 0 ? 0 : block - node.logical[entry]!;
    if (entry >= 0 && within < node.length[entry]!) {
      run.state = node.state[entry]!;
      run.physical = node.physical[entry]! + within;
      run.length = node.length[entry]! - within;
    } else {
      hole(run, (entry + 1 < node.count ? node.logical[entry + 1]! : node.end) - block);
    }
  }

  /** The leaf that tells about `block`; undefined, and a hole in `run`, where no leaf does. */
  #descend(inode: Inode, block: number, run: Run): MapNode | undefined {
    if (block >= END_OF_MAP) return hole(run, Number.MAX_SAFE_INTEGER);
    const extents = (inode.flags & INODE_FLAG.extents) !== 0;
    let node = extents || block < DIRECT_BLOCKS ? this.#root(inode, extents) : this.#top(inode, block, run);
    // Ends: each child's level is one less than its parent's, which decoding makes sure of.
    while (node !== undefined && node.level > 0) {
      const entry = findEntry(node, block);
      if (entry < 0 || block >= node.logical[entry]! + node.length[entry]!) {
        return hole(run, (entry + 1 < node.count ? node.logical[entry + 1]! : node.end) - block);
      }
      const first = node.logical[entry]!;
      const end = first + node.length[entry]!;
      node = this.#node(inode, node.physical[entry]!, node.level - 1, first, end);
    }
    return node;
  }

  #root(inode: Inode, extents: boolean): MapNode {
    const known = this.#nodes.get(-inode.ino);
    if (known !== undefined) return known;
    const node = extents ? decodeExtentRoot(inode, this.#allowed) : decodeDirect(inode, this.#allowed);
    this.#nodes.set(-inode.ino, node);
    return node;
  }

  /** The uppermost indirect block over a file block. */
  #top(inode: Inode, block: number, run: Run): MapNode | undefined {
    const place = indirectPlace(inode, block, this.#superblock.blockSize / 4);
    if (place === undefined) return hole(run, Number.MAX_SAFE_INTEGER);
    if (place.top === 0) return hole(run, place.end - block);
    return this.#node(inode, place.top, place.level, place.first, place.end);
  }

  #node(inode: Inode, at: number, level: number, first: number, end: number): MapNode {
    const known = this.#nodes.get(at);
    // A damaged file system may use one block twice, for different files or at different places of one.
    if (
      known !== undefined &&
      known.ino === inode.ino &&
      known.level === level &&
      known.first === first &&
      known.end === end
    ) {
      return known;
    }
    this.work += this.#superblock.blockSize;
    let node: MapNode;
    if ((inode.flags & INODE_FLAG.extents) !== 0) {
      const bytes = this.#block(at as DiskBlock);
      const sealed = this.#superblock.features.metadataCsum;
      node = decodeExtentNode(inode, bytes, level, first, end, sealed, this.#allowed);
    } else {
      if (!this.#allowed(inode.ino, at, 1)) {
        throw new CorruptError('indirect-blocks', {ino: inode.ino, block: at});
      }
      const span = (this.#superblock.blockSize / 4) ** level;
      node = decodePointers(inode, this.#block(at as DiskBlock), level, first, span, this.#allowed);
    }
    this.#nodes.set(at, node);
    return node;
  }
}

function hole(run: Run, length: number): undefined {
  run.state = RUN.hole;
  run.physical = 0;
  run.length = length;
}
