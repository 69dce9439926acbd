/** A piece of the page cache: a page, or a block of the file system where that is larger. State is kept by block. */
export interface Folio {
  /** Position in the file, bytes. */
  readonly pos: number;
  readonly data: Uint8Array;
  /** By block: 1 where the data are valid, or were changed and not written back. */
  readonly uptodate: Uint8Array;
  readonly dirty: Uint8Array;
}

const PAGE = 4096;

/** The cached data of one inode. */
export class PageCache {
  readonly blockSize: number;
  readonly folioSize: number;
  readonly #folios = new Map<number, Folio>();

  constructor(blockSize: number) {
    this.blockSize = blockSize;
    this.folioSize = Math.max(PAGE, blockSize);
  }

  /** Number of folios. */
  get size(): number {
    return this.#folios.size;
  }

  /** Where the folio begins that holds a position. */
  start(pos: number): number {
    return pos - (pos % this.folioSize);
  }

  find(pos: number): Folio | undefined {
    return this.#folios.get(this.start(pos));
  }

  /** The folio that holds a position, made empty if it is not there. */
  grab(pos: number): Folio {
    const start = this.start(pos);
    let folio = this.#folios.get(start);
    if (folio === undefined) {
      const blocks = this.folioSize / this.blockSize;
      folio = {
        pos: start,
        data: new Uint8Array(this.folioSize),
        uptodate: new Uint8Array(blocks),
        dirty: new Uint8Array(blocks),
      };
      this.#folios.set(start, folio);
    }
    return folio;
  }

  /** Whether the data of a range are all there. */
  isUptodate(start: number, end: number): boolean {
    for (let pos = start; pos < end; pos = this.start(pos) + this.folioSize) {
      const folio = this.find(pos);
      if (folio === undefined) return false;
      const last = Math.min(end, folio.pos + this.folioSize) - 1;
      for (let at = this.#block(folio, pos); at <= this.#block(folio, last); at++) {
        if (folio.uptodate[at] === 0) return false;
      }
    }
    return true;
  }

  /** Whether the block at a position has changes that are not written back. */
  isDirty(pos: number): boolean {
    const folio = this.find(pos);
    return folio !== undefined && folio.dirty[this.#block(folio, pos)] === 1;
  }

  isBlockUptodate(folio: Folio, pos: number): boolean {
    return folio.uptodate[this.#block(folio, pos)] === 1;
  }

  setUptodate(folio: Folio, pos: number): void {
    folio.uptodate[this.#block(folio, pos)] = 1;
  }

  setDirty(folio: Folio, start: number, end: number): void {
    for (let at = this.#block(folio, start); at <= this.#block(folio, end - 1); at++) {
      folio.dirty[at] = 1;
      folio.uptodate[at] = 1;
    }
  }

  /** Positions of dirty blocks in a range, in order. */
  dirtyBlocks(start = 0, end = Number.POSITIVE_INFINITY): number[] {
    const found: number[] = [];
    for (const folio of this.#folios.values()) {
      if (folio.pos + this.folioSize <= start || folio.pos >= end) continue;
      for (let at = 0; at < folio.dirty.length; at++) {
        const pos = folio.pos + at * this.blockSize;
        if (folio.dirty[at] === 1 && pos + this.blockSize > start && pos < end) found.push(pos);
      }
    }
    return found.sort((a, b) => a - b);
  }

  clean(pos: number): void {
    const folio = this.find(pos);
    if (folio !== undefined) folio.dirty[this.#block(folio, pos)] = 0;
  }

  /** Drops what is cached of a range without writing it back: whole folios, and zeros into parts of others. */
  truncate(start: number, end = Number.POSITIVE_INFINITY): void {
    for (const folio of [...this.#folios.values()]) {
      const last = folio.pos + this.folioSize;
      if (last <= start || folio.pos >= end) continue;
      if (folio.pos >= start && last <= end) {
        this.#folios.delete(folio.pos);
        continue;
      }
      folio.data.fill(0, Math.max(0, start - folio.pos), Math.min(this.folioSize, end - folio.pos));
      for (let at = 0; at < folio.dirty.length; at++) {
        const pos = folio.pos + at * this.blockSize;
        if (pos < start || pos + this.blockSize > end) continue;
        folio.dirty[at] = 0;
        folio.uptodate[at] = 0;
      }
    }
  }

  /** Forgets clean folios, as memory pressure would. */
  reclaim(): void {
    for (const folio of [...this.#folios.values()]) {
      if (!folio.dirty.includes(1)) this.#folios.delete(folio.pos);
    }
  }

  #block(folio: Folio, pos: number): number {
    return Math.floor((pos - folio.pos) / this.blockSize);
  }
}
