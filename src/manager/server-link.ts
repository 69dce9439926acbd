import {
  type CloseReason,
  type ControlAnswers,
  ControlClient,
  ControlError,
  type ControlOrder,
  type ServerState,
} from '../control/index.js';
import {serverMessages} from '../control/schemas.js';

/** First and longest pause before a server is tried again. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** A server that broke the rules is left alone for so long from the start: each try costs more than it. */
const PAUSE_AFTER_BREACH_MS = 5_000;

/** What a link tells. */
export interface LinkEvents {
  /** The server broke the rules of the control channel and was dropped. */
  breach(reason: CloseReason): void;
  /** The connection ended in another way; the server may be gone. */
  lost(reason: CloseReason): void;
  /** A server has answered a ping. */
  answered(state: ServerState): void;
}

/**
 * The manager's way to one server: connects, connects again with growing pauses after the connection was lost, and asks how it
 * is once a tick. Silence is counted in ticks and not by the clock, so that a pause of the manager itself is not taken for one
 * of the server: between two ticks the event loop has read whatever had arrived.
 */
export class ServerLink {
  readonly #path: string;
  #events: LinkEvents | undefined;
  /** What happened before anybody listened. */
  #untold: Array<(events: LinkEvents) => void> = [];
  #client: ControlClient | undefined;
  #trying: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #closed = false;
  #pinging = false;
  #silentTicks = 0;
  #answered = false;
  #state: ServerState | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#connect();
  }

  /** Tells from now on what happens, and in a moment what has happened since the beginning. To be called once. */
  listen(events: LinkEvents): void {
    this.#events = events;
    queueMicrotask(() => {
      for (const tell of this.#untold.splice(0)) if (!this.#closed) tell(events);
    });
  }

  get connected(): boolean {
    return this.#client !== undefined;
  }

  /** Whether the server has ever answered a ping. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Ticks that a ping has waited for its answer, or that there was nobody to ask. */
  get silentTicks(): number {
    return this.#silentTicks;
  }

  /** What the last answer said. */
  get state(): ServerState | undefined {
    return this.#state;
  }

  /** Counts the silence and asks again. */
  tick(): void {
    if (this.#client === undefined || this.#pinging) {
      this.#silentTicks++;
      return;
    }
    this.#ping(this.#client);
  }

  /** Waits until the server is connected, or `withinMs` are over. */
  async connectedWithin(withinMs: number): Promise<boolean> {
    if (this.connected || this.#trying === undefined) return this.connected;
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    await Promise.race([this.#trying, over]);
    clearTimeout(timer);
    return this.connected;
  }

  /** @throws ControlError */
  async ask<O extends ControlOrder>(order: O, answerMs?: number): Promise<ControlAnswers[O['do']]> {
    const client = this.#client;
    if (client === undefined) throw new ControlError('closed', 'not-connected', 'there is no connection');
    return await client.request(order, answerMs === undefined ? {} : {answerMs});
  }

  /** Takes over what an order was answered with, which is newer than the last ping. */
  note(state: ServerState): void {
    this.#state = {
      queueDepth: state.queueDepth,
      oldestMs: state.oldestMs,
      held: state.held,
      frozen: state.frozen,
      shutDown: state.shutDown,
      ...(state.transport === undefined ? {} : {transport: state.transport}),
    };
  }

  /** Ends it. Idempotent. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#client?.close();
    this.#client = undefined;
  }

  #connect(): void {
    this.#trying = ControlClient.connect(this.#path, serverMessages).then(
      (client) => this.#keep(client),
      (error: ControlError) => {
        // A breach during the hello comes as an error and not as an event.
        const kind = BREACHES.has(error.code) ? 'protocol' : 'gone';
        this.#lose({kind, code: error.code, message: error.message});
      },
    );
  }

  #keep(client: ControlClient): void {
    if (this.#closed) {
      client.close();
      return;
    }
    if (client.closed !== undefined) {
      this.#lose(client.closed);
      return;
    }
    this.#client = client;
    client.once('closed', (reason) => this.#lose(reason));
    this.#ping(client);
  }

  #lose(reason: CloseReason): void {
    this.#client = undefined;
    this.#pinging = false;
    if (this.#closed || reason.kind === 'ours') return;
    if (reason.kind === 'protocol') {
      this.#pauseMs = Math.max(this.#pauseMs, PAUSE_AFTER_BREACH_MS);
      this.#tell((events) => events.breach(reason));
    } else this.#tell((events) => events.lost(reason));
    // What was told may have ended the link.
    if (this.#closed) return;
    this.#retry = setTimeout(() => this.#connect(), this.#pauseMs);
    this.#retry.unref();
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
  }

  #tell(what: (events: LinkEvents) => void): void {
    if (this.#events === undefined) this.#untold.push(what);
    else what(this.#events);
  }

  #ping(client: ControlClient): void {
    this.#pinging = true;
    // Answered or not, it is the only one on its way; how long to wait is the ticks' to say.
    client.request({do: 'ping'}, {answerMs: NEVER_MS}).then(
      (state) => {
        if (client !== this.#client) return;
        this.#pinging = false;
        this.#silentTicks = 0;
        this.#answered = true;
        this.#pauseMs = FIRST_PAUSE_MS;
        this.note(state);
        this.#tell((events) => events.answered(state));
      },
      () => {
        // Refused, which no server of ours does and is no answer, or the connection ended, which `lose` deals with.
        if (client !== this.#client) return;
        this.#pinging = false;
        this.#silentTicks++;
      },
    );
  }
}

const NEVER_MS = 2 ** 31 - 1;
const BREACHES: ReadonlySet<string> = new Set([
  'size',
  'encoding',
  'value',
  'schema',
  'unknown-id',
  'rate',
  'hello',
]);
