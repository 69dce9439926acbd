import type {CachesView} from '../../manager/model.js';
import {Family} from './family.js';
import {boundedEntries, type MountLabels} from './labels.js';

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

  add(mount: MountLabels, {caches}: CachesView): void {
    for (const [cache, stats] of boundedEntries(caches)) {
      const shared = {...mount, cache};
      this.capacity.add(stats.capacityBytes, {}, shared);
      this.bytes.add(stats.bytes, {}, shared);
      this.entries.add(stats.entries, {}, shared);
      this.dirty.add(stats.dirty, {}, shared);
      this.hits.add(stats.hits, {}, shared);
      for (const [reason, count] of boundedEntries(stats.misses)) this.misses.add(count, {reason}, shared);
      for (const [reason, count] of boundedEntries(stats.evictions)) {
        this.evictions.add(count, {reason}, shared);
      }
    }
  }
}
