import type {OperationNumbers} from '../../control/messages.js';
import {COUNTERS_BYTE_LENGTH, CounterArray, OPCODE, opcodeName} from '../../fuse/index.js';
import type {RequestEvent} from './request-events.js';

/** Requests without an answer that are remembered for one connection; the oldest are forgotten first. */
const MOST_PENDING = 4096;

interface Pending {
  readonly opcode: number;
  readonly timeNs: number;
  readonly length: number;
}

/** What was seen of one connection's requests: counted as a server of ours counts its own. */
export class TracedRequests {
  readonly #counters = new CounterArray(new ArrayBuffer(COUNTERS_BYTE_LENGTH));
  readonly #pending = new Map<number, Pending>();
  #answers = 0;

  /** Answers seen so far, those included whose request was not seen. */
  get answers(): number {
    return this.#answers;
  }

  /** Requests that are seen to wait for an answer. */
  get pending(): number {
    return this.#pending.size;
  }

  /**
   * Takes an event. Requests and answers have to come in the order of their times.
   * @returns false for an answer to nothing that was seen
   */
  take(event: RequestEvent): boolean {
    if (event.kind === 'send') {
      const {opcode, timeNs, length} = event;
      if (this.#pending.size >= MOST_PENDING) {
        const [oldest] = this.#pending.keys();
        this.#pending.delete(oldest!);
      }
      this.#pending.set(event.unique, {opcode, timeNs, length});
      return true;
    }
    this.#answers++;
    return this.takeLate(event);
  }

  /** Takes an answer once more, whose request may have been seen meanwhile. @returns as `take` */
  takeLate(event: RequestEvent): boolean {
    const request = this.#pending.get(event.unique);
    if (request === undefined) return false;
    this.#pending.delete(event.unique);
    const nanoseconds = Math.max(0, event.timeNs - request.timeNs);
    this.#counters.record(request.opcode, Math.abs(event.error), nanoseconds, request.length, event.length);
    return true;
  }

  /** Events were lost: what waits may have been answered. */
  forgetPending(): void {
    this.#pending.clear();
  }

  /** What was counted, by opcode name; those that never came are left out, those without a name are OTHER. */
  operations(): Record<string, OperationNumbers> {
    const operations: Record<string, OperationNumbers> = {};
    for (const opcode of [0, ...Object.values(OPCODE)]) {
      // Row 0 takes this one and all others that have no row of their own.
      if (opcode === OPCODE.CUSE_INIT) continue;
      const counts = this.#counters.read(opcode);
      if (counts.count > 0) operations[opcode === 0 ? 'OTHER' : opcodeName(opcode)] = counts;
    }
    return operations;
  }
}
