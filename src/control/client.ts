import {EventEmitter} from 'node:events';
import {connect, type Socket} from 'node:net';
import {type ControlMessage, encodeFrame, FrameError, FrameReader} from './frame.js';
import type {ControlAnswers, ControlOrder, ControlRefusal, HelloEvent, OrderName} from './messages.js';

/** Says whether what a server sent is what it must be; `schemas.ts` has one. A client believes nothing else. */
export interface ServerMessageCheck {
  hello(value: unknown): value is HelloEvent;
  answer(order: OrderName, value: unknown): boolean;
  refusal(value: unknown): value is ControlRefusal;
}

/** Why a connection ended. */
export interface CloseReason {
  /** `gone`: the server closed it; `protocol`: the server broke the rules; `ours`: `close` was called. */
  readonly kind: 'gone' | 'protocol' | 'ours';
  /** Stable short name: `size`, `encoding`, `value`, `schema`, `unknown-id`, `rate`, `hello`, `closed`, or Node's error code. */
  readonly code: string;
  readonly message: string;
}

/** What is borne of a server. */
export interface ClientLimits {
  /** Questions that may be without an answer; a further one is refused. */
  readonly outstanding: number;
  /** How long a question waits, ms. The connection goes on; the answer may still come, to nobody. */
  readonly answerMs: number;
  /** How long connecting and the hello may take, ms. */
  readonly helloMs: number;
  /** Bytes a server may send in a second. */
  readonly bytesPerSecond: number;
}

const LIMITS: ClientLimits = {outstanding: 8, answerMs: 2_000, helloMs: 2_000, bytesPerSecond: 2 ** 20};
const LARGEST_ID = 2 ** 31 - 1;
const SECOND_MS = 1000;

/** An order that was not carried out: refused by the server, not answered in time, or the connection ended. */
export class ControlError extends Error {
  /** `refused` by the server; `timeout`; `busy` too many unanswered; `closed`. */
  readonly kind: 'refused' | 'timeout' | 'busy' | 'closed';
  readonly errno: string | undefined;
  readonly code: string;

  constructor(kind: ControlError['kind'], code: string, message: string, errno?: string) {
    super(message);
    this.name = 'ControlError';
    this.kind = kind;
    this.code = code;
    this.errno = errno;
  }
}

interface Waiting {
  readonly order: OrderName;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: ControlError) => void;
}

/**
 * A connection to a running server's control socket. The other end is taken for hostile: anything that was not asked for, is not
 * what it must be, or is too much ends the connection.
 *
 * Emits `closed` with a reason, once. Never emits `error`.
 */
export class ControlClient extends EventEmitter<{closed: [reason: CloseReason]}> {
  readonly #socket: Socket;
  readonly #check: ServerMessageCheck;
  readonly #limits: ClientLimits;
  readonly #reader = new FrameReader();
  readonly #waiting = new Map<number, Waiting>();
  #hello: HelloEvent | undefined;
  #greeted: ((reason?: CloseReason) => void) | undefined;
  #closed: CloseReason | undefined;
  #lastId = 0;
  #windowEnd = 0;
  #windowBytes = 0;

  /**
   * Connects and waits for the hello.
   * @throws ControlError `closed` or `timeout` when that does not work
   */
  static async connect(
    path: string,
    check: ServerMessageCheck,
    limits: Partial<ClientLimits> = {},
  ): Promise<ControlClient> {
    const client = new ControlClient(connect(path), check, {...LIMITS, ...limits});
    await client.#greeting();
    return client;
  }

  private constructor(socket: Socket, check: ServerMessageCheck, limits: ClientLimits) {
    super();
    this.#socket = socket;
    this.#check = check;
    this.#limits = limits;
    socket.on('data', (bytes) => this.#receive(bytes));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#end({kind: 'gone', code: error.code ?? 'closed', message: error.message});
    });
    socket.on('close', () => this.#end({kind: 'gone', code: 'closed', message: 'the server closed it'}));
    // A connection alone keeps no process alive.
    socket.unref();
  }

  /** What the server said of itself. */
  get hello(): HelloEvent {
    // `connect` hands out no client without one.
    return this.#hello as HelloEvent;
  }

  /** Why the connection ended; undefined while it lives. */
  get closed(): CloseReason | undefined {
    return this.#closed;
  }

