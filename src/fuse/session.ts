import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import type {SessionCounters} from './counters.js';
import {DispatchTable} from './dispatch-table.js';
import {failure} from './failure.js';
import type {FileSystem} from './file-system.js';
import {errorReply, type HeldRequest, HeldRequests} from './held-requests.js';
import {type ConnectionInfo, checkInitOptions, encodeInitReply, type InitOptions, negotiate} from './init.js';
import {InvalidReplyError} from './invalid-reply.js';
import {NodeTypes} from './node-types.js';
import {OPCODE, opcodeName} from './opcodes.js';
import {isPromise, type Operation, type OperationTarget} from './operation.js';
import {REPLY_BODY, REQUEST_BODY, RequestSlot, type SendReply} from './request-slot.js';
import {checkedLimits, HOLD, SERVE, type SessionHooks, type SessionOptions} from './session-options.js';
import {outHeader} from './structs/header.js';

/** The largest error number that a reply can carry. */
const LARGEST_ERRNO = 511;
const NOT_MEASURED = -1;

/**
 * Serves the requests of one connection, whatever brings them: it takes a request in a slot and hands at most one reply to a
 * `send` function. A transport repeats
 *
 *     const slot = session.acquire();          // undefined: too many wait, try again when onFree was called
 *     const length = read(slot.request);       // one whole request
 *     session.handle(slot, length, send);      // the session owns the slot from here on
 *
 * Rules: every request that has an answer gets exactly one; no exception of a handler leaves `handle`; a handler that returns without
 * a promise is answered before `handle` returns, and its slot is used again at once.
 */
export class Session implements OperationTarget {
  readonly fs: FileSystem;
  readonly entryTimeout: number;
  readonly attrTimeout: number;
  /** Transports call those that concern them. */
  readonly hooks: SessionHooks;
  connection: ConnectionInfo | undefined;
  /** Called when a slot comes back after `acquire` had none. For transports. */
  onFree: (() => void) | undefined;

  readonly #init: InitOptions;
  readonly #counters: SessionCounters | null;
  readonly #table: DispatchTable;
  readonly #requestBytes: number;
  readonly #replyBytes: number;
  readonly #longestName: number;
  readonly #maxConcurrent: number;
  readonly #types: NodeTypes;
  readonly #free: RequestSlot[] = [];
  #slots = 0;
  #starving = false;
  /** Requests whose promise is not settled, by `RequestSlot.key`. */
  readonly #waiting = new Map<number, RequestSlot>();
  readonly #held = new HeldRequests();
  /** Slots that are being served at this moment: handlers never call back, but hooks may. */
  #serving = false;
  /** Held requests that are still to go on after `resume`. */
  #resumeLeft = 0;
  #destroyed = false;
  #shutDown = false;
  /** Goes on with DESTROY when nothing but it is waiting. */
  #lastOne: (() => void) | undefined;

