import {type Columns, copyEntries, ENTRY_BYTES, newColumns, type Store, setEntry} from './store-index.js';

const LEAST = 16;

/** All entries in one array, found by halving; each insert moves what follows. Grows by half. */
export class SortedArray implements Store {
  columns: Columns = newColumns(LEAST);
  count = 0;
  e = -1;

  get bytes(): number {
    return this.columns.offset.length * ENTRY_BYTES;
  }

  seek(offset: number): boolean {
    const offsets = this.columns.offset;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (offsets[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    this.e = low - 1;
    return low > 0;
  }

  step(): boolean {
    if (this.e + 1 >= this.count) return false;
    this.e++;
    return true;
  }

  insertAfter(offset: number, length: number, addr: number, kind: number): void {
    if (this.count === this.columns.offset.length) {
      const larger = newColumns(Math.ceil(this.count * 1.5));
      copyEntries(this.columns, 0, this.count, larger, 0);
      this.columns = larger;
    }
    this.e++;
    copyEntries(this.columns, this.e, this.count++, this.columns, this.e + 1);
    setEntry(this.columns, this.e, offset, length, addr, kind);
  }

  removeHere(): void {
    copyEntries(this.columns, this.e + 1, this.count--, this.columns, this.e);
    this.e--;
  }
}
