import {yieldProcessor} from '../sys/scheduling.js';

/** Every so many looks whoever waits for this processor has his turn. */
const LOOKS = 4;

/** So many requests in a row have to come within the window: a directory is two or three of them, and then its reader is busy with it. */
const QUICK = 4;

/**
 * Busy polling, as network cards and virtual machines do it: a thread that expects the next request in a moment looks for it instead of
 * going to sleep, since being woken on another processor takes longer than most requests. It begins when a few requests have followed the
 * answer before them within the window, and ends with the first that does not, so that a burst costs one window at its end and single
 * requests nothing.
 */
export class BusyPoll {
  readonly #windowMs: number;
  #answeredMs = -Infinity;
  /** How many requests have come within the window, one after the other. */
  #quick = 0;

  /** @param windowMs how long to look, milliseconds; 0: never */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /**
   * Where a request is expected, looks for it until it is there or the window is over.
   * @param look whether there is one
   * @returns false where none came, or none was expected and nobody looked
   */
  search(look: () => boolean): boolean {
    if (this.#quick < QUICK) return false;
    const end = this.#answeredMs + this.#windowMs;
    for (let looks = 1; !look(); looks++) {
      if (performance.now() >= end) {
        this.#quick = 0;
        return false;
      }
      if (looks % LOOKS === 0) yieldProcessor();
    }
    return true;
  }

  /** A request came after the thread had slept. */
  woken(): void {
    this.#quick = performance.now() - this.#answeredMs < this.#windowMs ? this.#quick + 1 : 0;
  }

  /** A request was answered. */
  answered(): void {
    this.#answeredMs = performance.now();
  }
}