  /** @throws RangeError for options out of range. */
  constructor(fs: FileSystem, options: SessionOptions = {}, hooks: SessionHooks = {}) {
    this.#init = options.init ?? {};
    checkInitOptions(this.#init);
    this.fs = fs;
    this.entryTimeout = options.entryTimeout ?? 1;
    this.attrTimeout = options.attrTimeout ?? 1;
    this.connection = options.connection;
    this.hooks = hooks;
    this.#counters = hooks.counters ?? null;
    this.#table = new DispatchTable(options.operations);
    const {requestBytes, replyBytes, longestName, maxConcurrent} = checkedLimits(options);
    this.#requestBytes = requestBytes;
    this.#replyBytes = replyBytes;
    this.#longestName = longestName;
    this.#maxConcurrent = maxConcurrent;
    this.#types = options.nodeTypes ?? new NodeTypes();
  }

  /** Number of requests whose handlers have not finished. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Number of requests that are held. */
  get held(): number {
    return this.#held.size;
  }

  /** A slot to read the next request into; undefined while as many requests wait, or are held, as may. */
  acquire(): RequestSlot | undefined {
    if (this.#held.full) {
      this.#starving = true;
      return undefined;
    }
    return this.#acquire();
  }

  #acquire(): RequestSlot | undefined {
    const slot = this.#free.pop();
    if (slot) return slot;
    if (this.#slots >= this.#maxConcurrent) {
      this.#starving = true;
      return undefined;
    }
    this.#slots++;
    return new RequestSlot(this.#requestBytes, this.#replyBytes, this.#longestName, this.#types);
  }

  /** Gives back a slot that was not used. */
  release(slot: RequestSlot): void {
    this.#free.push(slot);
    if (this.#resumeLeft > 0 && !this.#serving) this.#serveHeld();
    this.#tellFree();
  }

  #tellFree(): void {
    if (!this.#starving) return;
    this.#starving = false;
    this.onFree?.();
  }

  /**
   * Serves the request of `length` bytes in `slot`. The reply goes to `send`, now or when the handler's promise is settled.
   * With `mayWait` false a promise is a defect and answered with EIO: for transports that block the event loop.
   */
  handle(slot: RequestSlot, length: number, send: SendReply, mayWait = true): void {
    if (length < REQUEST_BODY) {
      this.#handleFragment(slot, length, send);
      return;
    }
    this.#serve(slot, length, send, mayWait, this.#counters === null ? 0 : performance.now());
    if (this.#resumeLeft > 0) this.#serveHeld();
  }

  /**
   * Serves the requests that are held now again, as if they came now; `intercept` is asked about each. It begins at once or, called
   * by a hook, after the request being served; those for which there is no slot follow as slots become free.
   */
  resume(): void {
    this.#resumeLeft = this.#held.size;
    if (!this.#serving) this.#serveHeld();
  }

  #serveHeld(): void {
    // Ends: what is held again comes after those that were counted.
    while (this.#resumeLeft > 0 && this.#held.size > 0) {
      const slot = this.#acquire();
      if (slot === undefined) return;
      this.#resumeLeft--;
      // `size` says that there is one.
      const {bytes, send, mayWait, startedMs} = this.#held.takeFirst()!;
      slot.request.set(bytes);
      this.#serve(slot, bytes.length, send, mayWait, startedMs);
    }
    this.#resumeLeft = 0;
    this.#tellFree();
  }

  #serve(slot: RequestSlot, length: number, send: SendReply, mayWait: boolean, startedMs: number): void {
    const sound = slot.begin(length, send);
    slot.startedMs = startedMs;
    this.#tellServing(1, slot);
    this.#serving = true;
    try {
      this.#dispatch(slot, sound, mayWait);
    } finally {
      this.#serving = false;
    }
    this.#tellServing(0, slot);
  }

  /** @param now requests being served beside those that wait for promises; @param latest the one that is or was */
  #tellServing(now: 0 | 1, latest: RequestSlot): void {
    if (this.#counters?.serving === undefined) return;
    const waiting = this.#waiting.size;
    const {startedMs} = waiting === 0 ? latest : (this.#waiting.values().next().value ?? latest);
    this.#counters.serving(waiting + now, startedMs, this.#held.size);
  }

  #dispatch(slot: RequestSlot, sound: boolean, mayWait: boolean): void {
    const row = this.#table.find(slot.opcode);
    if (!sound) {
      this.#reject(slot, row, ERRNO.EINVAL, 'a header that contradicts itself');
      return;
    }
    if (row === undefined) {
      this.#answer(slot, ERRNO.ENOSYS, 0);
      return;
    }
    if (slot.bodyEnd - REQUEST_BODY < row.bodySize) {
      this.#reject(slot, row, ERRNO.EINVAL, 'a body too short');
      return;
    }
    if (this.connection === undefined && slot.opcode !== OPCODE.INIT) {
      this.#reject(slot, row, ERRNO.EIO, 'before INIT');
      return;
    }
    if (this.#shutDown && row.replySize !== 'none' && slot.opcode !== OPCODE.DESTROY) {
      this.#answer(slot, ERRNO.EIO, 0);
      return;
    }
    let result: unknown;
    try {
      if (this.#intercepted(slot, row, mayWait)) return;
      result = row.call(slot, this);
    } catch (error) {
      this.#fail(slot, row, error);
      return;
    }
    if (isPromise(result)) this.#wait(slot, row, result, mayWait);
    else this.#finish(slot, row, result);
  }

  /** Whether the owner of the session has the request answered or held. */
  #intercepted(slot: RequestSlot, row: Operation, mayWait: boolean): boolean {
    if (this.hooks.intercept === undefined || slot.opcode === OPCODE.INIT) return false;
    const verdict = this.hooks.intercept(slot);
    if (verdict === SERVE || row.replySize === 'none' || slot.opcode === OPCODE.DESTROY) return false;
    if (verdict === HOLD) {
      this.#held.add(slot, mayWait);
      this.release(slot);
    } else this.#answer(slot, verdict, 0);
    return true;
  }

  /** The connection is gone: waiting handlers are told by their signal and their callers get EIO, then `destroy` is called. */
  end(): void {
    for (const slot of [...this.#waiting.values()]) {
      slot.interrupt();
      if (!slot.answered) this.#send(slot, ERRNO.EIO, 0);
    }
    // Ends: each round takes one out.
    for (let held = this.#held.takeFirst(); held !== undefined; held = this.#held.takeFirst()) {
      this.#answerHeld(held, ERRNO.EIO);
    }
    try {
      this.#destroy();
    } catch (error) {
      this.report(error, {opcode: OPCODE.DESTROY, nodeid: 0});
    }
  }

  /** Tells of a defect, such as a reply that the kernel refused. A hook that throws can't keep a request from its answer. */
  report(error: unknown, {opcode, nodeid}: {readonly opcode: number; readonly nodeid: number}): void {
    try {
      this.hooks.onError?.(error, {
        opcode,
        name: this.#table.find(opcode)?.name ?? opcodeName(opcode),
        nodeid,
      });
    } catch {
      // There is nobody left to tell.
    }
  }

  initialise(slot: RequestSlot): number {
    if (this.connection !== undefined) throw failure('EINVAL');
    const negotiation = negotiate(
      slot.requestView,
      REQUEST_BODY,
      slot.bodyEnd - REQUEST_BODY,
      this.fs,
      this.#init,
    );
    if (negotiation.kind === 'refused') {
      this.report(new Error(`can't agree on a protocol version: ${negotiation.errno}`), slot);
      throw failure(negotiation.errno);
    }
    if (negotiation.kind === 'agreed') {
      this.fs.init?.(negotiation.connection);
      this.connection = negotiation.connection;
      this.hooks.onInit?.(negotiation.connection);
    }
    return encodeInitReply(slot.replyView, REPLY_BODY, negotiation, this.#init);
  }

  destroy(): void | Promise<void> {
    if (this.#waiting.size === 0) return this.#destroy();
    // Its answer tells the kernel that all that came before is on disk.
    const others = new Promise<void>((resolve) => {
      this.#lastOne = resolve;
    });
    return others.then(() => this.#destroy());
  }

  shutDown(): void {
    this.#shutDown = true;
    this.hooks.onShutdown?.();
  }

  #destroy(): void {
    if (this.#destroyed || this.connection === undefined) return;
    this.#destroyed = true;
    this.fs.destroy?.();
  }

  interrupt(key: number): void {
    // One that is not waiting was answered already: interrupts are read after the request that they are about.
    this.#waiting.get(key)?.interrupt();
    const held = this.#held.take(key);
    if (held !== undefined) this.#answerHeld(held, ERRNO.EINTR);
  }

  retrieved(notifyUnique: number, offset: number, data: Uint8Array): void {
    this.hooks.onRetrieved?.(notifyUnique, offset, data);
  }

  #wait(slot: RequestSlot, row: Operation, result: Promise<unknown>, mayWait: boolean): void {
    if (!mayWait) {
      // The handler goes on using the slot, so it never returns to the pool.
      this.#slots--;
      result.then(undefined, () => {});
      if (row.replySize !== 'none') this.#send(slot, ERRNO.EIO, 0);
      this.report(new Error('the handler returned a promise, but this transport does not wait'), slot);
      return;
    }
    const {key} = slot;
    this.#waiting.set(key, slot);
    const done = (): void => {
      if (this.#waiting.get(key) === slot) this.#waiting.delete(key);
      if (this.#waiting.size === 1) this.#lastOne?.();
      this.#tellServing(0, slot);
    };
    result.then(
      (value) => {
        done();
        this.#finish(slot, row, value);
      },
      (error) => {
        done();
        this.#fail(slot, row, error);
      },
    );
  }

  #finish(slot: RequestSlot, row: Operation, result: unknown): void {
    if (row.replySize === 'none') {
      this.#done(slot);
      return;
    }
    let size: number;
    try {
      size = row.encode(slot, result);
    } catch (error) {
      this.#fail(slot, row, error);
      return;
    }
    this.#answer(slot, 0, size);
  }

  #fail(slot: RequestSlot, row: Operation, error: unknown): void {
    const errno = errnoOf(error, 0);
    const isDefect = errno === 0 || errno > LARGEST_ERRNO || error instanceof InvalidReplyError;
    // Before the slot is given back, and before the caller can see the failure.
    if (isDefect) this.report(error, slot);
    if (row.replySize === 'none') this.#done(slot);
    else this.#answer(slot, isDefect ? ERRNO.EIO : errno, 0);
  }

  /** Answers a request that no handler is to see. */
  #reject(slot: RequestSlot, row: Operation | undefined, errno: number, what: string): void {
    this.report(new Error(`can't understand the request: ${what}`), slot);
    if (row?.replySize === 'none') this.#done(slot);
    else this.#answer(slot, errno, 0);
  }

  /** Something shorter than a header: answered when there is at least a request id. */
  #handleFragment(slot: RequestSlot, length: number, send: SendReply): void {
    slot.request.fill(0, length, REQUEST_BODY);
    slot.begin(REQUEST_BODY, send);
    slot.startedMs = 0;
    this.report(new Error(`can't understand the request: ${length} bytes are no header`), slot);
    if (length < 16 || this.#table.find(slot.opcode)?.replySize === 'none') this.release(slot);
    else this.#answer(slot, ERRNO.EINVAL, 0);
  }

  #done(slot: RequestSlot): void {
    this.#counters?.record(slot.opcode, 0, this.#elapsed(slot.startedMs), slot.requestEnd, 0);
    this.release(slot);
  }

  #elapsed(startedMs: number): number {
    return startedMs === 0 ? NOT_MEASURED : (performance.now() - startedMs) * 1e6;
  }

  /** An error for a request that never got to its handler. */
  #answerHeld(held: HeldRequest, errno: number): void {
    const {opcode, bytes, startedMs, send} = held;
    this.#counters?.record(opcode, errno, this.#elapsed(startedMs), bytes.length, REPLY_BODY);
    try {
      send(errorReply(held, errno), REPLY_BODY);
    } catch (error) {
      this.report(error, {opcode, nodeid: 0});
    }
  }

  #answer(slot: RequestSlot, errno: number, size: number): void {
    if (!slot.answered) this.#send(slot, errno, size);
    this.release(slot);
  }

  #send(slot: RequestSlot, errno: number, size: number): void {
    const length = REPLY_BODY + size;
    const view = slot.replyView;
    view.setUint32(outHeader.at.len, length, true);
    view.setInt32(outHeader.at.error, -errno, true);
    view.setUint32(outHeader.at.uniqueLow, slot.uniqueLow, true);
    view.setUint32(outHeader.at.uniqueHigh, slot.uniqueHigh, true);
    slot.answered = true;
    this.#counters?.record(slot.opcode, errno, this.#elapsed(slot.startedMs), slot.requestEnd, length);
    try {
      slot.send?.(slot.reply, length);
    } catch (error) {
      this.report(error, slot);
    }
  }
}
