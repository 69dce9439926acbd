import {ChunkList} from './chunk-list.js';
import type {MappingFields} from './mapping.js';
import {addrAt, goesOn, packKind, unpackKind} from './mapping-kind.js';
import {newUsage, USED} from './mapping-usage.js';

/**
 * Mappings of many files. Ranges of a file never overlap, and neighbours that are one mapping in truth are held as one. Files are
 * small numbers that the caller gives.
 */
export class MappingIndex {
  readonly list = new ChunkList();
  /** Mappings of each file. */
  #counts = new Uint32Array(16);
  #count = 0;
  /** What was found or put in last: used in a row, it is used once. */
  #lastFile = 0;
  #lastOffset = -1;

  /** Mappings held. */
  get count(): number {
    return this.#count;
  }

  /** Bytes allocated. */
  get bytes(): number {
    return this.list.bytes + this.#counts.byteLength;
  }

  /** Mappings held of a file. */
  countOf(file: number): number {
    return this.#counts[file] ?? 0;
  }

  /** Fills `out` with the mapping that covers a position, and notes that it is used; false when none is held. */
  find(file: number, position: number, out: MappingFields): boolean {
    const {list} = this;
    list.seek(file, position);
    if (list.i < 0) return false;
    const slab = list.slab(list.at);
    const e = list.base(list.at) + list.i;
    const offset = slab.offset[e]!;
    const length = slab.length[e]!;
    if (slab.file[e] !== file || position - offset >= length) return false;
    if (offset !== this.#lastOffset || file !== this.#lastFile) {
      slab.usage[e] = slab.usage[e]! | USED;
      this.#lastFile = file;
      this.#lastOffset = offset;
    }
    out.offset = offset;
    out.length = length;
    out.addr = slab.addr[e]!;
    unpackKind(slab.kind[e]!, out);
    return true;
  }

