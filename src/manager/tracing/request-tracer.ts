import type {OperationNumbers} from '../../control/messages.js';
import type {Clock} from '../clock.js';
import type {ManagerLog} from '../log.js';
import type {RequestEvent} from './request-events.js';
import {TraceInstance} from './trace-instance.js';
import {TracedRequests} from './traced-requests.js';
import {Tracefs} from './tracefs.js';

/** The kernel's buffers are emptied this often. */
const READ_MS = 100;

/** After a failure it is tried again when somebody wants to know, but not before so long. */
const RETRY_MS = 60_000;

/** What is known of one connection's requests from outside. */
export interface TracedNumbers {
  /** By opcode name, since it was first traced, as far as it was traced. */
  readonly operations: Readonly<Record<string, OperationNumbers>>;
  readonly pending: number;
  /** For how long it was traced in all, milliseconds. */
  readonly tracedMs: number;
  /** Times that events were lost because too many came at once. */
  readonly gaps: number;
}

interface Traced {
  readonly requests: TracedRequests;
  wantedUntil: number;
  /** When tracing began that goes on; undefined while it is off. */
  since: number | undefined;
  tracedMs: number;
  gaps: number;
}

/**
 * Counts the requests of connections whose servers count nothing themselves, by the kernel's tracepoints, as long as somebody wants to
 * know. While nobody does there is no instance and requests cost nothing more.
 */
export class RequestTracer {
  readonly #clock: Clock;
  readonly #log: ManagerLog;
  readonly #traced = new Map<number, Traced>();
  #tracefs: Tracefs | undefined;
  #instance: TraceInstance | undefined;
  #unsupported: {readonly reason: string; readonly until: number} | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Answers whose requests were not seen: those may be in the buffer of another processor, to be read in the next round. */
  #early: RequestEvent[] = [];
  #closed = false;
  /** Changes are made one after the other, by other threads, since the kernel takes its time for them. */
  #changes: Promise<void>;

  constructor({clock, log}: {clock: Clock; log: ManagerLog}) {
    this.#clock = clock;
    this.#log = log;
    // Instances of dead managers slow down requests of others, whether anybody asks or not.
    this.#changes = this.#open().catch((error) => this.#giveUp(error));
  }

  /** Why requests can't be traced here; undefined as long as nothing speaks against it. */
  get unsupported(): string | undefined {
    return this.#unsupported?.reason;
  }

  /** Whether a connection's requests are counted at this moment. */
  traces(connection: number): boolean {
    return this.#traced.get(connection)?.since !== undefined;
  }

  /** Answers seen of a connection that is traced at this moment. */
  answersOf(connection: number): number | undefined {
    const traced = this.#traced.get(connection);
    return traced?.since === undefined ? undefined : traced.requests.answers;
  }

  /**
   * Has a connection traced for so long from now on, or longer where that was wanted already.
   * @returns when it is, or can't be
   */
  async want(connection: number, forMs: number): Promise<void> {
    if (this.#closed) return;
    const now = this.#clock.monotonic();
    if (this.#unsupported !== undefined && now < this.#unsupported.until) return;
    const until = now + forMs;
    const traced = this.#traced.get(connection);
    if (traced === undefined) {
      const requests = new TracedRequests();
      this.#traced.set(connection, {requests, wantedUntil: until, since: undefined, tracedMs: 0, gaps: 0});
    } else traced.wantedUntil = Math.max(traced.wantedUntil, until);
    if (!this.traces(connection)) await this.#adjust();
  }

  /** What was counted, up to this moment. */
  numbersOf(connection: number): TracedNumbers | undefined {
    try {
      this.#read();
    } catch (error) {
      this.#giveUp(error);
    }
    const traced = this.#traced.get(connection);
    if (traced === undefined) return undefined;
    const {requests, since, tracedMs, gaps} = traced;
    const running = since === undefined ? 0 : this.#clock.monotonic() - since;
    return {operations: requests.operations(), pending: requests.pending, tracedMs: tracedMs + running, gaps};
  }

  /** The mount is gone; its number may become another's. */
  forget(connection: number): void {
    if (this.#traced.delete(connection)) void this.#adjust();
  }

  /** Nothing is left of it. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#changes;
    await this.#stop();
    this.#tracefs?.close();
    this.#tracefs = undefined;
  }

  #tick(): void {
    try {
      this.#read();
    } catch (error) {
      this.#giveUp(error);
      return;
    }
    const now = this.#clock.monotonic();
    const ended = [...this.#traced.values()].some(
      ({since, wantedUntil}) => since !== undefined && wantedUntil <= now,
    );
    if (ended) void this.#adjust();
  }

  /** Traces what is wanted and nothing else, after what is being changed now. Never fails. */
  #adjust(): Promise<void> {
    this.#changes = this.#changes.then(() => this.#apply()).catch((error) => this.#giveUp(error));
    return this.#changes;
  }

  /** @throws Error or Errno that says what this kernel lacks */
  async #open(): Promise<void> {
    this.#tracefs = Tracefs.open();
    await this.#tracefs.sweep();
  }

  async #apply(): Promise<void> {
    if (this.#closed) return;
    const begun = this.#clock.monotonic();
    const wanted = [...this.#traced].filter(([, {wantedUntil}]) => wantedUntil > begun);
    if (wanted.length === 0) await this.#stop();
    else {
      if (this.#tracefs === undefined) await this.#open();
      this.#instance ??= await TraceInstance.open(this.#tracefs!);
      await this.#instance.trace(wanted.map(([connection]) => connection));
      this.#unsupported = undefined;
      this.#timer ??= setInterval(() => this.#tick(), READ_MS).unref();
    }
    const now = this.#clock.monotonic();
    const isTraced = new Set(wanted.map(([connection]) => connection));
    for (const [connection, traced] of this.#traced) {
      if (isTraced.has(connection)) traced.since ??= now;
      else if (traced.since !== undefined) {
        traced.tracedMs += now - traced.since;
        traced.since = undefined;
        traced.requests.forgetPending();
      }
    }
  }

  #read(): void {
    if (this.#instance === undefined) return;
    const {events, gaps} = this.#instance.read();
    if (gaps > 0) {
      for (const traced of this.#traced.values()) {
        if (traced.since === undefined) continue;
        traced.gaps += gaps;
        traced.requests.forgetPending();
      }
    }
    const before = this.#early;
    this.#early = [];
    for (const event of events) {
      const taken = this.#traced.get(event.connection)?.requests.take(event);
      if (taken === false) this.#early.push(event);
    }
    for (const event of before) this.#traced.get(event.connection)?.requests.takeLate(event);
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#early = [];
    const instance = this.#instance;
    this.#instance = undefined;
    await instance?.close();
  }

  #giveUp(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#unsupported = {reason, until: this.#clock.monotonic() + RETRY_MS};
    this.#log.info({error: reason}, "requests of others' servers are not counted");
    const now = this.#clock.monotonic();
    for (const traced of this.#traced.values()) {
      if (traced.since !== undefined) traced.tracedMs += now - traced.since;
      traced.since = undefined;
      traced.wantedUntil = 0;
    }
    const tracefs = this.#tracefs;
    this.#tracefs = undefined;
    this.#changes = this.#changes.then(() => this.#stop()).then(() => tracefs?.close());
  }
}
