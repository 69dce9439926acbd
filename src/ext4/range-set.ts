/** A set of numbers made of ranges; packed, and looked up by halving. */
export class RangeSet {
  /** First and one past last of each range; sorted, apart from each other. */
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;

  /** @param ranges pairs of first and one past last, in any order, flat. */
  constructor(ranges: readonly number[]) {
    const order = Array.from({length: ranges.length / 2}, (_, i) => i * 2);
    order.sort((a, b) => ranges[a]! - ranges[b]!);
    const starts = new Float64Array(order.length);
    const ends = new Float64Array(order.length);
    let count = 0;
    for (const at of order) {
      const start = ranges[at]!;
      const end = ranges[at + 1]!;
      if (count > 0 && start <= ends[count - 1]!) {
        ends[count - 1] = Math.max(ends[count - 1]!, end);
        continue;
      }
      starts[count] = start;
      ends[count++] = end;
    }
    this.#starts = starts.slice(0, count);
    this.#ends = ends.slice(0, count);
  }

  /** The set of some numbers, in any order, given once or more. */
  static of(numbers: Iterable<number>): RangeSet {
    const sorted = Float64Array.from(numbers).sort();
    const ranges: number[] = [];
    for (const number of sorted) {
      const last = ranges.length - 1;
      if (last > 0 && ranges[last]! >= number) ranges[last] = number + 1;
      else ranges.push(number, number + 1);
    }
    return new RangeSet(ranges);
  }

  /** How many numbers are in the set. */
  get size(): number {
    let sum = 0;
    for (let i = 0; i < this.#starts.length; i++) sum += this.#ends[i]! - this.#starts[i]!;
    return sum;
  }

  get isEmpty(): boolean {
    return this.#starts.length === 0;
  }

  /** Whether any of `count` numbers from `first` on is in the set. */
  overlaps(first: number, count: number): boolean {
    const at = this.#lastBefore(first + count);
    return at >= 0 && this.#ends[at]! > first;
  }

  /** The least number of the set from `from` on; Infinity when there is none. */
  next(from: number): number {
    const at = this.#lastBefore(from + 1);
    if (at >= 0 && this.#ends[at]! > from) return from;
    return this.#starts[at + 1] ?? Infinity;
  }

  /** The least number after `member`, which is in the set, that is not. */
  endOf(member: number): number {
    return this.#ends[this.#lastBefore(member + 1)]!;
  }

  /** Index of the last range that begins before `end`; -1 when there is none. */
  #lastBefore(end: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! < end) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
