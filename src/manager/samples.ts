import type {CachesAnswer, StatsAnswer} from '../control/index.js';
import type {Clock} from './clock.js';
import {HitRateWindow} from './hit-rates.js';
import type {ServerLink} from './server-link.js';

/** Statistics are sampled as long as somebody asked for samples within this time. */
const WANTED_MS = 120_000;

interface Kept<T> {
  readonly at: number;
  readonly answer: T;
}

/** What a server was asked regularly: its caches, for the hit rates; its statistics while somebody keeps asking for them. */
export class Samples {
  readonly #clock: Clock;
  readonly #hitRates = new Map<string, HitRateWindow>();
  #caches: Kept<CachesAnswer> | undefined;
  #stats: Kept<StatsAnswer> | undefined;
  #wantedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether somebody asked for samples lately. */
  get wanted(): boolean {
    return this.#clock.monotonic() - this.#wantedAt <= WANTED_MS;
  }

  /** Asks a server. One that is silent is not asked more and more. */
  take(link: ServerLink): void {
    if (!link.connected || link.silentTicks > 0) return;
    const keep = <T>(answer: T): Kept<T> => ({at: this.#clock.monotonic(), answer});
    const refused = (): void => undefined;
    link.ask({do: 'caches'}).then((answer) => {
      this.#caches = keep(answer);
      this.#sampleRates(answer);
    }, refused);
    if (!this.wanted) {
      this.#stats = undefined;
      return;
    }
    link.ask({do: 'stats'}).then((answer) => {
      this.#stats = keep(answer);
    }, refused);
  }

  /** The last sample if it is young enough. Asking for one has statistics sampled from now on. */
  recent(what: 'caches', maxAgeMs: number): CachesAnswer | undefined;
  recent(what: 'stats', maxAgeMs: number): StatsAnswer | undefined;
  recent(what: 'caches' | 'stats', maxAgeMs: number): CachesAnswer | StatsAnswer | undefined {
    if (maxAgeMs <= 0) return undefined;
    const now = this.#clock.monotonic();
    this.#wantedAt = now;
    const kept = what === 'caches' ? this.#caches : this.#stats;
    return kept !== undefined && now - kept.at <= maxAgeMs ? kept.answer : undefined;
  }

  /** Caches' names are from a schema with few of them, so this does not grow. */
  hitRates(cache: string): HitRateWindow {
    let window = this.#hitRates.get(cache);
    if (window === undefined) {
      window = new HitRateWindow();
      this.#hitRates.set(cache, window);
    }
    return window;
  }

  #sampleRates({caches}: CachesAnswer): void {
    const now = this.#clock.monotonic();
    for (const [name, {hits, misses}] of Object.entries(caches)) {
      this.hitRates(name).sample(now, {hits, misses: missesOf(misses)});
    }
  }
}

/** Misses for whatever reason. */
export function missesOf(misses: {
  cold: number;
  evicted: number;
  invalidated: number;
  bypassed: number;
}): number {
  return misses.cold + misses.evicted + misses.invalidated + misses.bypassed;
}
