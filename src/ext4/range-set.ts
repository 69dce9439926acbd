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

  /** How many numbers are in the set. */
  get size(): number {
    let sum = 0;
    for (let i = 0; i < this.#starts.length; i++) sum += this.#ends[i]! - this.#starts[i]!;
    return sum;
  }

  /** Whether any of `count` numbers from `first` on is in the set. */
  overlaps(first: number, count: number): boolean {
    // Finds the last range that begins before the end of those asked for.
    let low = 0;
    let high = this.#starts.length;
    const end = first + count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! < end) low = middle + 1;
      else high = middle;
    }
    return low > 0 && this.#ends[low - 1]! > first;
  }
}
