import {type CacheCounters, newCacheCounters} from '../block/cache-counters.js';
import {RemovedKeys} from '../block/removed-keys.js';

export interface GenerationCacheOptions<V> {
  /** What a value counts towards the limit; 1 unless told. */
  readonly weigh?: (value: V) => number;
  /** Bytes that a weight of 1 stands for, roughly; 1 unless told. */
  readonly bytesPerWeight?: number;
  readonly counters?: CacheCounters | undefined;
}

/**
 * A bounded cache in two generations.
 *
 * Order: what is used moves to the young generation. When the young one holds half of the limit it becomes the
 * old one, and what was still in the old one is dropped. So at most `limit` is held, and what was used since
 * the last but one change of generations is there. Cost: one map look-up for what is young.
 */
export class GenerationCache<V> {
  readonly #half: number;
  readonly #weigh: (value: V) => number;
  readonly #bytesPerWeight: number;
  readonly #counters: CacheCounters;
  readonly #removed = new RemovedKeys();
  #young = new Map<number, V>();
  #old = new Map<number, V>();
  #youngWeight = 0;
  #oldWeight = 0;

  /** @param limit sum of weights held at most; a single value may exceed it. */
  constructor(limit: number, options: GenerationCacheOptions<V> = {}) {
    this.#half = Math.max(1, Math.floor(limit / 2));
    this.#weigh = options.weigh ?? (() => 1);
    this.#bytesPerWeight = options.bytesPerWeight ?? 1;
    this.#counters = options.counters ?? newCacheCounters();
    this.#counters.capacityBytes = limit * this.#bytesPerWeight;
  }

  /** Looks a key up, and counts that: a hit, or a miss and why. */
  get(key: number): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) {
      this.#counters.hits++;
      return young;
    }
    const old = this.#old.get(key);
    if (old === undefined) {
      this.#removed.count(key, this.#counters);
      return undefined;
    }
    this.#counters.hits++;
    this.set(key, old);
    return old;
  }

  set(key: number, value: V): void {
    this.#take(key);
    if (this.#youngWeight >= this.#half) this.#age();
    this.#young.set(key, value);
    this.#youngWeight += this.#weigh(value);
    this.#gauge();
  }

  /** Forgets everything held. */
  clear(): void {
    for (const generation of [this.#young, this.#old]) {
      for (const key of generation.keys()) this.#removed.invalidated(key);
    }
    this.#counters.dropped += this.size;
    this.#young = new Map();
    this.#old = new Map();
    this.#youngWeight = 0;
    this.#oldWeight = 0;
    this.#gauge();
  }

  /** Values held. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** The young become the old, and the old go. */
  #age(): void {
    for (const key of this.#old.keys()) this.#removed.evicted(key);
    this.#counters.evictions += this.#old.size;
    this.#old = this.#young;
    this.#oldWeight = this.#youngWeight;
    this.#young = new Map();
    this.#youngWeight = 0;
  }

  /** Takes a key's value out, so that it neither ages with the others nor is there twice. */
  #take(key: number): void {
    const young = this.#young.get(key);
    if (young !== undefined) {
      this.#young.delete(key);
      this.#youngWeight -= this.#weigh(young);
      return;
    }
    const old = this.#old.get(key);
    if (old === undefined) return;
    this.#old.delete(key);
    this.#oldWeight -= this.#weigh(old);
  }

  #gauge(): void {
    this.#counters.entries = this.size;
    this.#counters.bytes = (this.#youngWeight + this.#oldWeight) * this.#bytesPerWeight;
  }
}
