/** A point in time until which something must be done; monotonic, so that a change of the clock does not move it. */
export class Deadline {
  readonly #end: number;

  /** @param ms milliseconds from now */
  constructor(ms: number) {
    this.#end = performance.now() + ms;
  }

  /** Milliseconds left, 0 when it has passed. */
  get left(): number {
    return Math.max(0, this.#end - performance.now());
  }

  get passed(): boolean {
    return this.left === 0;
  }
}

/** Stops the thread for that many milliseconds. */
export function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
