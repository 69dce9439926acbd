import {FOPEN_KEEP_CACHE, OPCODE, REPLY_BODY, REQUEST_BODY} from '../fuse/index.js';
import {openOut} from '../fuse/structs/attr.js';
import {inHeader, outHeader} from '../fuse/structs/header.js';
import {batchForgetIn, forgetOne, interruptIn} from '../fuse/structs/requests.js';
import {type OrderEnd, OrderInbox, type ThreadOrder} from '../server/order-box.js';
import type {SharedCounters} from '../server/shared-counters.js';
import {ERRNO} from '../sys/errno-codes.js';
import {POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP, PollSet} from '../sys/poll-set.js';
import {readBytes, writeBytes} from '../sys/raw-io.js';
import {viewOf} from '../wire/index.js';
import type {Asked} from './asked.js';
import type {Reply} from './body-check.js';
import type {FaultCounts} from './fault-counts.js';
import type {Fault} from './faults.js';
import {LARGEST_DATA} from './init-exchange.js';
import type {NotificationQueue} from './notification-queue.js';
import {Outstanding} from './outstanding.js';
import {ReplyCheck} from './reply-check.js';

/** Room beside the data: headers, names, and what the kernel wants of a buffer before INIT (8192 in all). */
const REQUEST_ROOM = LARGEST_DATA + 8_192;
const REPLY_ROOM = LARGEST_DATA + 4_096;
/** Places in the poll set. */
const KERNEL = 0;
const SERVER = 1;
/** How often it is looked whether the last notifications have gone out. */
const DRAIN_MS = 5;
const NOT_MEASURED = -1;

/** Why a relay has nothing more to do. */
export type RelayEnd = 'unmounted' | 'aborted' | 'server-gone';

/** What a relay works with. */
export interface RelayParts {
  /** /dev/fuse of a mount that exists, and a SEQPACKET socket to its server; both without waiting (O_NONBLOCK). */
  readonly fuseFd: number;
  readonly serverFd: number;
  readonly counters: SharedCounters;
  readonly faults: FaultCounts;
  readonly notifications: NotificationQueue;
  /** Where orders for this thread arrive; a signal ends its wait then. */
  readonly orders: OrderEnd;
  /** Called once, when the kernel's first request waits for the server. */
  readonly onBegun?: () => void;
  /** OPEN is not to be answered with "never ask again", which this kernel mishandles. */
  readonly withholdNoOpen: boolean;
}

/**
 * Stands between the kernel and a server that nobody trusts: requests go to the server as they are, answers to the kernel when they
 * have been found sound. One thread does both, so that there is one account of what is outstanding and nothing to lock; it blocks in
 * poll(2) alone.
 *
 * - An answer that is not sound becomes EIO for that request. What can't be told to be the answer to a request is dropped.
 * - A server that does not read has requests wait in the kernel: one is kept here, the rest is not read.
 * - A server that does not answer has its requests wait, as without a relay.
 */
export class Relay {
  readonly #parts: RelayParts;
  readonly #outstanding: Outstanding;
  readonly #check: ReplyCheck;
  readonly #inbox: OrderInbox;
  readonly #poll: PollSet;
  readonly #request = new Uint8Array(REQUEST_ROOM);
  readonly #requestView = viewOf(this.#request);
  readonly #reply: Reply;
  /** What this relay itself answers. */
  readonly #own = new Uint8Array(REPLY_BODY + openOut.size);
  readonly #ownView = viewOf(this.#own);
  /** Bytes of a request that the server's socket had no room for; 0 when there is none. */
  #pending = 0;
  #begun = false;

  /** @param mostOutstanding requests that the server may have at once; more wait with the kernel */
  constructor(parts: RelayParts, mostOutstanding?: number) {
    this.#parts = parts;
    this.#outstanding = new Outstanding(mostOutstanding);
    this.#check = new ReplyCheck(this.#outstanding);
    this.#inbox = new OrderInbox(parts.orders, (order) => this.#act(order));
    this.#poll = new PollSet([parts.fuseFd, parts.serverFd]);
    const bytes = new Uint8Array(REPLY_ROOM);
    this.#reply = {bytes, view: viewOf(bytes), length: 0};
    this.#check.onCorrected = (fault) => parts.faults.add(fault, OPCODE.INIT);
  }

