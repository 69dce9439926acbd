/**
 * Lets a few things run at once, one for each of who asks, and takes those who wait in turns: whoever asks for much waits for
 * himself and not the others for him.
 */
export class FairTurns<K> {
  readonly #atOnce: number;
  readonly #running = new Set<K>();
  /** Who waits, in the order of their turns. */
  readonly #waiting = new Map<K, Array<() => void>>();

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** Runs `act` when its turn has come. */
  async run<T>(who: K, act: () => Promise<T>): Promise<T> {
    await new Promise<void>((resolve) => {
      const waiting = this.#waiting.get(who);
      if (waiting === undefined) this.#waiting.set(who, [resolve]);
      else waiting.push(resolve);
      this.#next();
    });
    try {
      return await act();
    } finally {
      this.#running.delete(who);
      this.#moveBack(who);
      this.#next();
    }
  }

  /** Behind all others who wait. */
  #moveBack(who: K): void {
    const waiting = this.#waiting.get(who);
    if (waiting === undefined) return;
    this.#waiting.delete(who);
    this.#waiting.set(who, waiting);
  }

  #next(): void {
    for (const [who, waiting] of this.#waiting) {
      if (this.#running.size >= this.#atOnce) return;
      if (this.#running.has(who)) continue;
      const start = waiting.shift()!;
      if (waiting.length === 0) this.#waiting.delete(who);
      this.#running.add(who);
      start();
    }
  }
}
