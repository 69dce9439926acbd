import {allowCpus, allowedCpus, type CpuMask, hasCpu, onlyCpu} from '../sys/affinity.js';

/** After so many requests it is looked where they came from. */
const WINDOW = 32;
/** So many of them must come from one processor for the thread to go there, or to stay. */
const MOST = 24;
/** Callers that so often in a row were elsewhere when it came to them are not followed for the next so many windows. */
const MOST_MOVES = 2;
const REST = 256;
const NOWHERE = -1;

/**
 * Keeps a thread on the processor where its callers are. A caller that sleeps until it is answered leaves its processor free, and a thread
 * that is woken there needs no interrupt to another one, which costs many times what a request does. Where callers are on several
 * processors at once, or leave whenever the thread comes (a scheduler that wakes them finds their processor taken and another free), it
 * has its way.
 */
export class Placement {
  readonly #allowed: CpuMask;
  readonly #counts = new Map<number, number>();
  #seen = 0;
  #here = NOWHERE;
  #moves = 0;
  #rest = 0;

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
    if (this.#rest > 0) {
      this.#rest--;
      return;
    }
    let most = NOWHERE;
    for (const [cpu, count] of this.#counts) if (count >= MOST && hasCpu(this.#allowed, cpu)) most = cpu;
    if (most === this.#here) {
      this.#moves = 0;
      return;
    }
    if (this.#here !== NOWHERE && ++this.#moves >= MOST_MOVES) {
      this.#moves = 0;
      this.#rest = REST;
      most = NOWHERE;
    }
    try {
      allowCpus(most === NOWHERE ? this.#allowed : onlyCpu(most));
      this.#here = most;
    } catch {
      // The processors that this process may use have become others: wherever it is now is right.
      this.#here = NOWHERE;
    }
  }
}
