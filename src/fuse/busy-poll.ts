import {yieldProcessor} from '../sys/scheduling.js';

/** Every so many looks whoever waits for this processor has his turn. */
const LOOKS = 4;

/**
 * Busy polling, as network cards and virtual machines do it: a thread that expects the next request in a moment looks for it instead of
 * going to sleep, since being woken on another processor takes longer than most requests. It begins when a request followed the answer
 * before it within the window, and ends with the first that does not, so that a burst costs one window at its end and a single
 * request nothing.
 */
export class BusyPoll {
  readonly #windowMs: number;
  #answeredMs = -Infinity;
  #isBusy = false;

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
    if (!this.#isBusy) return false;
    const end = this.#answeredMs + this.#windowMs;
    for (let looks = 1; !look(); looks++) {
      if (performance.now() >= end) {
        this.#isBusy = false;
        return false;
      }
      if (looks % LOOKS === 0) yieldProcessor();
    }
    return true;
  }

  /** A request came after the thread had slept. */
  woken(): void {
    this.#isBusy = performance.now() - this.#answeredMs < this.#windowMs;
  }

  /** A request was answered. */
  answered(): void {
    this.#answeredMs = performance.now();
  }
}
