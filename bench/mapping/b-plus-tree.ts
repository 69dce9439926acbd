import {type Columns, copyEntries, ENTRY_BYTES, newColumns, type Store, setEntry} from './store-index.js';

/** Entries of a leaf, and children of an inner node. */
const ORDER = 64;
const HALF = ORDER / 2;
const NONE = 0xffffffff;
const INNER_BYTES = ORDER * (8 + 4) + 4;
const LEAF_BYTES = ORDER * ENTRY_BYTES + 3 * 4;

/**
 * A B+tree whose nodes are packed in two arenas, leaves linked both ways. A node splits when it is full, and goes when it is empty.
 * What stands beside a child is a lower bound of its offsets, not the first of them.
 */
export class BPlusTree implements Store {
  columns: Columns = newColumns(4 * ORDER);
  count = 0;
  e = -1;
  /** Of each leaf. */
  #fill = new Uint32Array(4);
  #next = new Uint32Array(4);
  #previous = new Uint32Array(4);
  #leaves = 1;
  readonly #freeLeaves: number[] = [];
  /** Of each inner node: ORDER bounds and children. */
  #bounds = new Float64Array(4 * ORDER);
  #children = new Uint32Array(4 * ORDER);
  #width = new Uint32Array(4);
  #inner = 0;
  readonly #freeInner: number[] = [];
  #root = 0;
  /** Levels of inner nodes. */
  #height = 0;
  /** The way to the leaf of the last seek: node, and which child of it. */
  readonly #path: number[] = [];
  readonly #turns: number[] = [];
  #leaf = 0;
  #i = -1;

  constructor() {
    this.#next[0] = NONE;
    this.#previous[0] = NONE;
  }

  get bytes(): number {
    return this.#fill.length * LEAF_BYTES + this.#width.length * INNER_BYTES;
  }

