import {viewOf} from '../../../wire/index.js';
import {UnsupportedError} from '../../errors.js';
import {hasFlag, type Inode, isType} from '../../inode.js';
import {INODE_FLAG, MODE_TYPE} from '../../inode-flags.js';
import {type BlockList, findBlock, listBlocks, type Run} from '../block-list.js';
import type {ImageEditor} from './editor.js';
import {addRange, I_BLOCK, removeRange, storeExtents, toExtents} from './file-blocks.js';
import {type Interval, includes, normalize, subtract} from './intervals.js';

/** List entries looked at in all; a replay of everything that fits a journal needs far less. */
const MAX_WORK = 2 ** 29;

interface FileState {
  /** Blocks it held before the fast commits: content, map and extended attributes. */
  readonly before: Interval[];
  /** Nodes of its tree that may be used again. */
  readonly nodes: number[];
  runs: Run[];
  changed: boolean;
  /** An INODE record was applied: the count of its blocks has to be worked out. */
  counted: boolean;
  deleted: boolean;
}

/**
 * The block maps of the files that fast commits touch. They are held as lists while records are applied and written
 * as extent trees once, by `finish`, which then also marks blocks as used and free.
 */
export class FileStates {
  readonly #editor: ImageEditor;
  /** Ranges that files get from records, in clusters: nothing else may be put there. */
  readonly #promised: Interval[];
  readonly #files = new Map<number, FileState>();
  #work = MAX_WORK;

  /** @param promised blocks that the records give to files */
  constructor(editor: ImageEditor, promised: readonly Interval[]) {
    this.#editor = editor;
    this.#promised = normalize(promised.map((interval) => this.#clusters(interval)));
  }

  /** Blocks of the file's content. */
  runs(ino: number): readonly Run[] {
    return this.#state(ino).runs;
  }

