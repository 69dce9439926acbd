/** What the kernel tells of a connection at one moment. */
export interface ProgressFacts {
  /** Requests that it waits for; undefined where it does not tell. */
  readonly waiting: number | undefined;
  /** Answers that were seen so far, while requests are traced. */
  readonly answers: number | undefined;
  /** Something that grows whenever a process of the server does anything; asked only when it matters. */
  activity(): number | undefined;
}

/**
 * Whether a server that can't be asked gets on with its requests: from outside all that shows is that the kernel waits. While requests are
 * traced, an answer is progress and nothing else is; else that a process of the server did something, which a server that turns round
 * in a loop does as well.
 */
export class Progress {
  #waitingSince: number | undefined;
  #stalledSince: number | undefined;
  #answers: number | undefined;
  #activity: number | undefined;
  #known = false;

  /** @param now milliseconds of a clock that never goes back */
  look(now: number, facts: ProgressFacts): void {
    const {waiting, answers} = facts;
    this.#known = waiting !== undefined;
    if (waiting === undefined || waiting === 0) {
      this.#waitingSince = undefined;
      this.#stalledSince = undefined;
      this.#answers = answers;
      this.#activity = undefined;
      return;
    }
    this.#waitingSince ??= now;
    const activity = facts.activity();
    const isTraced = answers !== undefined && this.#answers !== undefined;
    const answered = isTraced && answers !== this.#answers;
    const acted = !isTraced && activity !== undefined && activity !== this.#activity;
    if (answered) this.#waitingSince = now;
    if (answered || acted || this.#stalledSince === undefined) this.#stalledSince = now;
    this.#answers = answers;
    this.#activity = activity;
  }

  /** For how long requests have waited without progress, milliseconds; undefined where the kernel does not tell. */
  stalledMs(now: number): number | undefined {
    if (!this.#known) return undefined;
    return this.#stalledSince === undefined ? 0 : now - this.#stalledSince;
  }

  /** For how long there has always been a request that waits, as often as was looked, and no answer was seen. */
  waitingMs(now: number): number {
    return this.#waitingSince === undefined ? 0 : now - this.#waitingSince;
  }
}