  seek(offset: number): boolean {
    this.#descend(offset);
    const leaf = this.#leaf;
    const offsets = this.columns.offset;
    const base = leaf * ORDER;
    let low = base;
    let high = base + this.#fill[leaf]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (offsets[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    if (low === base && this.#previous[leaf] !== NONE) {
      // Its first entry has become shorter than the bound says: the one before the leaf it is.
      this.#leaf = this.#previous[leaf]!;
      this.#i = this.#fill[this.#leaf]! - 1;
    } else this.#i = low - base - 1;
    this.e = this.#leaf * ORDER + this.#i;
    return this.#i >= 0;
  }

  step(): boolean {
    if (this.#i + 1 < this.#fill[this.#leaf]!) this.#i++;
    else {
      const next = this.#next[this.#leaf]!;
      if (next === NONE) return false;
      this.#leaf = next;
      this.#i = 0;
    }
    this.e = this.#leaf * ORDER + this.#i;
    return true;
  }

  insertAfter(offset: number, length: number, addr: number, kind: number): void {
    // The leaf that the bounds lead to, which may be the one behind the cursor's.
    this.#descend(offset);
    let leaf = this.#leaf;
    if (this.#fill[leaf] === ORDER) {
      const right = this.#split(leaf, offset);
      if (offset >= this.columns.offset[right * ORDER]!) leaf = right;
    }
    const base = leaf * ORDER;
    const fill = this.#fill[leaf]!;
    let e = base;
    const offsets = this.columns.offset;
    let high = base + fill;
    while (e < high) {
      const middle = (e + high) >>> 1;
      if (offsets[middle]! <= offset) e = middle + 1;
      else high = middle;
    }
    copyEntries(this.columns, e, base + fill, this.columns, e + 1);
    setEntry(this.columns, e, offset, length, addr, kind);
    this.#fill[leaf] = fill + 1;
    this.count++;
    this.#leaf = leaf;
    this.#i = e - base;
    this.e = e;
  }

  removeHere(): void {
    const leaf = this.#leaf;
    const base = leaf * ORDER;
    const fill = this.#fill[leaf]!;
    const offset = this.columns.offset[this.e]!;
    copyEntries(this.columns, this.e + 1, base + fill, this.columns, this.e);
    this.#fill[leaf] = fill - 1;
    this.count--;
    if (this.#i > 0 || this.#previous[leaf] === NONE) {
      if (fill === 1 && this.#height > 0) this.#dropLeaf(leaf, offset);
      else this.#i--;
    } else {
      const previous = this.#previous[leaf]!;
      if (fill === 1) this.#dropLeaf(leaf, offset);
      this.#leaf = previous;
      this.#i = this.#fill[previous]! - 1;
    }
    this.e = this.#leaf * ORDER + this.#i;
  }

  #descend(offset: number): void {
    let node = this.#root;
    for (let level = 0; level < this.#height; level++) {
      const base = node * ORDER;
      let low = base + 1;
      let high = base + this.#width[node]!;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (this.#bounds[middle]! <= offset) low = middle + 1;
        else high = middle;
      }
      this.#path[level] = node;
      this.#turns[level] = low - base - 1;
      node = this.#children[low - 1]!;
    }
    this.#leaf = node;
  }

  /**
   * Half of a full leaf goes into a new one, which is put beside it; nothing of the last leaf where `offset` comes behind all. The path
   * leads to the leaf.
   */
  #split(leaf: number, offset: number): number {
    const right = this.#newLeaf();
    const next = this.#next[leaf]!;
    const kept = next === NONE && offset > this.columns.offset[(leaf + 1) * ORDER - 1]! ? ORDER : HALF;
    copyEntries(this.columns, leaf * ORDER + kept, (leaf + 1) * ORDER, this.columns, right * ORDER);
    this.#fill[leaf] = kept;
    this.#fill[right] = ORDER - kept;
    // The bound of an empty leaf is what comes into it.
    if (kept === ORDER) this.columns.offset[right * ORDER] = offset;
    this.#next[right] = next;
    this.#previous[right] = leaf;
    this.#next[leaf] = right;
    if (next !== NONE) this.#previous[next] = right;
    this.#insertChild(this.#height - 1, leaf, this.columns.offset[right * ORDER]!, right);
    return right;
  }

  #insertChild(level: number, left: number, bound: number, right: number): void {
    if (level < 0) {
      const root = this.#newInner();
      this.#bounds[root * ORDER] = -Infinity;
      this.#bounds[root * ORDER + 1] = bound;
      this.#children[root * ORDER] = left;
      this.#children[root * ORDER + 1] = right;
      this.#width[root] = 2;
      this.#root = root;
      this.#height++;
      return;
    }
    let node = this.#path[level]!;
    let turn = this.#turns[level]! + 1;
    if (this.#width[node] === ORDER) {
      const sibling = this.#newInner();
      const from = node * ORDER + HALF;
      this.#bounds.copyWithin(sibling * ORDER, from, from + HALF);
      this.#children.copyWithin(sibling * ORDER, from, from + HALF);
      this.#width[node] = HALF;
      this.#width[sibling] = HALF;
      this.#insertChild(level - 1, node, this.#bounds[sibling * ORDER]!, sibling);
      if (turn > HALF) {
        node = sibling;
        turn -= HALF;
      }
    }
    const at = node * ORDER + turn;
    const end = node * ORDER + this.#width[node]!;
    this.#bounds.copyWithin(at + 1, at, end);
    this.#children.copyWithin(at + 1, at, end);
    this.#bounds[at] = bound;
    this.#children[at] = right;
    this.#width[node] = this.#width[node]! + 1;
  }

  /** Takes an empty leaf out, and each node above it that becomes empty. @param offset of its last entry */
  #dropLeaf(leaf: number, offset: number): void {
    this.#descend(offset);
    const next = this.#next[leaf]!;
    const previous = this.#previous[leaf]!;
    if (next !== NONE) this.#previous[next] = previous;
    if (previous !== NONE) this.#next[previous] = next;
    this.#freeLeaves.push(leaf);
    for (let level = this.#height - 1; level >= 0; level--) {
      const node = this.#path[level]!;
      const at = node * ORDER + this.#turns[level]!;
      const end = node * ORDER + this.#width[node]!;
      const width = this.#width[node]! - 1;
      this.#bounds.copyWithin(at, at + 1, end);
      this.#children.copyWithin(at, at + 1, end);
      this.#width[node] = width;
      if (width > 0) break;
      this.#freeInner.push(node);
      if (level === 0) throw new Error('the root is empty');
    }
    while (this.#height > 0 && this.#width[this.#root] === 1) {
      this.#freeInner.push(this.#root);
      this.#root = this.#children[this.#root * ORDER]!;
      this.#height--;
    }
    this.#leaf = next !== NONE && previous === NONE ? next : previous;
    this.#i = previous === NONE ? -1 : this.#fill[previous]! - 1;
  }

  #newLeaf(): number {
    const free = this.#freeLeaves.pop();
    if (free !== undefined) return free;
    if (this.#leaves === this.#fill.length) {
      const capacity = Math.ceil(this.#leaves * 1.5);
      const columns = newColumns(capacity * ORDER);
      copyEntries(this.columns, 0, this.#leaves * ORDER, columns, 0);
      this.columns = columns;
      this.#fill = grown(this.#fill, capacity);
      this.#next = grown(this.#next, capacity);
      this.#previous = grown(this.#previous, capacity);
    }
    return this.#leaves++;
  }

  #newInner(): number {
    const free = this.#freeInner.pop();
    if (free !== undefined) return free;
    if (this.#inner === this.#width.length) {
      const capacity = Math.ceil(this.#inner * 1.5);
      const bounds = new Float64Array(capacity * ORDER);
      bounds.set(this.#bounds);
      this.#bounds = bounds;
      this.#children = grown(this.#children, capacity * ORDER);
      this.#width = grown(this.#width, capacity);
    }
    return this.#inner++;
  }
}

function grown(from: Uint32Array, capacity: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(capacity);
  larger.set(from);
  return larger;
}
