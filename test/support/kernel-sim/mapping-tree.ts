import {covers, endOf, type Mapping} from './mapping.js';

/** What one record counts for the limit of a tree, bytes. */
export const RECORD_SIZE = 32;

/** One of the two trees of an inode's mapping cache: records in order, none overlapping another. */
export class MappingTree {
  #records: Mapping[] = [];

  get size(): number {
    return this.#records.length;
  }

  /** Bytes that count for the limit. */
  get bytes(): number {
    return this.#records.length * RECORD_SIZE;
  }

  records(): readonly Mapping[] {
    return this.#records;
  }

  /** The record that covers a position. */
  find(pos: bigint): Mapping | undefined {
    const record = this.#records[this.#firstEndingAfter(pos)];
    return record !== undefined && covers(record, pos) ? record : undefined;
  }

  /** Removes what lies in a range; records that reach out of it are cut. */
  remove(start: bigint, end: bigint): void {
    if (start >= end) return;
    const first = this.#firstEndingAfter(start);
    let last = first;
    while (last < this.#records.length && this.#records[last]!.offset < end) last++;
    const kept: Mapping[] = [];
    for (const record of this.#records.slice(first, last)) {
      if (record.offset < start) kept.push(part(record, record.offset, start));
      if (endOf(record) > end) kept.push(part(record, end, endOf(record)));
    }
    this.#records.splice(first, last - first, ...kept);
  }

  /**
   * Puts a record in the place of what overlaps it, and joins it with neighbours that it continues. A tree that would grow beyond
   * `limit` bytes is emptied before. Returns whether it was.
   */
  upsert(mapping: Mapping, limit: number): boolean {
    this.remove(mapping.offset, endOf(mapping));
    const full = this.bytes + RECORD_SIZE > limit;
    if (full) this.clear();
    const at = this.#firstEndingAfter(mapping.offset);
    const before = this.#records[at - 1];
    const after = this.#records[at];
    let joined = mapping;
    let first = at;
    let removed = 0;
    if (before !== undefined && continues(before, mapping)) {
      joined = {...before, length: before.length + mapping.length};
      first--;
      removed++;
    }
    if (after !== undefined && continues(joined, after)) {
      joined = {...joined, length: joined.length + after.length};
      removed++;
    }
    this.#records.splice(first, removed, joined);
    return full;
  }

  clear(): void {
    this.#records = [];
  }

  /** Index of the first record that ends after a position; the number of records when none does. */
  #firstEndingAfter(pos: bigint): number {
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (endOf(this.#records[middle]!) <= pos) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const MAPPED_TYPES: ReadonlySet<number> = new Set([2, 3]);

function part(record: Mapping, start: bigint, end: bigint): Mapping {
  const addr = MAPPED_TYPES.has(record.type) ? record.addr + (start - record.offset) : record.addr;
  return {...record, offset: start, length: end - start, addr};
}

function continues(first: Mapping, second: Mapping): boolean {
  return (
    endOf(first) === second.offset &&
    first.type === second.type &&
    first.flags === second.flags &&
    first.dev === second.dev &&
    (!MAPPED_TYPES.has(first.type) || first.addr + first.length === second.addr)
  );
}
