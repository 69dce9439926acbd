import {viewOf} from '../../../wire/index.js';
import {crc32c, crc32cZeros} from '../../checksum.js';
import type {EntryRules} from '../../dir-block.js';
import {hashVersions, seedWords} from '../../dir-hash.js';
import {type DirHash, dirHash, HASH_VERSION} from '../../dirhash/index.js';
import {
  decodeRoot,
  isIndexBlock,
  NODE_TABLE_OFFSET,
  slotBlock,
  slotHash,
  tableCount,
} from '../../htree-block.js';
import type {Superblock} from '../../superblock.js';
import type {DirEntry} from './dir-entries.js';

/*
 * Directory indexes as they are written; how they lie in their blocks stands in htree-block.ts. Only what fits without
 * another level or another index block is done here: where more is needed, the caller gives the index up.
 */
const SLOT_SIZE = 8;
const TAIL_SIZE = 8;
const ROOT_INFO = 24;
const ROOT_TABLE = 32;

/** The last step of the way to a leaf: a block of the index and the slot that leads on. */
export interface IndexSlot {
  /** Block of the directory that holds the table. */
  readonly block: number;
  readonly bytes: Uint8Array;
  readonly table: number;
  readonly slot: number;
  readonly count: number;
  /** Block of the directory that the slot leads to. */
  readonly leaf: number;
  readonly hash: (name: Uint8Array) => number;
}

/** The hash of names under a version as on disk; undefined for one that can't be computed. */
export function hasher(superblock: Superblock, version: number): ((name: Uint8Array) => number) | undefined {
  const chosen = hashVersions(superblock, version)[0];
  if (version > HASH_VERSION.tea || chosen === undefined) return undefined;
  const seed = seedWords(superblock);
  const out: DirHash = {hash: 0, minor: 0};
  return (name) => {
    dirHash(name, chosen, seed, out);
    return out.hash;
  };
}

/** Finds the leaf for a name; undefined when the index makes no sense. @param read a block of the directory */
export function probe(
  superblock: Superblock,
  rules: EntryRules,
  read: (block: number) => Uint8Array | undefined,
  name: Uint8Array,
): IndexSlot | undefined {
  let block = 0;
  let bytes = read(0);
  if (bytes === undefined) return undefined;
  const root = decodeRoot(bytes);
  const hash = hasher(superblock, root.hashVersion);
  if (hash === undefined || root.indirectLevels > 2 || root.table !== ROOT_TABLE) return undefined;
  const wanted = hash(name);
  let table = ROOT_TABLE;
  for (let level = 0; ; level++) {
    // Ends: at most three levels.
    const count = tableCount(bytes, table, rules.checksummed, table);
    if (count === 0) return undefined;
    let slot = 0;
    while (slot + 1 < count && slotHash(bytes, table, slot + 1) <= wanted) slot++;
    const leaf = slotBlock(bytes, table, slot);
    if (level === root.indirectLevels) return {block, bytes, table, slot, count, leaf, hash};
    block = leaf;
    bytes = read(block);
    if (bytes === undefined) return undefined;
    table = NODE_TABLE_OFFSET;
  }
}

/**
 * Blocks that are nodes of the index, as the index itself tells: an empty leaf without checksums looks like a node.
 * @param blocks of the directory
 */
export function indexNodes(
  rules: EntryRules,
  read: (block: number) => Uint8Array | undefined,
  blocks: number,
): Set<number> {
  const nodes = new Set<number>();
  const seen = new Set([0]);
  const bytes = read(0);
  if (bytes === undefined) return nodes;
  const root = decodeRoot(bytes);
  let level = [{bytes, table: root.table}];
  for (let depth = 0; depth < Math.min(root.indirectLevels, 2); depth++) {
    const below: typeof level = [];
    for (const {bytes, table} of level) {
      const count = tableCount(bytes, table, rules.checksummed, table);
      for (let slot = 0; slot < count; slot++) {
        const block = slotBlock(bytes, table, slot);
        if (block >= blocks || seen.has(block)) continue;
        // Ends: no block of the directory is read twice.
        seen.add(block);
        const node = read(block);
        if (node === undefined || !isIndexBlock(node)) continue;
        nodes.add(block);
        below.push({bytes: node, table: NODE_TABLE_OFFSET});
      }
    }
    level = below;
  }
  return nodes;
}