  /** Questions without an answer, those that nobody waits for any more included. */
  get outstanding(): number {
    return this.#waiting.size;
  }

  /** Asks the server and gives its checked answer. @throws ControlError */
  request<O extends ControlOrder>(
    order: O,
    options: {answerMs?: number} = {},
  ): Promise<ControlAnswers[O['do']]> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) {
        reject(new ControlError('closed', this.#closed.code, this.#closed.message));
        return;
      }
      if (this.#waiting.size >= this.#limits.outstanding) {
        reject(new ControlError('busy', 'busy', `${this.#waiting.size} questions have no answer yet`));
        return;
      }
      const id = this.#nextId();
      const answerMs = options.answerMs ?? this.#limits.answerMs;
      const timer = setTimeout(() => {
        reject(new ControlError('timeout', 'timeout', `no answer in ${answerMs} ms`, 'ETIMEDOUT'));
      }, answerMs);
      const take = resolve as (answer: unknown) => void;
      this.#waiting.set(id, {order: order.do, timer, resolve: take, reject});
      this.#socket.write(encodeFrame({id, ...order}));
    });
  }

  /** Ends the connection. Idempotent. */
  close(): void {
    this.#end({kind: 'ours', code: 'closed', message: 'closed here'});
  }

  #greeting(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#end({kind: 'gone', code: 'timeout', message: `no hello in ${this.#limits.helloMs} ms`});
      }, this.#limits.helloMs);
      this.#greeted = (reason) => {
        clearTimeout(timer);
        this.#greeted = undefined;
        if (reason === undefined) resolve();
        else {
          const kind = reason.code === 'timeout' ? 'timeout' : 'closed';
          reject(new ControlError(kind, reason.code, reason.message));
        }
      };
    });
  }

  #nextId(): number {
    // Ends: fewer ids are in use than there are.
    do this.#lastId = this.#lastId === LARGEST_ID ? 1 : this.#lastId + 1;
    while (this.#waiting.has(this.#lastId));
    return this.#lastId;
  }

  #receive(bytes: Uint8Array): void {
    if (this.#closed !== undefined || this.#tooFast(bytes.length)) return;
    let messages: ControlMessage[];
    try {
      messages = this.#reader.push(bytes);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#breach(error.code, error.message);
      return;
    }
    for (const message of messages) {
      if (this.#closed !== undefined) return;
      if (this.#hello === undefined) this.#takeHello(message);
      else this.#takeAnswer(message);
    }
  }

  #tooFast(length: number): boolean {
    const now = performance.now();
    if (now >= this.#windowEnd) {
      this.#windowEnd = now + SECOND_MS;
      this.#windowBytes = 0;
    }
    this.#windowBytes += length;
    if (this.#windowBytes <= this.#limits.bytesPerSecond) return false;
    this.#breach('rate', `more than ${this.#limits.bytesPerSecond} bytes in a second`);
    return true;
  }

  #takeHello(message: ControlMessage): void {
    if (!this.#check.hello(message)) {
      this.#breach('hello', 'the first message is no hello of a protocol that is known');
      return;
    }
    this.#hello = message;
    this.#greeted?.();
  }

  #takeAnswer({id, ok, error}: ControlMessage): void {
    const waiting = typeof id === 'number' ? this.#waiting.get(id) : undefined;
    if (waiting === undefined) {
      this.#breach('unknown-id', 'an answer that nobody asked for');
      return;
    }
    const refused = ok === undefined;
    if (refused ? !this.#check.refusal(error) : !this.#check.answer(waiting.order, ok)) {
      this.#breach('schema', `the answer to ${waiting.order} is not what it must be`);
      return;
    }
    this.#waiting.delete(id as number);
    clearTimeout(waiting.timer);
    if (!refused) {
      waiting.resolve(ok);
      return;
    }
    const {errno, code, message} = error as ControlRefusal;
    waiting.reject(new ControlError('refused', code, message, errno));
  }

  #breach(code: string, message: string): void {
    this.#end({kind: 'protocol', code, message});
  }

  #end(reason: CloseReason): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#socket.destroy();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const {timer, reject} of waiting) {
      clearTimeout(timer);
      reject(new ControlError('closed', reason.code, reason.message));
    }
    this.#greeted?.(reason);
    this.emit('closed', reason);
  }
}
