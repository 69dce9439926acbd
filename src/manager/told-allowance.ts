/** Events that one server's own words can make at once, and how often one more. */
const BURST = 20;
const REFILL_MS = 30_000;

/**
 * How many events a mount may fill the log with by what its server says: breaches of the control protocol, requests said to be slow, answers
 * that come and don't. The log keeps a bounded number for all mounts, and one server must not push out what happened to the others.
 */
export class ToldAllowance {
  #left = BURST;
  #since: number | undefined;
  #keptBack = 0;

  /**
   * Takes one event at a moment of the monotonic clock, in ms.
   * @returns how many were kept back since the last that was told; undefined when this one is kept back as well
   */
  take(at: number): number | undefined {
    this.#since ??= at;
    const more = Math.floor((at - this.#since) / REFILL_MS);
    this.#since += more * REFILL_MS;
    this.#left = Math.min(BURST, this.#left + more);
    if (this.#left === 0) {
      this.#keptBack++;
      return undefined;
    }
    this.#left--;
    const keptBack = this.#keptBack;
    this.#keptBack = 0;
    return keptBack;
  }
}
