import {MessageChannel, type MessagePort, receiveMessageOnPort} from 'node:worker_threads';
import {errnoOf} from '../sys/errno.js';
import {errnoCode} from '../sys/errno-codes.js';

/** How often a thread is woken that goes on sleeping. */
const WAKE_AGAIN_MS = 20;

/** What the main thread wants of the thread that serves requests. */
export type ThreadOrder =
  | {readonly do: 'drop' | 'freeze' | 'thaw' | 'sync' | 'shutdown'}
  | {readonly do: 'limit'; readonly bytes: number};

/** What the request thread is given to be reached by. */
export interface OrderEnd {
  /** One Int32: how many orders were ever sent. */
  readonly sent: SharedArrayBuffer;
  readonly port: MessagePort;
}

interface Done {
  readonly number: number;
  readonly error?: {readonly errno: string; readonly message: string};
}

/** An order that failed, or was not carried out in time (ETIMEDOUT). */
export class OrderError extends Error {
  readonly errno: string;
  readonly code: 'failed' | 'server-busy';

  constructor(errno: string, code: OrderError['code'], message: string) {
    super(message);
    this.name = 'OrderError';
    this.errno = errno;
    this.code = code;
  }
}

/**
 * The main thread's way to a thread that blocks in a system call and has no event loop. Each order is posted, then a number in shared
 * memory goes up, which that thread compares before each request: one load where there is nothing to do. `wake`, again and again
 * until the order is carried out, makes it look when no request comes. Orders are carried out in the order in which they were sent.
 */
export class OrderBox {
  /** To be handed to the thread, with `port` in the transfer list. */
  readonly end: OrderEnd;
  readonly #port: MessagePort;
  readonly #sent: Int32Array;
  readonly #waiting = new Map<number, (done: Done) => void>();
  /** Makes the thread look for orders, if it sleeps; may now and then fail to. Set once there is a way. */
  wake: () => void = () => {};

  constructor() {
    const {port1, port2} = new MessageChannel();
    const sent = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    this.end = {sent, port: port2};
    this.#sent = new Int32Array(sent);
    this.#port = port1;
    port1.on('message', (done: Done) => this.#waiting.get(done.number)?.(done));
    // Whether the process goes on is not for this channel to say.
    port1.unref();
  }

  /** Resolves when the order is carried out. @throws OrderError */
  send(order: ThreadOrder, timeoutMs: number): Promise<void> {
    const number = Atomics.load(this.#sent, 0) + 1;
    return new Promise((resolve, reject) => {
      const finish = (outcome: () => void): void => {
        clearTimeout(timer);
        clearInterval(waking);
        this.#waiting.delete(number);
        outcome();
      };
      const timer = setTimeout(() => {
        const late = new OrderError(
          'ETIMEDOUT',
          'server-busy',
          'the server is busy with a request and will do it after that',
        );
        finish(() => reject(late));
      }, timeoutMs);
      const waking = setInterval(() => this.wake(), WAKE_AGAIN_MS);
      this.#waiting.set(number, ({error}) =>
        finish(() => {
          if (error === undefined) resolve();
          else reject(new OrderError(error.errno, 'failed', error.message));
        }),
      );
      this.#port.postMessage(order);
      Atomics.store(this.#sent, 0, number);
      Atomics.notify(this.#sent, 0);
      this.wake();
    });
  }
}

/** The thread's end of it. */
export class OrderInbox {
  readonly #port: MessagePort;
  readonly #sent: Int32Array;
  readonly #act: (order: ThreadOrder) => void;
  #done = 0;

  constructor({sent, port}: OrderEnd, act: (order: ThreadOrder) => void) {
    this.#sent = new Int32Array(sent);
    this.#port = port;
    this.#act = act;
  }

  /** Carries out what has come. Cheap when nothing has. */
  look(): void {
    if (Atomics.load(this.#sent, 0) !== this.#done) this.#work();
  }

  /** Waits for an order, at most so long, and carries it out. */
  wait(timeoutMs: number): void {
    Atomics.wait(this.#sent, 0, this.#done, timeoutMs);
    this.look();
  }

  #work(): void {
    // Ends: a message was posted for each number before it was counted.
    while (this.#done !== Atomics.load(this.#sent, 0)) {
      const received = receiveMessageOnPort(this.#port) as {message: ThreadOrder} | undefined;
      if (received === undefined) return;
      this.#done++;
      this.#port.postMessage(this.#carryOut(received.message));
    }
  }

  #carryOut(order: ThreadOrder): Done {
    const number = this.#done;
    try {
      this.#act(order);
      return {number};
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return {number, error: {errno: errnoCode(errnoOf(error)) ?? 'EIO', message}};
    }
  }
}
