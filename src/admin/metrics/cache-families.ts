import type {CachesView} from '../../manager/model.js';
import {Family, type LabelText, labelText} from './family.js';
import {boundedEntries} from './labels.js';

const gauge = (name: string, help: string) => new Family('gauge', `fuseward_cache_${name}`, help);
const counter = (name: string, help: string) => new Family('counter', `fuseward_cache_${name}`, help);

/** What each cache of a server holds, and how often it helped. */
export class CacheFamilies {
  readonly capacity = gauge('capacity_bytes', 'Most that the cache may hold.');
  readonly bytes = gauge('bytes', 'What the cache holds.');
  readonly entries = gauge('entries', 'How many things the cache holds.');
  readonly dirty = gauge('dirty_entries', 'Entries that are not written back.');
  readonly hits = counter('hits_total', 'Answers that the cache had.');
  readonly misses = counter(
    'misses_total',
    'Answers that it did not have: never seen, evicted, invalidated, or not meant to be cached.',
  );
  readonly evictions = counter('evictions_total', 'Entries that were given up, by reason.');

  add(mount: LabelText, {caches}: CachesView): void {
    for (const [cache, stats] of boundedEntries(caches)) {
      const labels = labelText({cache}, mount);
      this.capacity.add(stats.capacityBytes, labels);
      this.bytes.add(stats.bytes, labels);
      this.entries.add(stats.entries, labels);
      this.dirty.add(stats.dirty, labels);
      this.hits.add(stats.hits, labels);
      for (const [reason, count] of boundedEntries(stats.misses))
        this.misses.add(count, labelText({reason}, labels));
      for (const [reason, count] of boundedEntries(stats.evictions)) {
        this.evictions.add(count, labelText({reason}, labels));
      }
    }
  }
}
