import {errnoCode} from '../../../src/sys/errno-codes.js';
import {viewOf} from '../../../src/wire/index.js';
import {type Faults, KernelError} from './faults.js';
import type {DeviceCall, DeviceResult, ServerLink} from './link.js';
import {opName, WITHOUT_ANSWER} from './opcodes.js';
import {inHeader, outHeader} from './structs.js';

/** What a reply may weigh, header apart. */
export interface ReplySize {
  readonly least: number;
  readonly most: number;
}

export const EMPTY: ReplySize = {least: 0, most: 0};

export function exactly(size: number): ReplySize {
  return {least: size, most: size};
}

/** A request that was sent, as tests look at it. */
export interface SentRequest {
  readonly opcode: number;
  readonly nodeid: bigint;
  readonly body: Uint8Array;
}

interface Pending {
  readonly opcode: number;
  answer?: {readonly error: number; readonly body: Uint8Array};
}

export interface ConnectionOptions {
  /** How long an answer may take. */
  readonly patienceMs?: number;
  /** Changes a reply's body before it is looked at: what proves that the checks can fail. */
  readonly tamper?: ((opcode: number, body: Uint8Array) => Uint8Array) | undefined;
  /** Calls of the server: ioctls and notifications. */
  readonly call: (call: DeviceCall) => DeviceResult;
}

const NO_BODY = new Uint8Array(0);
const LARGEST_ERRNO = 511;
const ROOT_UID = 0;

/** Requests to the server and its answers, as the kernel's queue keeps them: each has one answer, and what is wrong in it is a fault. */
export class Connection {
  readonly #link: ServerLink;
  readonly #faults: Faults;
  readonly #options: ConnectionOptions;
  readonly #pending = new Map<bigint, Pending>();
  #unique = 0n;
  /** What was sent, while somebody wants to know. */
  sent: SentRequest[] | undefined;
  /** How many requests were sent, by opcode. */
  readonly counts = new Map<number, number>();

  constructor(link: ServerLink, faults: Faults, options: ConnectionOptions) {
    this.#link = link;
    this.#faults = faults;
    this.#options = options;
    link.start({reply: (message) => this.#reply(message), call: (call) => options.call(call)});
  }

  /** Requests without an answer so far. */
  get waiting(): number {
    return [...this.#pending.values()].filter(({answer}) => answer === undefined).length;
  }

  /** Sends a request and returns its id, for `collect`. The body is copied. */
  submit(opcode: number, nodeid: bigint, body: Uint8Array = NO_BODY): bigint {
    this.#unique += 2n;
    const unique = this.#unique;
    const request = new Uint8Array(inHeader.size + body.length);
    inHeader.write(viewOf(request), 0, {
      len: request.length,
      opcode,
      unique,
      nodeid,
      uid: ROOT_UID,
      gid: ROOT_UID,
      pid: process.pid,
    });
    request.set(body, inHeader.size);
    this.counts.set(opcode, (this.counts.get(opcode) ?? 0) + 1);
    this.sent?.push({opcode, nodeid, body: body.slice()});
    if (!WITHOUT_ANSWER.has(opcode)) this.#pending.set(unique, {opcode});
    this.#link.send(request);
    return unique;
  }

  /** Waits for the answer to a request. @returns the error, 0 or a positive errno, and the body */
  collect(unique: bigint): {errno: number; body: Uint8Array} {
    const pending = this.#pending.get(unique);
    if (pending === undefined) throw new Error(`request ${unique} was never sent, or was collected`);
    const deadline = performance.now() + (this.#options.patienceMs ?? 20_000);
    while (pending.answer === undefined) {
      const left = deadline - performance.now();
      if (left <= 0 || !this.#link.wait(left)) {
        if (pending.answer === undefined)
          throw new Error(`the server does not answer ${opName(pending.opcode)}`);
      }
    }
    this.#pending.delete(unique);
    // 0 - x, because -x makes a zero negative.
    return {errno: 0 - pending.answer.error, body: pending.answer.body};
  }

  /** Sends a request and waits for its answer. @throws KernelError what the server answered, EIO for a reply of the wrong size */
  ask(opcode: number, nodeid: bigint, body: Uint8Array, size: ReplySize): Uint8Array {
    const {errno, body: answer} = this.collect(this.submit(opcode, nodeid, body));
    if (errno !== 0) throw new KernelError(errnoCode(errno) ?? 'EIO', opName(opcode));
    const reply = this.#options.tamper?.(opcode, answer) ?? answer;
    if (reply.length < size.least || reply.length > size.most) {
      this.#faults.add(
        'reply-size',
        `${opName(opcode)}: ${reply.length} bytes, not ${size.least} to ${size.most}`,
      );
      throw new KernelError('EIO', opName(opcode));
    }
    return reply;
  }

  /** Takes what the server says without being asked, until it says nothing for that long. */
  settle(timeoutMs: number): void {
    // Ends: a server that is not asked has nothing to say.
    while (this.#link.wait(timeoutMs));
  }

  #reply(message: Uint8Array): void {
    if (message.length < outHeader.size) {
      this.#faults.add('reply-header', `${message.length} bytes`);
      return;
    }
    const {len, error, unique} = outHeader.read(viewOf(message));
    const pending = this.#pending.get(unique);
    if (pending === undefined || pending.answer !== undefined) {
      this.#faults.add(
        'reply-unknown',
        `to ${unique}, ${pending === undefined ? 'never asked' : 'a second time'}`,
      );
      return;
    }
    if (len !== message.length || error > 0 || error < -LARGEST_ERRNO) {
      this.#faults.add(
        'reply-header',
        `${opName(pending.opcode)}: length ${len} of ${message.length}, error ${error}`,
      );
      return;
    }
    const body = message.slice(outHeader.size);
    if (error !== 0 && body.length > 0) {
      this.#faults.add('reply-error-with-body', `${opName(pending.opcode)}: ${body.length} bytes`);
    }
    pending.answer = {error, body};
  }
}
