/** Operations timed together: reading the clock takes as long as one of them. */
const BATCH = 32;

/** What one run of a trace gave. */
export interface Run {
  /** Operations a second. */
  rate: number;
  /** Nanoseconds an operation, mean of a batch: half of the batches are below, and 99 of 100. */
  p50: number;
  p99: number;
}

/**
 * Times `operation(i)` for i from 0 up to `count`, or until `budgetMs` are over.
 * @returns how it went
 */
export function timed(count: number, budgetMs: number, operation: (i: number) => void): Run {
  const batches = new Float64Array(Math.ceil(count / BATCH));
  let used = 0;
  let done = 0;
  let total = 0;
  while (done < count && total < budgetMs) {
    const end = Math.min(count, done + BATCH);
    const start = performance.now();
    for (let i = done; i < end; i++) operation(i);
    const elapsed = performance.now() - start;
    batches[used++] = elapsed / (end - done);
    total += elapsed;
    done = end;
  }
  const sorted = batches.subarray(0, used).sort();
  const at = (share: number): number => sorted[Math.min(used - 1, Math.floor(used * share))]! * 1e6;
  return {rate: (done / total) * 1000, p50: at(0.5), p99: at(0.99)};
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

function short(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(value >= 1e7 ? 1 : 2)} M`;
  return value >= 1000 ? `${(value / 1000).toFixed(value >= 1e5 ? 0 : 1)} k` : value.toFixed(0);
}

/** Medians of rounds: operations a second with the least and the most, then p50 and p99. */
export function runText(runs: readonly Run[]): string {
  const rates = runs.map(({rate}) => rate);
  const spread = runs.length > 1 ? ` (${short(Math.min(...rates))}–${short(Math.max(...rates))})` : '';
  const nanoseconds = (of: (run: Run) => number): string => median(runs.map(of)).toFixed(0);
  return `${short(median(rates))}${spread} · ${nanoseconds((run) => run.p50)} / ${nanoseconds((run) => run.p99)}`;
}
