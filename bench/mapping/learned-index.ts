import {type Columns, copyEntries, ENTRY_BYTES, type Store, setEntry} from './store-index.js';

/** How far from its predicted place an entry may be when a model is made. */
const ERROR = 32;
/** Changes that a model bears; each makes the search one entry wider. */
const CHANGES = 32;
/** Entries of one model: what an insert moves at most. */
const MOST = 4096;
/** A segment with fewer takes in the next one when its model is made anew. */
const FEW = 256;
/** Of a segment beside its entries: an object, a buffer with four views on it, and its place in the directory. */
const SEGMENT_BYTES = 560;

/** Entries whose places are a line over their offsets, roughly. */
interface Segment {
  columns: Columns;
  fill: number;
  /** The line: place 0 is at `first`. */
  first: number;
  slope: number;
  changes: number;
}

function allocate(capacity: number): Columns {
  const memory = new ArrayBuffer(capacity * ENTRY_BYTES);
  return {
    offset: new Float64Array(memory, 0, capacity),
    length: new Float64Array(memory, 8 * capacity, capacity),
    addr: new Float64Array(memory, 16 * capacity, capacity),
    kind: new Uint32Array(memory, 24 * capacity, capacity),
  };
}

function roomFor(fill: number): number {
  return fill + (fill >>> 3) + 8;
}

/**
 * A learned index as in FITing-tree and PGM: the offsets are cut into segments in which a straight line predicts each place to within
 * ERROR (a shrinking cone finds them in one pass), so a search looks at few entries only. Inserts move entries within their segment;
 * a model is made anew when it has borne CHANGES, or when what is appended leaves its line.
 */
export class LearnedIndex implements Store {
  count = 0;
  columns: Columns = allocate(8);
  e = -1;
  /** Lower bounds of the segments' offsets, but for the first. */
  #bounds = new Float64Array(16);
  readonly #segments: Segment[] = [{columns: this.columns, fill: 0, first: 0, slope: 0, changes: 0}];
  #at = 0;
  #capacity = 8;

  get bytes(): number {
    return this.#capacity * ENTRY_BYTES + this.#segments.length * SEGMENT_BYTES + this.#bounds.byteLength;
  }

  /** Models made. */
  get segments(): number {
    return this.#segments.length;
  }

