import type {MappingFields} from '../../src/iomap/mapping.js';
import {addrAt, goesOn, packKind, unpackKind} from '../../src/iomap/mapping-kind.js';
import type {RangeIndex} from '../../test/support/mapping-model.js';

/** Entries side by side. */
export interface Columns {
  offset: Float64Array;
  length: Float64Array;
  addr: Float64Array;
  kind: Uint32Array;
}

/** Bytes of an entry in columns. */
export const ENTRY_BYTES = 28;

export function newColumns(capacity: number): Columns {
  return {
    offset: new Float64Array(capacity),
    length: new Float64Array(capacity),
    addr: new Float64Array(capacity),
    kind: new Uint32Array(capacity),
  };
}

/** Copies entries from one place to another; ranges may overlap. */
export function copyEntries(from: Columns, at: number, end: number, into: Columns, to: number): void {
  if (from === into) {
    into.offset.copyWithin(to, at, end);
    into.length.copyWithin(to, at, end);
    into.addr.copyWithin(to, at, end);
    into.kind.copyWithin(to, at, end);
    return;
  }
  into.offset.set(from.offset.subarray(at, end), to);
  into.length.set(from.length.subarray(at, end), to);
  into.addr.set(from.addr.subarray(at, end), to);
  into.kind.set(from.kind.subarray(at, end), to);
}

export function setEntry(
  columns: Columns,
  e: number,
  offset: number,
  length: number,
  addr: number,
  kind: number,
): void {
  columns.offset[e] = offset;
  columns.length[e] = length;
  columns.addr[e] = addr;
  columns.kind[e] = kind;
}

/** Entries in the order of their offsets, with a cursor. What the contenders differ in. */
export interface Store {
  readonly count: number;
  /** Bytes allocated. */
  readonly bytes: number;
  /** Where the cursor's entry is found. */
  readonly columns: Columns;
  readonly e: number;
  /** Sets the cursor to the last entry that begins at or before `offset`; false, and the cursor before the first, when there is none. */
  seek(offset: number): boolean;
  /** The cursor goes on by one; false, and the cursor stays, at the end. */
  step(): boolean;
  /** Puts an entry right behind the cursor, which then stands on it. */
  insertAfter(offset: number, length: number, addr: number, kind: number): void;
  /** Takes out the cursor's entry; the cursor goes back by one. */
  removeHere(): void;
}

/** What an index of mappings does, on any store: the same rules as the product's, so that the stores alone are compared. */
export class StoreIndex implements RangeIndex {
  readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  get count(): number {
    return this.store.count;
  }

  get bytes(): number {
    return this.store.bytes;
  }

  find(position: number, out: MappingFields): boolean {
    const {store} = this;
    if (!store.seek(position)) return false;
    const {columns, e} = store;
    const offset = columns.offset[e]!;
    const length = columns.length[e]!;
    if (position - offset >= length) return false;
    out.offset = offset;
    out.length = length;
    out.addr = columns.addr[e]!;
    unpackKind(columns.kind[e]!, out);
    return true;
  }

  insert(mapping: Readonly<MappingFields>): void {
    const {store} = this;
    const {offset, addr} = mapping;
    let {length} = mapping;
    const end = offset + length;
    const kind = packKind(mapping);
    let before = store.seek(offset);
    const reaches = before && store.columns.offset[store.e]! + store.columns.length[store.e]! > offset;
    if (reaches || this.#nextBegins() < end) {
      this.remove(offset, end);
      before = store.seek(offset);
    } else store.seek(offset);
    let joined = false;
    if (before) {
      const {columns, e} = store;
      const held = columns.length[e]!;
      joined =
        columns.kind[e] === kind &&
        columns.offset[e]! + held === offset &&
        goesOn(kind, columns.addr[e]!, held, addr);
      if (joined) columns.length[e] = held + length;
    }
    if (store.step()) {
      const {columns, e} = store;
      if (
        columns.kind[e] === kind &&
        columns.offset[e] === end &&
        goesOn(kind, addr, length, columns.addr[e]!)
      ) {
        const more = columns.length[e]!;
        store.removeHere();
        if (joined) store.columns.length[store.e] = store.columns.length[store.e]! + more;
        length += more;
      } else if (!joined) store.seek(offset);
    }
    if (!joined) store.insertAfter(offset, length, addr, kind);
  }

  remove(start: number, end: number): void {
    const {store} = this;
    if (store.seek(start - 1)) {
      const {columns, e} = store;
      const from = columns.offset[e]!;
      const until = from + columns.length[e]!;
      if (until > start) {
        columns.length[e] = start - from;
        if (until > end) {
          store.insertAfter(end, until - end, addrAt(columns.addr[e]!, end - from), columns.kind[e]!);
          return;
        }
      }
    }
    while (store.step()) {
      const {columns, e} = store;
      const from = columns.offset[e]!;
      if (from >= end) return;
      const until = from + columns.length[e]!;
      if (until > end) {
        setEntry(columns, e, end, until - end, addrAt(columns.addr[e]!, end - from), columns.kind[e]!);
        return;
      }
      store.removeHere();
    }
  }

  each(from: number, out: MappingFields, visit: () => boolean): void {
    const {store} = this;
    let more = store.seek(from) || store.step();
    for (; more; more = store.step()) {
      const {columns, e} = store;
      if (columns.offset[e]! + columns.length[e]! <= from) continue;
      out.offset = columns.offset[e]!;
      out.length = columns.length[e]!;
      out.addr = columns.addr[e]!;
      unpackKind(columns.kind[e]!, out);
      if (!visit()) return;
    }
  }

  #nextBegins(): number {
    return this.store.step() ? this.store.columns.offset[this.store.e]! : Infinity;
  }
}
