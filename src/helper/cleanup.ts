import type {Log} from '../service/log.js';

/**
 * What has to be done at the end, in reverse order: some always (close a descriptor), some only if the whole failed
 * (unmount, kill). A step that fails is logged and the rest goes on.
 */
export class Cleanup {
  readonly #steps: Array<{what: string; onlyOnFailure: boolean; act: () => void | Promise<void>}> = [];
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Runs at the end in any case. */
  always(what: string, act: () => void | Promise<void>): void {
    this.#steps.push({what, onlyOnFailure: false, act});
  }

  /** Runs at the end if the whole failed. */
  onFailure(what: string, act: () => void | Promise<void>): void {
    this.#steps.push({what, onlyOnFailure: true, act});
  }

  /** Closes this at the end in any case. */
  closing<T extends {close(): void}>(what: string, thing: T): T {
    this.always(what, () => thing.close());
    return thing;
  }

  async run(failed: boolean): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      if (step.onlyOnFailure && !failed) continue;
      try {
        await step.act();
      } catch (error) {
        this.#log.warn({step: step.what, error: String(error)}, 'clean-up step failed');
      }
    }
  }
}

/** Asks again every `everyMs` until it is so or the time is over; the last answer. */
export async function eventually(isSo: () => boolean, withinMs: number, everyMs = 20): Promise<boolean> {
  const end = performance.now() + withinMs;
  while (!isSo()) {
    if (performance.now() >= end) return false;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  return true;
}
