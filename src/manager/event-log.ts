import type {ManagerEvent} from './model.js';

/** What can happen, by name. */
export type EventName = ManagerEvent['event'];

/** How many events are kept for those who come later. */
export const EVENTS_KEPT = 1000;

/** What an event is about; nothing of it for one that is about no mount. */
export interface EventSubject {
  readonly id: string;
  readonly target: string;
}

/** Where events are kept over a restart of the daemon. */
export interface EventKeeping {
  /** Those of earlier lives, in order. */
  readonly earlier: readonly ManagerEvent[];
  /** Must not throw. */
  keep(event: ManagerEvent): void;
}

/** The last events, in order, and those who listen for more. Ids go on where those of earlier lives end, or begin at 1. */
export class EventLog {
  readonly #kept: ManagerEvent[] = [];
  readonly #listeners = new Set<(event: ManagerEvent) => void>();
  readonly #onFailure: (error: unknown) => void;
  readonly #now: () => number;
  readonly #keeping: EventKeeping | undefined;
  #last = 0;

  /** @param onFailure gets what a listener throws; the others are called all the same */
  constructor(now: () => number, onFailure: (error: unknown) => void, keeping?: EventKeeping) {
    this.#now = now;
    this.#onFailure = onFailure;
    this.#keeping = keeping;
    this.#kept.push(...(keeping?.earlier ?? []).slice(-EVENTS_KEPT));
    this.#last = this.#kept.at(-1)?.id ?? 0;
  }

  /** Keeps an event and tells it to everybody who listens. */
  add(event: EventName, subject: EventSubject | undefined, details: Record<string, unknown>): ManagerEvent {
    const entry: ManagerEvent = {
      id: ++this.#last,
      time: new Date(this.#now()).toISOString(),
      event,
      mount: subject?.id ?? null,
      target: subject?.target ?? null,
      details,
    };
    this.#kept.push(entry);
    if (this.#kept.length > EVENTS_KEPT) this.#kept.shift();
    this.#keeping?.keep(entry);
    for (const listener of [...this.#listeners]) this.#tell(listener, entry);
    return entry;
  }

  /**
   * Calls back for the kept events after `since` at once, then for each new one, until the returned function is called. Without
   * `since` only new ones are told. A `since` that this log has not reached is from an earlier life of the daemon: then
   * everything kept is new to the caller.
   */
  subscribe(since: number | undefined, listener: (event: ManagerEvent) => void): () => void {
    if (since !== undefined) {
      const after = since > this.#last ? 0 : since;
      for (const event of this.#kept.filter(({id}) => id > after)) this.#tell(listener, event);
    }
    // Wrapped, so that the same function may listen twice and each end ends one of them.
    const own = (event: ManagerEvent): void => listener(event);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  #tell(listener: (event: ManagerEvent) => void, event: ManagerEvent): void {
    try {
      listener(event);
    } catch (error) {
      this.#onFailure(error);
    }
  }
}
