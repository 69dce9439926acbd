/** The middle of some values; of an even number of them the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Three digits that count, without an exponent, and with commas from a thousand on. */
export function shown(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en');
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return size >= 0.1 || value === 0 ? value.toFixed(2) : value.toFixed(3);
}

/** Median, and the least and the largest value where there is more than one. */
export function summary(values: readonly number[] | undefined): string {
  if (values === undefined || values.length === 0) return '–';
  const middle = shown(median(values));
  if (values.length === 1) return middle;
  return `${middle} (${shown(Math.min(...values))}–${shown(Math.max(...values))})`;
}
