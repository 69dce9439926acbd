import type {DirReader} from './dir-reader.js';
import {type DirHash, HASH_VERSION} from './dirhash/index.js';
import {CorruptError} from './errors.js';
import {decodeRoot, NODE_TABLE_OFFSET, slotBlock, slotHash, tableCount} from './htree-block.js';

/** Levels of an index, the root included (EXT4_HTREE_LEVEL_COMPAT, EXT4_HTREE_LEVEL with large_dir). */
const LEVELS = 2;
const LEVELS_LARGE_DIR = 3;

/** One level of the way from the root to a leaf. */
interface Step {
  block: Uint8Array;
  table: number;
  count: number;
  slot: number;
}

/** Bytes before a node's table that count against its room (ext4_dir_rec_len(0)). */
function nodeReserved(reader: DirReader): number {
  return reader.rules.hashed ? 16 : 8;
}

/**
 * The way through a directory's index to the leaves that can hold a name with a given hash: `open` goes to the
 * first, `next` to those it continues in. Cost: one block a level, and one more for each leaf a hash is spread over.
 *
 * An index that makes no sense is not an error: names are then searched in all blocks, as the kernel does
 * (ERR_BAD_DX_DIR of dx_probe).
 */
export class HtreeWalk {
  readonly #reader: DirReader;
  readonly #steps: Step[];
  readonly #hash: number;
  #leaves = 1;

  private constructor(reader: DirReader, steps: Step[], hash: number) {
    this.#reader = reader;
    this.#steps = steps;
    this.#hash = hash;
  }

  /**
   * @param hashName computes the wanted name's hash under the version that the root names, signedness not yet
   *   chosen; false when that is not possible.
   * @returns undefined for an index that can't be used.
   * @throws CorruptError or ChecksumError when a block of it can't be read.
   */
  static open(reader: DirReader, hashName: (version: number) => DirHash | undefined): HtreeWalk | undefined {
    const {features} = reader.ctx.superblock;
    const root = reader.index(0);
    const info = decodeRoot(root);
    // A keyed hash is stored with each entry of hashed directories, and only there.
    if ((info.hashVersion === HASH_VERSION.siphash) !== reader.rules.hashed) return undefined;
    if (info.hashVersion > HASH_VERSION.tea && info.hashVersion !== HASH_VERSION.siphash) return undefined;
    if ((info.flags & 1) !== 0) return undefined;
    if (info.indirectLevels >= (features.largeDir ? LEVELS_LARGE_DIR : LEVELS)) return undefined;
    const wanted = hashName(info.hashVersion);
    if (wanted === undefined) return undefined;

    const {checksummed} = reader.rules;
    const steps: Step[] = [];
    const seen = [0];
    let block = root;
    let {table} = info;
    let reserved = table;
    // Ends: `level` runs up to 2.
    for (let level = 0; ; level++) {
      const count = tableCount(block, table, checksummed, reserved);
      if (count === 0) return undefined;
      const slot = findSlot(block, table, count, wanted.hash);
      const target = slotBlock(block, table, slot);
      if (seen.includes(target)) return undefined;
      steps.push({block, table, count, slot});
      if (level === info.indirectLevels) return new HtreeWalk(reader, steps, wanted.hash);
      seen.push(target);
      block = reader.index(target);
      table = NODE_TABLE_OFFSET;
      reserved = nodeReserved(reader);
    }
  }

  /** Number of the leaf it stands at, in blocks of the directory. */
  get leaf(): number {
    const last = this.#steps[this.#steps.length - 1]!; // `open` made at least one step
    return slotBlock(last.block, last.table, last.slot);
  }

  /**
   * Goes to the next leaf if names with this hash continue there: its slot has the same hash, with the lowest bit
   * set as a mark (ext4_htree_next_block).
   * @throws CorruptError `htree-node` for a node that makes no sense, `htree-loop` when more leaves than the directory has blocks came by.
   */
  next(): boolean {
    let depth = this.#steps.length - 1;
    let step = this.#steps[depth]!; // depth is below the length
    while (step.slot + 1 >= step.count) {
      if (depth === 0) return false;
      depth--;
      step = this.#steps[depth]!;
    }
    step.slot++;
    const start = slotHash(step.block, step.table, step.slot);
    if ((start & ~1) >>> 0 !== this.#hash) return false;
    for (depth++; depth < this.#steps.length; depth++) {
      step = this.#descend(step, this.#steps[depth]!);
    }
    if (++this.#leaves > this.#reader.blocks) {
      throw new CorruptError('htree-loop', {ino: this.#reader.dir.ino, leaves: this.#leaves});
    }
    return true;
  }

  /** Puts `step` at the first slot of the node that `parent` leads to. */
  #descend(parent: Step, step: Step): Step {
    const number = slotBlock(parent.block, parent.table, parent.slot);
    const block = this.#reader.index(number);
    const count = tableCount(
      block,
      NODE_TABLE_OFFSET,
      this.#reader.rules.checksummed,
      nodeReserved(this.#reader),
    );
    if (count === 0) throw new CorruptError('htree-node', {ino: this.#reader.dir.ino, block: number});
    step.block = block;
    step.table = NODE_TABLE_OFFSET;
    step.count = count;
    step.slot = 0;
    return step;
  }
}

/** The last slot whose hash is not above `hash`. Slots are sorted; where a damaged table is not, any slot may come. */
function findSlot(block: Uint8Array, table: number, count: number, hash: number): number {
  let low = 1;
  let high = count - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    if (slotHash(block, table, middle) > hash) high = middle - 1;
    else low = middle + 1;
  }
  return low - 1;
}
