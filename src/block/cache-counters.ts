/**
 * Numbers that one cache moves. Plain properties, so that they may be cells of shared memory: whoever looks on is never waited
 * for, and may see one look-up half counted. Hits and misses together are the look-ups.
 */
export interface CacheCounters {
  hits: number;
  /** Misses on what was never held, or so long ago that it is forgotten. */
  missesCold: number;
  /** Misses on what had to make room. */
  missesEvicted: number;
  /** Misses on what was dropped on request, or was no longer true. */
  missesInvalidated: number;
  /** Look-ups that were not to be cached. */
  missesBypassed: number;
  /** Entries that had to make room. */
  evictions: number;
  /** Entries that were dropped on request, or were no longer true. */
  dropped: number;
  /** What is held now, and may be held at most. */
  entries: number;
  bytes: number;
  capacityBytes: number;
}

/** Counters in ordinary memory, all zero. */
export function newCacheCounters(): CacheCounters {
  return {
    hits: 0,
    missesCold: 0,
    missesEvicted: 0,
    missesInvalidated: 0,
    missesBypassed: 0,
    evictions: 0,
    dropped: 0,
    entries: 0,
    bytes: 0,
    capacityBytes: 0,
  };
}
