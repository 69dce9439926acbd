import type {MessagePort} from 'node:worker_threads';
import {ERRNO} from '../sys/errno-codes.js';
import {writeBytes} from '../sys/raw-io.js';

/** Notifications that wait for the kernel at most, and their bytes. */
const MOST_WAITING = 1_024;
const MOST_BYTES = 4 * 2 ** 20;

/** Int32 cells of what both threads see. */
const WAITING = 0;
const BYTES = 1;
const REFUSED = 2;
const CELLS = 3;

/** The two ends of a queue between two threads, as they are handed over. */
export interface QueueEnd {
  readonly cells: SharedArrayBuffer;
  readonly port: MessagePort;
}

/** What the ends of a queue share. */
export function queueCells(): SharedArrayBuffer {
  return new SharedArrayBuffer(CELLS * Int32Array.BYTES_PER_ELEMENT);
}

/**
 * Notifications on their way to the kernel have a thread of their own: writing one may wait for a lock that is held by somebody who
 * waits for an answer, and answers come through the thread that reads the server.
 */
export class NotificationQueue {
  readonly #cells: Int32Array;
  readonly #port: MessagePort;

  constructor({cells, port}: QueueEnd) {
    this.#cells = new Int32Array(cells);
    this.#port = port;
  }

  /** Whether nothing waits. */
  get empty(): boolean {
    return Atomics.load(this.#cells, WAITING) === 0;
  }

  /** How many the kernel has not taken since this was asked last. */
  takeRefused(): number {
    return Atomics.exchange(this.#cells, REFUSED, 0);
  }

  /** Hands a copy over. @returns false when too many wait already */
  add(message: Uint8Array): boolean {
    const waiting = Atomics.load(this.#cells, WAITING);
    const bytes = Atomics.load(this.#cells, BYTES);
    if (waiting >= MOST_WAITING || bytes + message.length > MOST_BYTES) return false;
    Atomics.add(this.#cells, WAITING, 1);
    Atomics.add(this.#cells, BYTES, message.length);
    const copy = message.slice();
    this.#port.postMessage(copy, [copy.buffer]);
    return true;
  }
}

/** The other end: writes to the kernel what comes, one after the other. Keeps the thread alive. */
export function writeNotifications(fuseFd: number, {cells, port}: QueueEnd): void {
  const counts = new Int32Array(cells);
  port.on('message', (message: Uint8Array) => {
    const result = writeBytes(fuseFd, message, message.length);
    // ENOENT: the kernel does not know the node or name, or not any more, and so need not forget it.
    if (result === -ERRNO.EINVAL || result === -ERRNO.EIO) Atomics.add(counts, REFUSED, 1);
    Atomics.sub(counts, BYTES, message.length);
    Atomics.sub(counts, WAITING, 1);
  });
}
