import type {CacheStats, CachesView} from '../../manager/model.js';
import {type Column, table} from '../terminal/table.js';
import {printable} from '../terminal/text.js';
import {formatBytes, formatShare} from '../terminal/units.js';

/** A line of the table: its title, and what it shows of a cache. */
type Row = readonly [title: string, cell: (cache: CacheStats) => string];

function sum(counts: Readonly<Record<string, number>>): string {
  return String(Object.values(counts).reduce((total, count) => total + count, 0));
}

const ROWS: readonly Row[] = [
  ['limit', ({capacityBytes}) => formatBytes(capacityBytes)],
  ['held', ({bytes}) => formatBytes(bytes)],
  ['entries', ({entries}) => String(entries)],
  ['not written back', ({dirty}) => String(dirty)],
  ['hits', ({hits}) => String(hits)],
  ['misses', ({misses}) => sum(misses)],
  ['  cold', ({misses}) => String(misses.cold)],
  ['  evicted', ({misses}) => String(misses.evicted)],
  ['  invalidated', ({misses}) => String(misses.invalidated)],
  ['  bypassed', ({misses}) => String(misses.bypassed)],
  ['evictions', ({evictions}) => sum(evictions)],
  ['  to make room', ({evictions}) => String(evictions.capacity)],
  ['  dropped', ({evictions}) => String(evictions.dropped)],
  ['hit rate, 10 seconds', ({hitRate}) => formatShare(hitRate.last10s)],
  ['hit rate, 1 minute', ({hitRate}) => formatShare(hitRate.last1m)],
  ['hit rate, all', ({hitRate}) => formatShare(hitRate.all)],
];

/** A table with a column for each cache. */
export function cacheReport({caches}: CachesView, width: number): string[] {
  const names = Object.keys(caches);
  if (names.length === 0) return ['The server has no caches.'];
  const columns: Column[] = [
    {title: 'CACHE'},
    ...names.map((name) => ({title: printable(name).toUpperCase(), align: 'right' as const})),
  ];
  const rows = ROWS.map(([title, cell]) => [title, ...names.map((name) => cell(caches[name]!))]);
  return table(columns, rows, width);
}