  seek(offset: number): boolean {
    const bounds = this.#bounds;
    let low = 1;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (bounds[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    let at = low - 1;
    let segment = this.#segments[at]!;
    let e = search(segment, offset);
    if (e < 0 && at > 0) {
      segment = this.#segments[--at]!;
      e = segment.fill - 1;
    }
    this.#at = at;
    this.columns = segment.columns;
    this.e = e;
    return e >= 0;
  }

  step(): boolean {
    if (this.e + 1 < this.#segments[this.#at]!.fill) this.e++;
    else {
      const next = this.#segments[this.#at + 1];
      if (next === undefined) return false;
      this.#at++;
      this.columns = next.columns;
      this.e = 0;
    }
    return true;
  }

  insertAfter(offset: number, length: number, addr: number, kind: number): void {
    // The segment that the bounds lead to: behind the cursor's where the entry is its first.
    if (this.#at + 1 < this.#segments.length && offset >= this.#bounds[this.#at + 1]!) {
      this.#at++;
      this.e = -1;
    }
    const segment = this.#segments[this.#at]!;
    const at = this.e + 1;
    const appended = at === segment.fill && this.#at === this.#segments.length - 1;
    if (segment.fill === segment.columns.offset.length) this.#resize(segment, roomFor(segment.fill + 1));
    copyEntries(segment.columns, at, segment.fill, segment.columns, at + 1);
    setEntry(segment.columns, at, offset, length, addr, kind);
    segment.fill++;
    this.count++;
    if (segment.fill === 1) Object.assign(segment, {first: offset, slope: 0, changes: 0});
    const fits = appended && Math.abs((offset - segment.first) * segment.slope - at) <= ERROR;
    if (!fits) segment.changes++;
    this.columns = segment.columns;
    this.e = at;
    if (segment.changes > CHANGES || segment.fill > MOST || (appended && !fits)) {
      this.#remake(this.#at);
      this.seek(offset);
    }
  }

  removeHere(): void {
    const segment = this.#segments[this.#at]!;
    const offset = segment.columns.offset[this.e]!;
    copyEntries(segment.columns, this.e + 1, segment.fill, segment.columns, this.e);
    segment.fill--;
    segment.changes++;
    this.count--;
    if (segment.fill === 0 && this.#segments.length > 1) this.#replace(this.#at, 1, []);
    else if (segment.changes > CHANGES && segment.fill > 0) this.#remake(this.#at);
    this.seek(offset);
  }

  /** Makes models anew for a segment's entries, and for the next one's with them where that is worth it. */
  #remake(at: number): void {
    const segment = this.#segments[at]!;
    let {columns, fill} = segment;
    let replaced = 1;
    const next = this.#segments[at + 1];
    if (fill < FEW && next !== undefined && next.fill < MOST / 4) {
      const both = allocate(fill + next.fill);
      copyEntries(columns, 0, fill, both, 0);
      copyEntries(next.columns, 0, next.fill, both, fill);
      columns = both;
      fill += next.fill;
      replaced = 2;
    }
    const made: Segment[] = [];
    const most = fill > MOST ? Math.ceil(fill / 2) : fill;
    for (let from = 0; from < fill; ) {
      const line = coneFrom(columns.offset, from, Math.min(fill, from + most));
      const count = line.end - from;
      const own = allocate(roomFor(count));
      copyEntries(columns, from, line.end, own, 0);
      made.push({columns: own, fill: count, first: columns.offset[from]!, slope: line.slope, changes: 0});
      from = line.end;
    }
    this.#replace(at, replaced, made);
  }

  #replace(at: number, count: number, made: Segment[]): void {
    for (const gone of this.#segments.splice(at, count, ...made))
      this.#capacity -= gone.columns.offset.length;
    for (const each of made) this.#capacity += each.columns.offset.length;
    const size = this.#segments.length;
    if (size > this.#bounds.length) {
      const larger = new Float64Array(Math.ceil(size * 1.5));
      larger.set(this.#bounds);
      this.#bounds = larger;
    }
    this.#bounds.copyWithin(at + made.length, at + count);
    // The lowest that leads to the first of them stays as it was: entries below its offset may still come.
    for (let i = 0; i < made.length; i++) if (i > 0) this.#bounds[at + i] = made[i]!.first;
  }

  #resize(segment: Segment, capacity: number): void {
    const larger = allocate(capacity);
    copyEntries(segment.columns, 0, segment.fill, larger, 0);
    this.#capacity += capacity - segment.columns.offset.length;
    segment.columns = larger;
  }
}

/** The last entry of a segment that begins at or before an offset; -1 when there is none. */
function search({columns, fill, first, slope, changes}: Segment, offset: number): number {
  // Entries before the first and behind the last that the line was made for are as few as the changes.
  const place = Math.max(0, Math.min(fill, (offset - first) * slope));
  const error = ERROR + changes + 2;
  let low = Math.max(0, Math.min(fill, Math.floor(place - error)));
  let high = Math.max(low, Math.min(fill, Math.ceil(place + error)));
  const offsets = columns.offset;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (offsets[middle]! <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** How far a line goes from the entry `from` on that misses none by more than ERROR, and its slope. */
function coneFrom(offsets: Float64Array, from: number, end: number): {end: number; slope: number} {
  const first = offsets[from]!;
  let least = 0;
  let most = Infinity;
  let at = from + 1;
  for (; at < end; at++) {
    const distance = offsets[at]! - first;
    const low = Math.max(least, (at - from - ERROR) / distance);
    const high = Math.min(most, (at - from + ERROR) / distance);
    if (low > high) break;
    least = low;
    most = high;
  }
  return {end: at, slope: most === Infinity ? 0 : (least + most) / 2};
}
