import {viewOf} from '../../../wire/index.js';
import {crc32c} from '../../checksum.js';
import {UnsupportedError} from '../../errors.js';
import {EXTENT_ENTRY_SIZE, EXTENT_MAGIC, MAX_WRITTEN_LENGTH, type Run} from '../block-list.js';

/** Where struct ext4_inode has i_block. */
export const I_BLOCK = 0x28;
export const I_BLOCK_SIZE = 60;
const ROOT_ENTRIES = 4;
const MAX_FILE_BLOCK = 2 ** 32;

/** The list without `count` blocks of the file from `first` on. */
export function removeRange(runs: readonly Run[], first: number, count: number): Run[] {
  const end = Math.min(first + count, MAX_FILE_BLOCK);
  const kept: Run[] = [];
  for (const run of runs) {
    const runEnd = run.first + run.count;
    if (runEnd <= first || run.first >= end) {
      kept.push(run);
      continue;
    }
    if (run.first < first) kept.push({...run, count: first - run.first});
    if (runEnd > end) {
      kept.push({...run, first: end, disk: run.disk + end - run.first, count: runEnd - end});
    }
  }
  return kept;
}

/** The list with a range that takes the place of what was there. */
export function addRange(runs: readonly Run[], added: Run): Run[] {
  const list = removeRange(runs, added.first, added.count);
  const index = list.findIndex((run) => run.first > added.first);
  list.splice(index < 0 ? list.length : index, 0, {...added});
  return list;
}

/** The list as extents: neighbours joined, none longer than an extent can be. */
export function toExtents(runs: readonly Run[]): Run[] {
  const extents: Run[] = [];
  for (const run of runs) {
    const last = extents.at(-1);
    if (
      last !== undefined &&
      last.first + last.count === run.first &&
      last.disk + last.count === run.disk &&
      last.unwritten === run.unwritten
    ) {
      last.count += run.count;
    } else {
      extents.push({...run});
    }
  }
  return extents.flatMap(splitLong);
}

function splitLong(run: Run): Run[] {
  const limit = run.unwritten ? MAX_WRITTEN_LENGTH - 1 : MAX_WRITTEN_LENGTH;
  const parts: Run[] = [];
  for (let done = 0; done < run.count; done += limit) {
    const count = Math.min(limit, run.count - done);
    parts.push({...run, first: run.first + done, disk: run.disk + done, count});
  }
  return parts;
}

/** Somewhere to put the nodes of an extent tree. */
export interface NodeStore {
  readonly blockSize: number;
  /** Start of the checksums of this file's blocks, undefined without them. */
  readonly checksumSeed: number | undefined;
  allocate(): number;
  write(block: number, bytes: Uint8Array): void;
}

/** Writes an extent tree. @returns what belongs into i_block, and the blocks of the nodes */
export function storeExtents(extents: readonly Run[], store: NodeStore): {root: Uint8Array; nodes: number[]} {
  const nodes: number[] = [];
  // Three header fields and a checksum leave this many entries in a block.
  const perNode = Math.floor(store.blockSize / EXTENT_ENTRY_SIZE) - 1;
  let level = 0;
  let entries = extents.map((run) => ({first: run.first, bytes: extentBytes(run)}));
  while (entries.length > ROOT_ENTRIES) {
    // Ends: each level has at most one entry for 84 of the level below.
    if (level === 5) throw new UnsupportedError('extent-tree-large', {entries: extents.length});
    const parents: typeof entries = [];
    for (let at = 0; at < entries.length; at += perNode) {
      const part = entries.slice(at, at + perNode);
      const bytes = new Uint8Array(store.blockSize);
      fillNode(bytes, part, perNode, level);
      const tail = (perNode + 1) * EXTENT_ENTRY_SIZE;
      if (store.checksumSeed !== undefined) {
        viewOf(bytes).setUint32(tail, crc32c(store.checksumSeed, bytes, 0, tail), true);
      }
      const block = store.allocate();
      nodes.push(block);
      store.write(block, bytes);
      const first = part[0]!.first; // no part is empty
      parents.push({first, bytes: indexBytes(first, block)});
    }
    entries = parents;
    level++;
  }
  const root = new Uint8Array(I_BLOCK_SIZE);
  fillNode(root, entries, ROOT_ENTRIES, level);
  return {root, nodes};
}

function fillNode(
  node: Uint8Array,
  entries: ReadonlyArray<{bytes: Uint8Array}>,
  capacity: number,
  level: number,
): void {
  const view = viewOf(node);
  view.setUint16(0, EXTENT_MAGIC, true);
  view.setUint16(2, entries.length, true);
  view.setUint16(4, capacity, true);
  view.setUint16(6, level, true);
  entries.forEach((entry, i) => {
    node.set(entry.bytes, (i + 1) * EXTENT_ENTRY_SIZE);
  });
}

function extentBytes(run: Run): Uint8Array {
  const bytes = new Uint8Array(EXTENT_ENTRY_SIZE);
  const view = viewOf(bytes);
  view.setUint32(0, run.first, true);
  view.setUint16(4, run.unwritten ? run.count + MAX_WRITTEN_LENGTH : run.count, true);
  view.setUint16(6, Math.floor(run.disk / 2 ** 32), true);
  view.setUint32(8, run.disk % 2 ** 32, true);
  return bytes;
}

function indexBytes(first: number, block: number): Uint8Array {
  const bytes = new Uint8Array(EXTENT_ENTRY_SIZE);
  const view = viewOf(bytes);
  view.setUint32(0, first, true);
  view.setUint32(4, block % 2 ** 32, true);
  view.setUint16(8, Math.floor(block / 2 ** 32), true);
  return bytes;
}

/** Makes i_block an extent tree without extents. @param view a whole inode */
export function emptyTree(view: DataView): void {
  for (let at = 0; at < I_BLOCK_SIZE; at += 4) view.setUint32(I_BLOCK + at, 0, true);
  view.setUint16(I_BLOCK, EXTENT_MAGIC, true);
  view.setUint16(I_BLOCK + 4, ROOT_ENTRIES, true);
}
