import {type Extent, spansOf} from './extent.js';
import {MOST_BYTES} from './limits.js';

/** How files are laid out: bytes, powers of two. */
export interface LayoutRule {
  readonly blockSize: number;
  readonly chunk: number;
  /** How many members there are, at least one. */
  readonly members: number;
}

/** Gives out the space of new members from their beginning on, without gaps but for the rest of a last block. */
export class Allocation {
  readonly #rule: LayoutRule;
  /** The first free byte of each member. */
  readonly #ends: number[];
  #turn = 0;

  constructor(rule: LayoutRule) {
    this.#rule = rule;
    this.#ends = Array.from({length: rule.members}, () => 0);
  }

  /** Bytes of each member that are given out. */
  get sizes(): readonly number[] {
    return this.#ends;
  }

  /**
   * Space for a file: what fits a chunk lies on one member, anything larger is striped over all of them. Files begin on members in turn.
   * @throws RangeError when a member would become larger than a superblock can say
   */
  extentsFor(size: number): Extent[] {
    if (size === 0) return [];
    const {blockSize, chunk, members} = this.#rule;
    const length = Math.ceil(size / blockSize) * blockSize;
    const wide = length > chunk ? members : 1;
    const strips = Array.from({length: wide}, (_, index) => {
      const member = (this.#turn + index) % members;
      return {member, offset: this.#ends[member]!};
    });
    this.#turn = (this.#turn + 1) % members;
    const extent = {length, chunk, strips};
    for (const {member, end} of spansOf(extent)) {
      if (end > MOST_BYTES) throw new RangeError(`member ${member} would have more than ${MOST_BYTES} bytes`);
      this.#ends[member] = Math.max(this.#ends[member]!, end);
    }
    return [extent];
  }
}
