import {Readable} from 'node:stream';
import type {Manager} from '../manager/face.js';
import type {ManagerEvent} from '../manager/model.js';

/** Bytes kept for a reader that is slow; about 300 events. */
const BUFFER_BYTES = 64 * 1024;

/** Where a client wants to go on. */
export interface Resume {
  /** Which start of the daemon its events were from, undefined for this one. */
  readonly life: string | undefined;
  readonly id: number;
}

/** Understands what `id:` of an earlier stream said, or a plain number. Anything else is undefined. */
export function parseEventId(text: string): Resume | undefined {
  const match = /^(?:([0-9a-z]{1,12})\.)?(\d{1,15})$/.exec(text);
  if (match === null) return undefined;
  return {life: match[1], id: Number(match[2])};
}

/** Names one start of the daemon, since ids of events begin anew with each. */
export function lifeOf(manager: Manager): string {
  return Date.parse(manager.status().startedAt).toString(36);
}

/**
 * The manager's events as a text/event-stream. A reader that is slow costs one full buffer and nothing more: the subscription
 * ends, and begins again behind the last event that was written once there is room. What the manager no longer kept by
 * then is told by an event `gap`. A reader that takes nothing for three heartbeats is dropped.
 */
export class EventStream extends Readable {
  readonly #manager: Manager;
  readonly #life: string;
  readonly #timer: NodeJS.Timeout;
  /** Id of the last event that was written or that the client has; undefined: from now on. */
  #last: number | undefined;
  #unsubscribe: (() => void) | undefined;
  #subscribing = false;
  #full = false;
  #ended = false;
  #silentBeats = 0;

  constructor(manager: Manager, resume: Resume | undefined, heartbeatMs: number) {
    super({highWaterMark: BUFFER_BYTES});
    this.#manager = manager;
    this.#life = lifeOf(manager);
    this.#timer = setInterval(() => this.#beat(), heartbeatMs);
    this.#timer.unref();
    // Says at once that the stream is open, and how long a browser shall wait before it connects again.
    this.push(': fuseward events\nretry: 2000\n\n');
    if (resume === undefined) return;
    if (resume.life === undefined || resume.life === this.#life) {
      this.#last = resume.id;
    } else {
      this.#last = 0;
      this.#gap(null, null);
    }
  }

  /** Ends the stream as a whole answer; a reader that is slow may still take what is buffered. */
  end(): void {
    if (this.#ended || this.destroyed) return;
    this.#ended = true;
    clearInterval(this.#timer);
    this.#stop();
    this.push(null);
  }

  override _read(): void {
    this.#full = false;
    this.#silentBeats = 0;
    if (this.#unsubscribe !== undefined || this.#subscribing || this.#ended || this.destroyed) return;
    // The manager may deliver what it kept before subscribe() returns.
    this.#subscribing = true;
    const unsubscribe = this.#manager.subscribe(this.#last, (event) => this.#write(event));
    this.#subscribing = false;
    if (this.#full || this.destroyed) unsubscribe();
    else this.#unsubscribe = unsubscribe;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearInterval(this.#timer);
    this.#stop();
    callback(error);
  }

  #stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  #write(event: ManagerEvent): void {
    if (this.#full || this.destroyed) return;
    const last = this.#last;
    if (last !== undefined && event.id > last + 1) this.#gap(last + 1, event.id - 1);
    this.#last = event.id;
    this.#push(`id: ${this.#life}.${event.id}\nevent: ${event.event}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  #gap(from: number | null, to: number | null): void {
    this.#push(`event: gap\ndata: ${JSON.stringify({from, to})}\n\n`);
  }

  #push(text: string): void {
    if (this.push(text)) return;
    this.#full = true;
    this.#stop();
  }

  #beat(): void {
    this.#silentBeats = this.#full ? this.#silentBeats + 1 : 0;
    if (this.#silentBeats >= 3) this.destroy();
    else if (!this.#full) this.#push(': heartbeat\n\n');
  }
}