/** Slots that fit a table. */
function limitOf(rules: EntryRules, table: number): number {
  return Math.floor((rules.blockSize - table - (rules.checksummed ? TAIL_SIZE : 0)) / SLOT_SIZE);
}

/** Whether another slot fits behind. */
export function hasRoom(rules: EntryRules, at: IndexSlot): boolean {
  return at.count < limitOf(rules, at.table);
}

/** Adds a slot behind the one found, in the bytes of its block; there must be room. */
export function insertSlot(at: IndexSlot, hash: number, block: number): void {
  const {bytes, table, slot, count} = at;
  const from = table + (slot + 1) * SLOT_SIZE;
  bytes.copyWithin(from + SLOT_SIZE, from, table + count * SLOT_SIZE);
  const view = viewOf(bytes);
  view.setUint32(from, hash, true);
  view.setUint32(from + 4, block, true);
  view.setUint16(table + 2, count + 1, true);
}

/** Writes the checksum of an index block. @param seed the directory's */
export function sealIndex(rules: EntryRules, seed: number, bytes: Uint8Array, table: number): void {
  if (!rules.checksummed) return;
  const view = viewOf(bytes);
  const tail = table + view.getUint16(table, true) * SLOT_SIZE;
  const used = table + view.getUint16(table + 2, true) * SLOT_SIZE;
  const crc = crc32cZeros(crc32c(crc32c(seed, bytes, 0, used), bytes, tail, tail + 4), 4);
  view.setUint32(tail + 4, crc, true);
}

/** A root with one leaf, block 1. @param dots the entries `.` and `..` */
export function buildRoot(
  superblock: Superblock,
  rules: EntryRules,
  dots: readonly [DirEntry, DirEntry],
): Uint8Array {
  const bytes = new Uint8Array(rules.blockSize);
  const view = viewOf(bytes);
  dots.forEach((entry, i) => {
    const at = i * 12;
    const size = i === 0 ? 12 : rules.blockSize - 12;
    view.setUint32(at, entry.ino, true);
    view.setUint16(at + 4, size, true);
    bytes[at + 6] = entry.name.length;
    bytes[at + 7] = entry.fileType;
    bytes.set(entry.name, at + 8);
  });
  bytes[ROOT_INFO + 4] = superblock.defaultHashVersion;
  bytes[ROOT_INFO + 5] = ROOT_TABLE - ROOT_INFO;
  view.setUint16(ROOT_TABLE, limitOf(rules, ROOT_TABLE), true);
  view.setUint16(ROOT_TABLE + 2, 1, true);
  view.setUint32(ROOT_TABLE + 4, 1, true);
  return bytes;
}

/** How a full leaf is divided. */
export interface Split {
  /** Entries that stay, in their order, and those that move, by rising hash. */
  readonly kept: DirEntry[];
  readonly moved: DirEntry[];
  /** Lowest hash of those that move. */
  readonly hash: number;
  /** An entry with that hash stays, which the slot has to tell. */
  readonly continued: boolean;
}

/**
 * Divides the entries of a full leaf so that about half of the block moves (do_split of fs/ext4/namei.c). Undefined
 * for fewer than two.
 */
export function splitLeaf(
  rules: EntryRules,
  entries: ReadonlyArray<DirEntry & {size: number}>,
  hash: (name: Uint8Array) => number,
): Split | undefined {
  if (entries.length < 2) return undefined;
  const sorted = entries.map((entry) => ({entry, hash: hash(entry.name)})).sort((a, b) => a.hash - b.hash);
  let size = 0;
  let at = sorted.length - 1;
  for (; at >= 0; at--) {
    const next = sorted[at]!.entry.size; // at is within the list
    if (size + Math.floor(next / 2) > rules.blockSize / 2) break;
    size += next;
  }
  // When all of it is no more than half a block, half of the entries move.
  const split = at >= 0 ? Math.min(at + 1, sorted.length - 1) : sorted.length >>> 1;
  const moved = new Set(sorted.slice(split).map(({entry}) => entry));
  return {
    kept: entries.filter((entry) => !moved.has(entry)),
    moved: [...moved],
    hash: sorted[split]!.hash, // 1 <= split < length
    continued: sorted[split]!.hash === sorted[split - 1]!.hash,
  };
}
