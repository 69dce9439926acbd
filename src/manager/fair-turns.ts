/**
 * Lets a few things run at once, one for each of who asks, and takes those who wait in turns: whoever asks for much waits for
 * himself and not the others for him. What runs for longer than the others' patience no longer counts as one of the few; who asked for
 * it still has to wait for its end.
 */
export class FairTurns<K> {
  readonly #atOnce: number;
  readonly #patienceMs: number;
  readonly #running = new Set<K>();
  /** Those of them that count. */
  #places = 0;
  /** Who waits, in the order of their turns. */
  readonly #waiting = new Map<K, Array<() => void>>();

  constructor(atOnce: number, patienceMs: number) {
    this.#atOnce = atOnce;
    this.#patienceMs = patienceMs;
  }

  /** Runs `act` when its turn has come. */
  async run<T>(who: K, act: () => Promise<T>): Promise<T> {
    await new Promise<void>((resolve) => {
      const waiting = this.#waiting.get(who);
      if (waiting === undefined) this.#waiting.set(who, [resolve]);
      else waiting.push(resolve);
      this.#next();
    });
    let hasPlace = true;
    const leave = (): void => {
      if (hasPlace) this.#places--;
      hasPlace = false;
    };
    const timer = setTimeout(() => {
      leave();
      this.#next();
    }, this.#patienceMs);
    try {
      return await act();
    } finally {
      clearTimeout(timer);
      leave();
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
      if (this.#places >= this.#atOnce) return;
      if (this.#running.has(who)) continue;
      const start = waiting.shift()!;
      if (waiting.length === 0) this.#waiting.delete(who);
      this.#running.add(who);
      this.#places++;
      start();
    }
  }
}
