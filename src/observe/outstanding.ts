import {Asked, INTERRUPTION, idOf} from './asked.js';

/**
 * Requests at once; at this number nothing more is read from the kernel. Each is one thing that somebody waits for or
 * that the kernel does in the background, so it is the kernel that bounds them, much lower on any machine.
 */
const MOST_OUTSTANDING = 16_384;
/** Records kept for further use. */
const MOST_SPARE = 256;
/** Interruptions that may be answered late, of which the oldest are forgotten first. */
const MOST_LATE = 1024;

/** The requests that the server has and has not answered, oldest first. */
export class Outstanding {
  readonly #asked = new Map<number, Asked>();
  readonly #spare: Asked[] = [];
  /** Requests that were answered while their interruption was not, the oldest first. */
  readonly #late = new Set<number>();
  readonly #most: number;

  /** @param most requests at once */
  constructor(most: number = MOST_OUTSTANDING) {
    this.#most = most;
  }

  get size(): number {
    return this.#asked.size;
  }

  get full(): boolean {
    return this.#asked.size >= this.#most;
  }

  /** When the oldest was read, of performance.now(); 0 when there is none. */
  get oldestMs(): number {
    for (const asked of this.#asked.values()) return asked.startedMs;
    return 0;
  }

  /** An unused record, to be filled and given to `add` or `drop`. */
  take(): Asked {
    return this.#spare.pop() ?? new Asked();
  }

  add(asked: Asked): void {
    this.#asked.set(idOf(asked.uniqueLow, asked.uniqueHigh), asked);
  }

  find(uniqueLow: number, uniqueHigh: number): Asked | undefined {
    return this.#asked.get(idOf(uniqueLow, uniqueHigh));
  }

  /** The request that an interruption with this id is about. */
  interrupted(uniqueLow: number, uniqueHigh: number): Asked | undefined {
    return this.find((uniqueLow & ~INTERRUPTION) >>> 0, uniqueHigh);
  }

  /** It was answered: its record may be used for another from now on. */
  remove(asked: Asked): void {
    const id = idOf(asked.uniqueLow, asked.uniqueHigh);
    this.#asked.delete(id);
    if (asked.interrupted) this.#remember(id);
    this.drop(asked);
  }

  #remember(id: number): void {
    this.#late.add(id);
    if (this.#late.size <= MOST_LATE) return;
    for (const oldest of this.#late) {
      this.#late.delete(oldest);
      return;
    }
  }

  /** Whether an interruption with this id was of a request that has been answered since; true once for each. */
  takeLate(uniqueLow: number, uniqueHigh: number): boolean {
    return this.#late.delete(idOf((uniqueLow & ~INTERRUPTION) >>> 0, uniqueHigh));
  }

  /** Gives back a record that was not added. */
  drop(asked: Asked): void {
    if (this.#spare.length < MOST_SPARE) this.#spare.push(asked);
  }

  /** The oldest. */
  first(): Asked | undefined {
    for (const asked of this.#asked.values()) return asked;
    return undefined;
  }
}
