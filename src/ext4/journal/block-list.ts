import {viewOf} from '../../wire/index.js';
import {crc32c} from '../checksum.js';
import {ChecksumError, CorruptError, UnsupportedError} from '../errors.js';
import {hasFlag, type Inode} from '../inode.js';
import {INODE_FLAG} from '../inode-flags.js';
import type {ReplayImage} from './image.js';

/** `count` blocks of a file from `first` on that lie together in the image, from block `disk` on. */
export interface Run {
  first: number;
  disk: number;
  count: number;
  unwritten: boolean;
}

/** All blocks of a file: its content, in order of the file, and the blocks of the map itself. */
export interface BlockList {
  runs: Run[];
  metadata: Set<number>;
}

export const EXTENT_MAGIC = 0xf30a;
export const EXTENT_ENTRY_SIZE = 12;
const MAX_DEPTH = 5;
/** An extent longer than this is an unwritten one (EXT_INIT_MAX_LEN). */
export const MAX_WRITTEN_LENGTH = 32768;
/** Runs listed at most: a list is held in memory as a whole. */
const MAX_RUNS = 2 ** 20;
const MAX_FILE_BLOCK = 2 ** 32;

/**
 * Lists the blocks of a file, whose content is not in its inode.
 * @param limit file blocks from here on need not be listed
 * @throws CorruptError, ChecksumError for a map that can't be; UnsupportedError for one too long to be listed
 */
export function listBlocks(image: ReplayImage, inode: Inode, limit = MAX_FILE_BLOCK): BlockList {
  const list: BlockList = {runs: [], metadata: new Set()};
  if (hasFlag(inode, INODE_FLAG.extents)) {
    listExtents(image, inode, inode.iBlock, undefined, list, limit);
    return list;
  }
  const view = viewOf(inode.iBlock);
  for (let i = 0; i < 12; i++) addPointer(image, inode, list, i, view.getUint32(i * 4, true));
  const perBlock = image.superblock.blockSize / 4;
  let first = 12;
  for (let level = 1; level <= 3; level++) {
    if (first >= limit) break;
    const pointer = view.getUint32((11 + level) * 4, true);
    if (pointer !== 0) listPointers(image, inode, pointer, level, first, list, limit);
    first += perBlock ** level;
  }
  return list;
}

/** @param depth what the node above promises, undefined for the root, whose own depth counts */
function listExtents(
  image: ReplayImage,
  inode: Inode,
  node: Uint8Array,
  depth: number | undefined,
  list: BlockList,
  limit: number,
): void {
  const {ino} = inode;
  const view = viewOf(node);
  const magic = view.getUint16(0, true);
  const entries = view.getUint16(2, true);
  const capacity = view.getUint16(4, true);
  const level = view.getUint16(6, true);
  if (magic !== EXTENT_MAGIC) throw new CorruptError('extent-magic', {ino, magic});
  if (level > MAX_DEPTH || (depth !== undefined && level !== depth)) {
    throw new CorruptError('extent-depth', {ino, depth: level});
  }
  if (entries > capacity || (capacity + 1) * EXTENT_ENTRY_SIZE > node.length) {
    throw new CorruptError('extent-count', {ino, entries, capacity});
  }
  for (let i = 1; i <= entries; i++) {
    const at = i * EXTENT_ENTRY_SIZE;
    const first = view.getUint32(at, true);
    if (first >= limit) return;
    if (level > 0) {
      const child = view.getUint32(at + 4, true) + view.getUint16(at + 8, true) * 2 ** 32;
      // Ends: each node is one level lower, and none comes twice.
      addMetadata(list, inode, child);
      listExtents(image, inode, readNode(image, inode, child), level - 1, list, limit);
      continue;
    }
    const raw = view.getUint16(at + 4, true);
    const unwritten = raw > MAX_WRITTEN_LENGTH;
    const count = unwritten ? raw - MAX_WRITTEN_LENGTH : raw;
    const disk = view.getUint32(at + 8, true) + view.getUint16(at + 6, true) * 2 ** 32;
    const previous = list.runs.at(-1);
    if (
      count === 0 ||
      first + count > MAX_FILE_BLOCK ||
      !image.has(disk, count) ||
      (previous !== undefined && first < previous.first + previous.count)
    ) {
      throw new CorruptError('extent', {ino, first, count, disk});
    }
    list.runs.push({first, disk, count, unwritten});
    if (list.runs.length > MAX_RUNS) throw new UnsupportedError('extent-tree-large', {ino});
  }
}

function addMetadata(list: BlockList, inode: Inode, block: number): void {
  if (list.metadata.has(block)) throw new CorruptError('block-map-circle', {ino: inode.ino, block});
  list.metadata.add(block);
  if (list.metadata.size > MAX_RUNS) throw new UnsupportedError('block-map-large', {ino: inode.ino});
}

function readNode(image: ReplayImage, inode: Inode, block: number): Uint8Array {
  const node = image.block(block);
  if (image.superblock.features.metadataCsum) {
    const view = viewOf(node);
    const tail = (view.getUint16(4, true) + 1) * EXTENT_ENTRY_SIZE;
    if (tail + 4 > node.length) throw new CorruptError('extent-count', {ino: inode.ino, block});
    const stored = view.getUint32(tail, true);
    const computed = crc32c(inode.checksumSeed, node, 0, tail);
    if (stored !== computed) {
      throw new ChecksumError('extent-checksum', {ino: inode.ino, block, stored, computed});
    }
  }
  return node;
}

function listPointers(
  image: ReplayImage,
  inode: Inode,
  block: number,
  level: number,
  first: number,
  list: BlockList,
  limit: number,
): void {
  addMetadata(list, inode, block);
  const view = viewOf(image.block(block));
  const perBlock = view.byteLength / 4;
  const span = perBlock ** (level - 1);
  for (let i = 0; i < perBlock && first + i * span < limit; i++) {
    const pointer = view.getUint32(i * 4, true);
    if (pointer === 0) continue;
    // Ends: one level lower each time, and no block comes twice.
    if (level === 1) addPointer(image, inode, list, first + i, pointer);
    else listPointers(image, inode, pointer, level - 1, first + i * span, list, limit);
  }
}

function addPointer(image: ReplayImage, inode: Inode, list: BlockList, first: number, disk: number): void {
  if (disk === 0) return;
  if (!image.has(disk, 1)) throw new CorruptError('block-pointer', {ino: inode.ino, first, disk});
  const last = list.runs.at(-1);
  if (last !== undefined && last.first + last.count === first && last.disk + last.count === disk) {
    last.count++;
    return;
  }
  list.runs.push({first, disk, count: 1, unwritten: false});
  if (list.runs.length > MAX_RUNS) throw new UnsupportedError('block-map-large', {ino: inode.ino});
}

/** The block of the image for a block of the file by its list, 0 for a hole. */
export function findBlock(runs: readonly Run[], block: number): number {
  let low = 0;
  let high = runs.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const run = runs[middle]!; // low <= middle <= high, both within the list
    if (block < run.first) high = middle - 1;
    else if (block >= run.first + run.count) low = middle + 1;
    else return run.disk + block - run.first;
  }
  return 0;
}
