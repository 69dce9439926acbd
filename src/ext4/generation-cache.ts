/**
 * A bounded cache in two generations.
 *
 * Order: what is used moves to the young generation. When the young one holds half of the limit it becomes the
 * old one, and what was still in the old one is dropped. So at most `limit` is held, and what was used since
 * the last but one change of generations is there. Cost: one map look-up for what is young.
 */
export class GenerationCache<V> {
  readonly #half: number;
  #young = new Map<number, V>();
  #old = new Map<number, V>();
  #youngWeight = 0;
  readonly #weigh: (value: V) => number;

  /** @param limit sum of weights held at most; a single value may exceed it. */
  constructor(limit: number, weigh: (value: V) => number = () => 1) {
    this.#half = Math.max(1, Math.floor(limit / 2));
    this.#weigh = weigh;
  }

  get(key: number): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: number, value: V): void {
    if (this.#youngWeight >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngWeight = 0;
    }
    const before = this.#young.get(key);
    if (before !== undefined) this.#youngWeight -= this.#weigh(before);
    this.#young.set(key, value);
    this.#youngWeight += this.#weigh(value);
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
    this.#youngWeight = 0;
  }

  /** Values held, some perhaps in both generations. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