  find(ino: number, block: number): number {
    return findBlock(this.#state(ino).runs, block);
  }

  add(ino: number, run: Run): void {
    const state = this.#state(ino);
    this.#requireExtents(ino);
    this.#spend(state.runs.length);
    state.runs = addRange(state.runs, run);
    state.changed = true;
  }

  remove(ino: number, first: number, count: number): void {
    const state = this.#state(ino);
    this.#requireExtents(ino);
    this.#spend(state.runs.length);
    state.runs = removeRange(state.runs, first, count);
    state.changed = true;
  }

  /**
   * Replaces an inode by `write`, because of an INODE record. One in use keeps its blocks; for one that was not, what
   * is left in its place counts, as for the kernel.
   */
  replace(ino: number, write: () => void): void {
    const state = this.#state(ino);
    const live = this.#editor.liveInode(ino) !== undefined;
    write();
    state.deleted = false;
    const inode = this.#editor.liveInode(ino);
    if (inode === undefined) return;
    if (!live) state.runs = hasMap(inode) ? this.#list(inode).runs : [];
    // The kernel counts now. What files get comes with another INODE record, but directories have one only when they
    // are made, so their first block is not counted.
    if (isType(inode, MODE_TYPE.directory)) this.#count(ino);
    else state.counted = true;
  }

  /** The inode was deleted: its blocks are free. */
  delete(ino: number): void {
    const state = this.#state(ino);
    state.runs = [];
    state.changed = false;
    state.deleted = true;
  }

  /** A block for a directory or a tree, not used by anything. */
  allocate(): number {
    return this.#editor.allocate((cluster) => includes(this.#promised, cluster));
  }

  /** A block for block `index` of a file: in the cluster of its neighbours when there is one, as bigalloc has it. */
  allocateFor(ino: number, index: number): number {
    const size = 2 ** this.#editor.superblock.clusterBits;
    const first = index - (index % size);
    for (let near = first; near < first + size; near++) {
      const disk = this.find(ino, near);
      if (disk !== 0) return disk + index - near;
    }
    return this.allocate() + (index % size);
  }

  /** Writes the trees and block counts, and marks what is used and what is free now. */
  finish(): void {
    const before: Interval[] = [];
    const after: Interval[] = [];
    for (const [ino, state] of this.#files) {
      before.push(...state.before);
      if (state.deleted) continue;
      const inode = this.#editor.liveInode(ino);
      if (inode === undefined) continue;
      if (state.changed) this.#store(inode, state);
      after.push(...this.#blocksOf(this.#editor.inode(ino)));
      if (state.counted) this.#count(ino);
    }
    const freed = subtract(
      normalize(before.map((interval) => this.#clusters(interval))),
      normalize(after.map((interval) => this.#clusters(interval))),
    );
    for (const [start, end] of freed) this.#editor.markClusters(start, end - start, false);
    const used = normalize(after.map((interval) => this.#clusters(interval)));
    for (const [start, end] of used) this.#editor.markClusters(start, end - start, true);
  }

  #state(ino: number): FileState {
    const known = this.#files.get(ino);
    if (known !== undefined) return known;
    const inode = this.#editor.liveInode(ino);
    const list =
      inode !== undefined && hasMap(inode) ? this.#list(inode) : {runs: [], metadata: new Set<number>()};
    const state: FileState = {
      before: inode === undefined ? [] : this.#blocksOf(inode),
      nodes: [...list.metadata],
      runs: list.runs,
      changed: false,
      counted: false,
      deleted: false,
    };
    this.#files.set(ino, state);
    return state;
  }

  #list(inode: Inode): BlockList {
    const list = listBlocks(this.#editor, inode);
    this.#spend(list.runs.length + list.metadata.size);
    return list;
  }

  /** Keeps a hostile image from making each of many records go through a long list. */
  #spend(work: number): void {
    this.#work -= work;
    if (this.#work < 0) throw new UnsupportedError('fast-commit-work', {limit: MAX_WORK});
  }

  #requireExtents(ino: number): void {
    const flags = viewOf(this.#editor.rawInode(ino)).getUint32(0x20, true);
    if ((flags & INODE_FLAG.extents) === 0) throw new UnsupportedError('fast-commit-block-map', {ino});
  }

  #store(inode: Inode, state: FileState): void {
    const spare = [...state.nodes];
    const {root} = storeExtents(toExtents(state.runs), {
      blockSize: this.#editor.superblock.blockSize,
      checksumSeed: this.#editor.superblock.features.metadataCsum ? inode.checksumSeed : undefined,
      allocate: () => spare.shift() ?? this.allocate(),
      write: (block, bytes) => this.#editor.overlay.write(block, bytes),
    });
    const raw = this.#editor.rawInode(inode.ino);
    raw.set(root, I_BLOCK);
    this.#editor.writeInode(inode.ino, raw);
  }

  /** Sets i_blocks as the kernel's replay does: content and nodes, extended attributes not counted. */
  #count(ino: number): void {
    const inode = this.#editor.inode(ino);
    if (hasFlag(inode, INODE_FLAG.inlineData)) return;
    const {runs, metadata} = this.#list(inode);
    let blocks = metadata.size;
    for (const run of runs) blocks += run.count;
    const {blockSize, features} = this.#editor.superblock;
    let units = (blocks * blockSize) / 512;
    let huge = 0;
    if (units >= 2 ** 48 && features.hugeFile) {
      units = blocks;
      huge = INODE_FLAG.hugeFile;
    }
    this.#editor.editInode(ino, (view) => {
      view.setUint32(0x1c, units % 2 ** 32, true);
      view.setUint16(0x74, Math.floor(units / 2 ** 32), true);
      view.setUint32(0x20, (view.getUint32(0x20, true) & ~INODE_FLAG.hugeFile) | huge, true);
    });
  }

  #blocksOf(inode: Inode): Interval[] {
    const intervals: Interval[] = [];
    if (hasMap(inode)) {
      const list = this.#list(inode);
      for (const run of list.runs) intervals.push([run.disk, run.disk + run.count]);
      for (const block of list.metadata) intervals.push([block, block + 1]);
    }
    if (inode.fileAcl !== 0 && this.#ownsXattrBlock(inode)) {
      intervals.push([inode.fileAcl, inode.fileAcl + 1]);
    }
    return intervals;
  }

  /** Whether the block of extended attributes belongs to this inode alone (h_refcount). */
  #ownsXattrBlock(inode: Inode): boolean {
    return viewOf(this.#editor.block(inode.fileAcl)).getUint32(4, true) === 1;
  }

  #clusters([start, end]: Interval): Interval {
    const {firstDataBlock, clusterBits} = this.#editor.superblock;
    const size = 2 ** clusterBits;
    return [Math.floor((start - firstDataBlock) / size), Math.ceil((end - firstDataBlock) / size)];
  }
}

/** Whether i_block holds a map of blocks. */
function hasMap(inode: Inode): boolean {
  if (hasFlag(inode, INODE_FLAG.inlineData)) return false;
  if (hasFlag(inode, INODE_FLAG.extents)) return true;
  return isType(inode, MODE_TYPE.regular) || isType(inode, MODE_TYPE.directory);
}