  /**
   * Holds a mapping; what was held of its range is no longer.
   * @param mapping `isPackable` says yes. @param cost see `newUsage`
   */
  insert(file: number, mapping: Readonly<MappingFields>, cost: number): void {
    const {list} = this;
    const {offset, length, addr} = mapping;
    const end = offset + length;
    const kind = packKind(mapping);
    list.seek(file, offset);
    if (this.#holds(file, offset, end, addr, kind)) return;
    if (this.#clears(file, offset, end)) list.seek(file, offset);
    let {at, i} = list;
    let joined = false;
    if (i >= 0) {
      const slab = list.slab(at);
      const e = list.base(at) + i;
      const before = slab.length[e]!;
      if (
        slab.file[e] === file &&
        slab.kind[e] === kind &&
        slab.offset[e]! + before === offset &&
        goesOn(kind, slab.addr[e]!, before, addr)
      ) {
        slab.length[e] = before + length;
        joined = true;
      }
    }
    i++;
    if (list.chunks > 0 && i === list.count(at)) {
      at++;
      i = 0;
    }
    if (at < list.chunks) {
      const slab = list.slab(at);
      const e = list.base(at) + i;
      if (
        slab.file[e] === file &&
        slab.kind[e] === kind &&
        slab.offset[e] === end &&
        goesOn(kind, addr, length, slab.addr[e]!)
      ) {
        if (joined) {
          const previous = list.slab(list.at);
          const p = list.base(list.at) + list.i;
          previous.length[p] = previous.length[p]! + slab.length[e]!;
          this.#drop(file, at, i);
        } else {
          slab.offset[e] = offset;
          slab.length[e] = slab.length[e]! + length;
          slab.addr[e] = addr;
          if (i === 0) list.rekey(at);
        }
        return;
      }
    }
    if (!joined) this.#put(list.at, list.i + 1, file, offset, length, addr, kind, newUsage(length, cost));
  }

  /** Holds nothing of a range any more. @param end may be Infinity. @returns how many mappings were dropped or made shorter */
  remove(file: number, start: number, end: number): number {
    const {list} = this;
    if (this.countOf(file) === 0 || !(start < end)) return 0;
    list.seek(file, start);
    let {at, i} = list;
    let touched = 0;
    if (i < 0) i = 0;
    else {
      const slab = list.slab(at);
      const e = list.base(at) + i;
      const from = slab.offset[e]!;
      const until = from + slab.length[e]!;
      if (slab.file[e] !== file || from < start) i++;
      if (slab.file[e] === file && from < start && until > start) {
        touched++;
        slab.length[e] = start - from;
        if (until > end) {
          const addr = addrAt(slab.addr[e]!, end - from);
          this.#put(at, i, file, end, until - end, addr, slab.kind[e]!, slab.usage[e]!);
          return touched;
        }
      }
    }
    const first = at;
    let emptied = 0;
    for (; at < list.chunks; at++, i = 0) {
      const slab = list.slab(at);
      const base = list.base(at);
      const count = list.count(at);
      let j = i;
      while (
        j < count &&
        slab.file[base + j] === file &&
        slab.offset[base + j]! + slab.length[base + j]! <= end
      )
        j++;
      touched += j - i;
      this.#tally(file, i - j);
      if (i === 0 && j === count) {
        emptied++;
        continue;
      }
      if (j < count && slab.file[base + j] === file && slab.offset[base + j]! < end) {
        const cut = end - slab.offset[base + j]!;
        touched++;
        slab.offset[base + j] = end;
        slab.length[base + j] = slab.length[base + j]! - cut;
        slab.addr[base + j] = addrAt(slab.addr[base + j]!, cut);
        if (j === 0) list.rekey(at);
      }
      list.cut(at, i, j);
      if (j < count) break;
    }
    if (emptied > 0) list.remove(at - emptied, at);
    if (touched > 0) {
      list.tidy(at - emptied);
      list.tidy(first);
    }
    return touched;
  }

  /**
   * Shows the mappings of a file in order, from the one on that covers `from` or is the next, until `visit` gives false. Nothing may be
   * changed meanwhile.
   * @param out filled for each
   */
  each(file: number, from: number, out: MappingFields, visit: () => boolean): void {
    const {list} = this;
    if (this.countOf(file) === 0) return;
    list.seek(file, from);
    let i = Math.max(list.i, 0);
    for (let at = list.at; at < list.chunks; at++, i = 0) {
      const slab = list.slab(at);
      const base = list.base(at);
      for (; i < list.count(at); i++) {
        const e = base + i;
        const owner = slab.file[e]!;
        if (owner > file) return;
        if (owner < file || slab.offset[e]! + slab.length[e]! <= from) continue;
        out.offset = slab.offset[e]!;
        out.length = slab.length[e]!;
        out.addr = slab.addr[e]!;
        unpackKind(slab.kind[e]!, out);
        if (!visit()) return;
      }
    }
  }

  /** Counts entries that the sweep took out by itself. */
  swept(file: number): void {
    this.#tally(file, -1);
  }

  /** Whether just this is held already, perhaps as a part of more. */
  #holds(file: number, offset: number, end: number, addr: number, kind: number): boolean {
    const {list} = this;
    if (list.i < 0) return false;
    const slab = list.slab(list.at);
    const e = list.base(list.at) + list.i;
    const from = slab.offset[e]!;
    if (slab.file[e] !== file || slab.kind[e] !== kind || from + slab.length[e]! < end) return false;
    return addrAt(slab.addr[e]!, offset - from) === addr;
  }

  /** Removes what is held of a range, where the search has ended before it; whether there was anything. */
  #clears(file: number, offset: number, end: number): boolean {
    const {list} = this;
    if (list.chunks === 0) return false;
    let {at, i} = list;
    if (i >= 0) {
      const slab = list.slab(at);
      const e = list.base(at) + i;
      if (slab.file[e] === file && slab.offset[e]! + slab.length[e]! > offset) {
        return this.remove(file, offset, end) > 0;
      }
    }
    i++;
    if (i === list.count(at)) {
      at++;
      i = 0;
    }
    if (at === list.chunks) return false;
    const e = list.base(at) + i;
    const slab = list.slab(at);
    return slab.file[e] === file && slab.offset[e]! < end && this.remove(file, offset, end) > 0;
  }

  #put(
    at: number,
    i: number,
    file: number,
    offset: number,
    length: number,
    addr: number,
    kind: number,
    usage: number,
  ): void {
    const {list} = this;
    list.open(at, i, file, offset);
    const slab = list.slab(list.at);
    const e = list.base(list.at) + list.i;
    slab.length[e] = length;
    slab.addr[e] = addr;
    slab.kind[e] = kind;
    slab.usage[e] = usage;
    this.#lastFile = file;
    this.#lastOffset = offset;
    this.#tally(file, 1);
  }

  #drop(file: number, at: number, i: number): void {
    const {list} = this;
    this.#tally(file, -1);
    if (list.count(at) === 1) list.remove(at, at + 1);
    else {
      list.cut(at, i, i + 1);
      list.tidy(at);
    }
  }

  #tally(file: number, change: number): void {
    if (file >= this.#counts.length) {
      const counts = new Uint32Array(Math.max(file + 1, this.#counts.length * 2));
      counts.set(this.#counts);
      this.#counts = counts;
    }
    this.#counts[file] = this.#counts[file]! + change;
    this.#count += change;
  }
}