  /** Relays until the mount or the server is gone. @throws Errno for what no peer can bring about */
  run(): RelayEnd {
    this.#parts.counters.setClock();
    this.#parts.counters.transport = 'device';
    const end = this.#relay();
    if (end === 'server-gone') this.#drain();
    return end;
  }

  #relay(): RelayEnd {
    for (;;) {
      this.#inbox.look();
      this.#tellRefusedNotifications();
      const isWaiting = this.#pending > 0;
      this.#poll.want(KERNEL, isWaiting || this.#outstanding.full ? 0 : POLLIN);
      this.#poll.want(SERVER, POLLIN | POLLRDHUP | (isWaiting ? POLLOUT : 0));
      if (!this.#poll.wait(-1)) continue;
      const server = this.#poll.happened(SERVER);
      const kernel = this.#poll.happened(KERNEL);
      // What the server has said before it went counts.
      if ((server & (POLLIN | POLLHUP | POLLERR | POLLRDHUP)) !== 0 && !this.#takeReply(server)) {
        return 'server-gone';
      }
      if (isWaiting && (server & POLLOUT) !== 0 && !this.#forward(this.#pending)) return 'server-gone';
      if (kernel === 0) continue;
      if (this.#pending > 0 || this.#outstanding.full) {
        if ((kernel & POLLERR) !== 0) return 'unmounted';
        continue;
      }
      const end = this.#takeRequest();
      if (end !== undefined) return end;
    }
  }

  /** Reads one request of the kernel's. */
  #takeRequest(): RelayEnd | undefined {
    const length = readBytes(this.#parts.fuseFd, this.#request);
    switch (length) {
      case -ERRNO.EAGAIN:
      case -ERRNO.EINTR:
      // The request vanished before it was read.
      case -ERRNO.ENOENT:
        return undefined;
      case -ERRNO.ECONNABORTED:
        return 'aborted';
      default:
        if (length < REQUEST_BODY) return 'unmounted';
        return this.#pass(length) ? undefined : 'server-gone';
    }
  }

  /** Passes a request on, or answers it here. @returns false when the server is gone */
  #pass(length: number): boolean {
    const view = this.#requestView;
    const opcode = view.getUint32(inHeader.at.opcode, true);
    switch (opcode) {
      case OPCODE.FORGET:
        this.#check.forget(
          view.getUint32(inHeader.at.nodeid, true),
          view.getUint32(inHeader.at.nodeid + 4, true),
        );
        return this.#passSilently(opcode, length);
      case OPCODE.BATCH_FORGET:
        this.#forgetMany(length);
        return this.#passSilently(opcode, length);
      case OPCODE.NOTIFY_REPLY:
        return this.#passSilently(opcode, length);
      case OPCODE.INTERRUPT:
        return !this.#interrupts(length) || this.#passSilently(opcode, length);
      default:
        break;
    }
    const asked = this.#outstanding.take();
    asked.take(view, length);
    asked.startedMs = performance.now();
    this.#outstanding.add(asked);
    this.#tellServing();
    if (this.#parts.counters.shutDown) {
      this.#answerHere(asked, opcode === OPCODE.DESTROY ? 0 : ERRNO.EIO);
      return true;
    }
    if (!this.#check.knows(opcode)) {
      this.#answerHere(asked, ERRNO.ENOSYS);
      return true;
    }
    if (opcode === OPCODE.INIT) this.#check.offer(view, length);
    return this.#forward(length);
  }

  /** What has no answer. */
  #passSilently(opcode: number, length: number): boolean {
    this.#parts.counters.requests.record(opcode, 0, NOT_MEASURED, length, 0);
    // A server that has been shut out, or is gone, needs to know of nothing any more.
    return this.#parts.counters.shutDown || this.#forward(length);
  }

  #forgetMany(length: number): void {
    const view = this.#requestView;
    const first = REQUEST_BODY + batchForgetIn.size;
    for (let at = first; at + forgetOne.size <= length; at += forgetOne.size) {
      this.#check.forget(view.getUint32(at, true), view.getUint32(at + 4, true));
    }
  }

  /** Whether an interruption concerns a request that the server still has. */
  #interrupts(length: number): boolean {
    if (length < REQUEST_BODY + interruptIn.size) return false;
    const at = REQUEST_BODY + interruptIn.at.uniqueLow;
    const view = this.#requestView;
    const asked = this.#outstanding.find(view.getUint32(at, true), view.getUint32(at + 4, true));
    if (asked !== undefined) asked.interrupted = true;
    return asked !== undefined;
  }

  /** Writes the request in the buffer to the server, or keeps it there. @returns false when the server is gone */
  #forward(length: number): boolean {
    const result = writeBytes(this.#parts.serverFd, this.#request, length);
    this.#pending = 0;
    if (result >= 0) {
      if (!this.#begun) this.#parts.onBegun?.();
      this.#begun = true;
      return true;
    }
    switch (-result) {
      case ERRNO.EAGAIN:
      case ERRNO.EINTR:
        this.#pending = length;
        return true;
      case ERRNO.EPIPE:
      case ERRNO.ECONNRESET:
      case ERRNO.ENOTCONN:
      case ERRNO.ECONNREFUSED:
        return false;
      default: {
        // No memory for the packet: this one request fails.
        const low = this.#requestView.getUint32(inHeader.at.uniqueLow, true);
        const high = this.#requestView.getUint32(inHeader.at.uniqueHigh, true);
        const asked = this.#outstanding.find(low, high);
        if (asked !== undefined) this.#answerHere(asked, ERRNO.EIO);
        return true;
      }
    }
  }

  /** Reads one packet of the server's. @param happened of its socket @returns false when it is gone */
  #takeReply(happened: number): boolean {
    const length = readBytes(this.#parts.serverFd, this.#reply.bytes);
    if (length === -ERRNO.EAGAIN || length === -ERRNO.EINTR) return (happened & POLLHUP) === 0;
    if (length < 0) return false;
    // An empty packet looks like the end, which there is one of.
    if (length === 0 && (happened & (POLLHUP | POLLRDHUP)) !== 0) return false;
    this.#reply.length = length;
    const verdict = this.#check.judge(this.#reply);
    switch (verdict.kind) {
      case 'answer':
        this.#answer(verdict.asked, verdict.fault);
        return true;
      case 'notification':
        if (!this.#parts.notifications.add(this.#reply.bytes.subarray(0, this.#reply.length))) {
          this.#parts.faults.add('notify-flood', 0);
        }
        return true;
      case 'interruption':
        writeBytes(this.#parts.fuseFd, this.#reply.bytes, this.#reply.length);
        return true;
      case 'nothing':
        if (verdict.fault !== undefined) this.#parts.faults.add(verdict.fault, 0);
        return true;
    }
  }

  #answer(asked: Asked, fault: Fault | undefined): void {
    if (fault !== undefined) {
      this.#parts.faults.add(fault, asked.opcode);
      this.#answerHere(asked, ERRNO.EIO);
      return;
    }
    const {bytes, view, length} = this.#reply;
    const errno = -view.getInt32(outHeader.at.error, true);
    if (this.#parts.withholdNoOpen && errno === ERRNO.ENOSYS && asked.opcode === OPCODE.OPEN) {
      this.#openHere(asked);
      return;
    }
    const {opcode} = asked;
    // Before whoever waits can see the answer, so that he finds it counted.
    this.#done(asked, errno, length);
    if (!isRefused(writeBytes(this.#parts.fuseFd, bytes, length))) return;
    this.#parts.faults.add('kernel', opcode);
    const {uniqueLow, uniqueHigh} = outHeader.at;
    this.#own.fill(0);
    this.#writeOwn(view.getUint32(uniqueLow, true), view.getUint32(uniqueHigh, true), ERRNO.EIO, REPLY_BODY);
  }

  /** Answers with an error, or 0 for success without a body. */
  #answerHere(asked: Asked, errno: number): void {
    this.#own.fill(0);
    this.#done(asked, errno, REPLY_BODY);
    this.#writeOwn(asked.uniqueLow, asked.uniqueHigh, errno, REPLY_BODY);
  }

  /** A server that opens nothing is asked again each time: an open file without a handle, whose pages may be kept. */
  #openHere(asked: Asked): void {
    this.#own.fill(0);
    this.#ownView.setUint32(REPLY_BODY + openOut.at.openFlags, FOPEN_KEEP_CACHE, true);
    this.#done(asked, 0, REPLY_BODY + openOut.size);
    this.#writeOwn(asked.uniqueLow, asked.uniqueHigh, 0, REPLY_BODY + openOut.size);
  }

  #writeOwn(uniqueLow: number, uniqueHigh: number, errno: number, length: number): void {
    const view = this.#ownView;
    view.setUint32(outHeader.at.len, length, true);
    view.setInt32(outHeader.at.error, -errno, true);
    view.setUint32(outHeader.at.uniqueLow, uniqueLow, true);
    view.setUint32(outHeader.at.uniqueHigh, uniqueHigh, true);
    // Whoever asked may be gone, and the mount too: the next read tells.
    writeBytes(this.#parts.fuseFd, this.#own, length);
  }

  #done(asked: Asked, errno: number, length: number): void {
    const nanoseconds = (performance.now() - asked.startedMs) * 1e6;
    this.#parts.counters.requests.record(asked.opcode, errno, nanoseconds, asked.bytes, length);
    this.#outstanding.remove(asked);
    this.#tellServing();
  }

  #tellServing(): void {
    this.#parts.counters.requests.serving(this.#outstanding.size, this.#outstanding.oldestMs, 0);
  }

  #tellRefusedNotifications(): void {
    // Most times there is none; each is told as one fault.
    for (let left = this.#parts.notifications.takeRefused(); left > 0; left--) {
      this.#parts.faults.add('kernel', 0);
    }
  }

  /** Orders of the main thread. What a server would do itself is refused before it comes here. */
  #act(order: ThreadOrder): void {
    if (order.do !== 'shutdown') return;
    this.#parts.counters.shutDown = true;
    this.#answerAll();
  }

  /** Whoever waits gets EIO. A late answer is one to no request then. */
  #answerAll(): void {
    // Ends: each round takes one out, and nothing is read meanwhile.
    for (let asked = this.#outstanding.first(); asked !== undefined; asked = this.#outstanding.first()) {
      this.#answerHere(asked, asked.opcode === OPCODE.DESTROY ? 0 : ERRNO.EIO);
    }
  }

  /**
   * The server is gone, and the connection ends with this process; but the process can't end while a notification waits in the
   * kernel for a lock, which somebody may hold who waits for an answer.
   */
  #drain(): void {
    this.#parts.counters.shutDown = true;
    this.#pending = 0;
    this.#answerAll();
    this.#poll.want(SERVER, 0);
    this.#poll.want(KERNEL, POLLIN);
    while (!this.#parts.notifications.empty) {
      // The server's end has hung up, which a wait would tell at once: the kernel alone is asked.
      if (this.#takeRequest() !== undefined) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, DRAIN_MS);
    }
  }
}

/** Whether the kernel found fault with an answer. Its request may be gone (ENOENT) or the mount: that is none. */
function isRefused(result: number): boolean {
  if (result >= 0) return false;
  switch (-result) {
    case ERRNO.ENOENT:
    case ERRNO.ENODEV:
    case ERRNO.EPERM:
    case ERRNO.ENOTCONN:
    case ERRNO.ECONNABORTED:
      return false;
    default:
      return true;
  }
}
