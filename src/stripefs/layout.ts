import type {Extent} from './extent.js';

/** In place of a member's number: nothing is stored, and it reads as zeros. */
export const HOLE = -1;

/** Bytes of a file that lie together. */
export interface Piece {
  /** Number of the member, or `HOLE`. */
  member: number;
  /** Their first byte on the member; 0 for a hole. */
  address: number;
  /** How many there are from the asked offset on: to the end of the chunk, or of the extent where that is not striped. */
  length: number;
}

/**
 * Where a file's bytes are: extents one behind the other. A striped one of any length is answered by arithmetic; only the way to the
 * right extent is a search, among as many as the superblock has written down.
 */
export class Layout {
  readonly extents: readonly Extent[];
  /** Where each extent begins in the file, bytes. */
  readonly #starts: Float64Array;
  /** Bytes of all extents, holes included; not less than the file's size. */
  readonly length: number;

  constructor(extents: readonly Extent[]) {
    this.extents = extents;
    this.#starts = new Float64Array(extents.length);
    let start = 0;
    for (const [index, extent] of extents.entries()) {
      this.#starts[index] = start;
      start += extent.length;
    }
    this.length = start;
  }

  /** Bytes that are stored. */
  get stored(): number {
    return this.extents.reduce((sum, {length, strips}) => sum + (strips.length === 0 ? 0 : length), 0);
  }

  /** Finds the byte at `offset`, which is less than `length`, and those behind it. */
  locate(offset: number, piece: Piece): void {
    const index = this.indexOf(offset);
    const {length, chunk, strips} = this.extents[index]!;
    const inside = offset - this.#starts[index]!;
    const count = strips.length;
    piece.length = length - inside;
    if (count === 0) {
      piece.member = HOLE;
      piece.address = 0;
      return;
    }
    if (count === 1) {
      piece.member = strips[0]!.member;
      piece.address = strips[0]!.offset + inside;
      return;
    }
    const within = inside % chunk;
    const number = (inside - within) / chunk;
    const turn = number % count;
    // `turn` is less than the number of strips.
    const {member, offset: first} = strips[turn]!;
    piece.member = member;
    piece.address = first + ((number - turn) / count) * chunk + within;
    piece.length = Math.min(piece.length, chunk - within);
  }

  /** Number of the extent that has the byte at `offset`, which is less than `length`. */
  indexOf(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Where an extent begins in the file, bytes; `length` for the one behind the last. */
  startOf(index: number): number {
    return this.#starts[index] ?? this.length;
  }
}
