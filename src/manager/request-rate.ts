/** How often somebody may ask: so many at once, and after that so many a second. */
export interface RateLimit {
  readonly burst: number;
  readonly perSecond: number;
}

/** Entries that are kept before those that are full again are thrown away. */
const MOST_KNOWN = 1_024;

/** Counts requests of each user against a limit: a bucket of tokens for each, filled again with time. */
export class RequestRate {
  readonly #limit: RateLimit;
  readonly #monotonic: () => number;
  readonly #buckets = new Map<number, {tokens: number; at: number}>();

  constructor(limit: RateLimit, monotonic: () => number) {
    this.#limit = limit;
    this.#monotonic = monotonic;
  }

  /** Whether one more request of `uid` is within the limit; it counts if so. */
  admits(uid: number): boolean {
    const now = this.#monotonic();
    const bucket = this.#buckets.get(uid) ?? {tokens: this.#limit.burst, at: now};
    const tokens = this.#filled(bucket, now);
    if (tokens < 1) return false;
    if (this.#buckets.size >= MOST_KNOWN) this.#forgetFull(now);
    this.#buckets.set(uid, {tokens: tokens - 1, at: now});
    return true;
  }

  #filled({tokens, at}: {tokens: number; at: number}, now: number): number {
    return Math.min(this.#limit.burst, tokens + ((now - at) / 1000) * this.#limit.perSecond);
  }

  /** A full bucket is as good as none. */
  #forgetFull(now: number): void {
    for (const [uid, bucket] of this.#buckets) {
      if (this.#filled(bucket, now) >= this.#limit.burst) this.#buckets.delete(uid);
    }
  }
}
