import {REPLY_BODY, type RequestSlot, type SendReply} from './request-slot.js';
import {outHeader} from './structs/header.js';

/** A request that waits until modifying requests are let through again. */
export interface HeldRequest {
  /** `RequestSlot.key`. */
  readonly key: number;
  readonly opcode: number;
  readonly uniqueLow: number;
  readonly uniqueHigh: number;
  /** The whole request. */
  readonly bytes: Uint8Array;
  readonly startedMs: number;
  readonly send: SendReply;
  readonly mayWait: boolean;
}

/** What is held at most. Then no request is read until some go on: those that wait for an answer are few bytes each, writes up to 1 MiB. */
const MOST_REQUESTS = 1024;
const MOST_BYTES = 32 << 20;

/** Requests that are held back, in the order in which they came. */
export class HeldRequests {
  readonly #requests = new Map<number, HeldRequest>();
  #bytes = 0;

  get size(): number {
    return this.#requests.size;
  }

  /** Whether no more may come. */
  get full(): boolean {
    return this.#requests.size >= MOST_REQUESTS || this.#bytes >= MOST_BYTES;
  }

  /** Keeps what is in a slot, which is free then. */
  add(slot: RequestSlot, mayWait: boolean): void {
    const {key, opcode, uniqueLow, uniqueHigh, startedMs, requestEnd} = slot;
    this.take(key);
    const bytes = slot.request.slice(0, requestEnd);
    // A request is begun with it.
    const send = slot.send as SendReply;
    this.#requests.set(key, {key, opcode, uniqueLow, uniqueHigh, bytes, startedMs, send, mayWait});
    this.#bytes += bytes.length;
  }

  /** Gives one out, by its key. */
  take(key: number): HeldRequest | undefined {
    const request = this.#requests.get(key);
    if (request === undefined) return undefined;
    this.#requests.delete(key);
    this.#bytes -= request.bytes.length;
    return request;
  }

  /** Gives the first one out. */
  takeFirst(): HeldRequest | undefined {
    for (const key of this.#requests.keys()) return this.take(key);
    return undefined;
  }
}

/** The reply of a request that never got to its handler: REPLY_BODY bytes with an error. */
export function errorReply({uniqueLow, uniqueHigh}: HeldRequest, errno: number): Uint8Array {
  const reply = new Uint8Array(REPLY_BODY);
  const view = new DataView(reply.buffer);
  view.setUint32(outHeader.at.len, REPLY_BODY, true);
  view.setInt32(outHeader.at.error, -errno, true);
  view.setUint32(outHeader.at.uniqueLow, uniqueLow, true);
  view.setUint32(outHeader.at.uniqueHigh, uniqueHigh, true);
  return reply;
}
