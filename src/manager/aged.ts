/** A value that costs something to find out, kept for those who are content with one that is not quite new. */
export class Aged<T> {
  readonly #make: () => T;
  readonly #now: () => number;
  #kept: {readonly at: number; readonly value: T} | undefined;

  /** @param now milliseconds on a clock that never goes back */
  constructor(make: () => T, now: () => number) {
    this.#make = make;
    this.#now = now;
  }

  /** The value, found out anew when the kept one is older than `maxAgeMs`. */
  get(maxAgeMs: number): T {
    const now = this.#now();
    if (this.#kept === undefined || now - this.#kept.at > maxAgeMs)
      this.#kept = {at: now, value: this.#make()};
    return this.#kept.value;
  }
}
