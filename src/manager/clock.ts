/** The two clocks there are, so that tests can bring their own. */
export interface Clock {
  /** Milliseconds since 1970, for people. */
  now(): number;
  /** Milliseconds that never go back, for measuring. */
  monotonic(): number;
}

export const SYSTEM_CLOCK: Clock = {now: () => Date.now(), monotonic: () => performance.now()};
