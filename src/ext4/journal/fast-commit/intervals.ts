/** `[start, end)`. */
export type Interval = readonly [start: number, end: number];

/** The same numbers in order, without overlaps. */
export function normalize(intervals: readonly Interval[]): Interval[] {
  const sorted = [...intervals].sort((a, b) => a[0] - b[0]);
  const result: Array<[number, number]> = [];
  for (const [start, end] of sorted) {
    const last = result.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else result.push([start, end]);
  }
  return result;
}

/** What is in `a` but not in `b`; both normalized. */
export function subtract(a: readonly Interval[], b: readonly Interval[]): Interval[] {
  const result: Interval[] = [];
  let next = 0;
  for (const [start, end] of a) {
    let at = start;
    while (next < b.length && b[next]![1] <= at) next++;
    for (let i = next; i < b.length && b[i]![0] < end; i++) {
      const [from, to] = b[i]!;
      if (from > at) result.push([at, from]);
      at = Math.max(at, to);
    }
    if (at < end) result.push([at, end]);
  }
  return result;
}

/** Whether a number is in a normalized list. */
export function includes(intervals: readonly Interval[], value: number): boolean {
  let low = 0;
  let high = intervals.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const [start, end] = intervals[middle]!; // low <= middle <= high, both within the list
    if (value < start) high = middle - 1;
    else if (value >= end) low = middle + 1;
    else return true;
  }
  return false;
}
