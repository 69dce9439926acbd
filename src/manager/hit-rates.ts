/** Look-ups of a cache so far. */
export interface LookUps {
  readonly hits: number;
  readonly misses: number;
}

interface Sample extends LookUps {
  /** Milliseconds of a clock that never goes back. */
  readonly at: number;
}

/** Hits as a share of look-ups; null where nothing was looked up. */
export interface HitRates {
  readonly last10s: number | null;
  readonly last1m: number | null;
  readonly all: number | null;
}

const TEN_SECONDS = 10_000;
const ONE_MINUTE = 60_000;
/** Samples nearer to each other than this add nothing to the answer. */
const LEAST_APART = 900;

function rate(now: LookUps, before: LookUps): number | null {
  const hits = now.hits - before.hits;
  const asked = hits + now.misses - before.misses;
  if (asked <= 0) return null;
  // The numbers are a server's own word: whatever it says, a rate lies between 0 and 1.
  return Math.min(1, Math.max(0, hits / asked));
}

/** How well a cache did lately, from samples of its counters of the last minute. */
export class HitRateWindow {
  #samples: Sample[] = [];

  /** Takes a sample. Counters that went back (a server that starts anew) begin a new history. */
  sample(at: number, {hits, misses}: LookUps): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && (hits < last.hits || misses < last.misses)) this.#samples = [];
    else if (last !== undefined && at - last.at < LEAST_APART) return;
    this.#samples.push({at, hits, misses});
    // The newest sample that is older than a minute stays: it is where the last minute began.
    const start = this.#samples.findLastIndex((sample) => sample.at <= at - ONE_MINUTE);
    if (start > 0) this.#samples.splice(0, start);
  }

  /** Rates up to now. A cache younger than a window is measured over its whole life. */
  rates(at: number, now: LookUps): HitRates {
    return {
      last10s: rate(now, this.#before(at - TEN_SECONDS)),
      last1m: rate(now, this.#before(at - ONE_MINUTE)),
      all: rate(now, {hits: 0, misses: 0}),
    };
  }

  #before(at: number): LookUps {
    const sample = this.#samples.findLast((each) => each.at <= at) ?? this.#samples[0];
    return sample ?? {hits: 0, misses: 0};
  }
}
