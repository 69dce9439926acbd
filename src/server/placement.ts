import {allowCpus, allowedCpus, type CpuMask, hasCpu, onlyCpu} from '../sys/affinity.js';

/** After so many requests it is looked where they came from. */
const WINDOW = 32;
/** So many of them must come from one processor for the thread to go there, or to stay. */
const MOST = 24;
const NOWHERE = -1;

/**
 * Keeps a thread on the processor where its callers are. A caller that sleeps until it is answered leaves its processor free, and a thread
 * that is woken there needs no interrupt to another one, which costs many times what a request does. Where callers are on several
 * processors at once the scheduler has its way.
 */
export class Placement {
  readonly #allowed: CpuMask;
  readonly #counts = new Map<number, number>();
  #seen = 0;
  #here = NOWHERE;

  constructor() {
    this.#allowed = allowedCpus();
  }

  /** A request came from a caller on this processor. */
  note(cpu: number): void {
    this.#counts.set(cpu, (this.#counts.get(cpu) ?? 0) + 1);
    if (++this.#seen < WINDOW) return;
    this.#settle();
    this.#seen = 0;
    this.#counts.clear();
  }

  /** The processor that the thread is kept on. */
  get cpu(): number | undefined {
    return this.#here === NOWHERE ? undefined : this.#here;
  }

  #settle(): void {
    let most = NOWHERE;
    for (const [cpu, count] of this.#counts) if (count >= MOST && hasCpu(this.#allowed, cpu)) most = cpu;
    if (most === this.#here) return;
    try {
      allowCpus(most === NOWHERE ? this.#allowed : onlyCpu(most));
      this.#here = most;
    } catch {
      // The processors that this process may use have become others: wherever it is now is right.
      this.#here = NOWHERE;
    }
  }
}
