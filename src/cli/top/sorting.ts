import type {Row} from './rows.js';

interface Sorting {
  /** The key that chooses it on the screen. */
  readonly key: string;
  /** What is compared; larger comes first. */
  readonly by: (row: Row) => number;
}

/** Not known is less than anything known. */
const known = (value: number | undefined): number => value ?? -1;

/** What rows can be sorted by. Those that are equal in it are sorted by name. */
export const SORT_KEYS = {
  ops: {key: 'o', by: (row) => known(row.requestsPerSecond)},
  errors: {key: 'e', by: (row) => known(row.errorsPerSecond)},
  read: {key: 'r', by: (row) => known(row.readPerSecond)},
  written: {key: 'w', by: (row) => known(row.writtenPerSecond)},
  p99: {key: 'p', by: (row) => known(row.p99Seconds)},
  hits: {key: 'h', by: (row) => known(row.hitShare)},
  cpu: {key: 'c', by: (row) => known(row.cpuShare)},
  memory: {key: 'm', by: (row) => known(row.residentBytes)},
  name: {key: 'n', by: () => 0},
} as const satisfies Readonly<Record<string, Sorting>>;

export type SortKey = keyof typeof SORT_KEYS;

export function isSortKey(text: string): text is SortKey {
  return Object.hasOwn(SORT_KEYS, text);
}

/** The sorting that a key of the keyboard means. */
export function sortKeyOf(key: string): SortKey | undefined {
  return (Object.keys(SORT_KEYS) as SortKey[]).find((name) => SORT_KEYS[name].key === key);
}

/** Rows in order; the given ones stay as they are. */
export function sortRows(rows: readonly Row[], by: SortKey): Row[] {
  const value: Sorting['by'] = SORT_KEYS[by].by;
  return [...rows].sort((a, b) => value(b) - value(a) || (a.target < b.target ? -1 : 1));
}
