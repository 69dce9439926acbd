import {OPCODE, REPLY_BODY} from '../fuse/index.js';
import {outHeader} from '../fuse/structs/header.js';
import {ERRNO} from '../sys/errno-codes.js';
import {type Asked, INTERRUPTION} from './asked.js';
import {BODIES, type Reply} from './body-check.js';
import type {Fault} from './faults.js';
import {InitExchange} from './init-exchange.js';
import {NodeRegister} from './node-register.js';
import {notificationFault} from './notification-check.js';
import type {Outstanding} from './outstanding.js';

/** The last errno that there is (EHWPOISON). What is above means nothing to anybody, or something to the kernel alone. */
const LAST_ERRNO = 133;

/** What is to be done with what a server wrote. */
export type Verdict =
  /** It is the answer to a request: sound, or to be replaced by EIO. */
  | {readonly kind: 'answer'; readonly asked: Asked; readonly fault: Fault | undefined}
  /** A sound notification. */
  | {readonly kind: 'notification'}
  /** A sound answer to an interruption. */
  | {readonly kind: 'interruption'}
  /** It concerns nobody: dropped. No fault is an honest answer that came too late. */
  | {readonly kind: 'nothing'; readonly fault: Fault | undefined};

/**
 * Judges what a server writes, before the kernel sees it. Nothing is thrown, whatever the bytes; what is remembered is bounded.
 */
export class ReplyCheck {
  readonly #outstanding: Outstanding;
  readonly #nodes = new NodeRegister();
  readonly #init = new InitExchange();
  /** Called for an answer that is let through although something had to be taken out of it. */
  onCorrected: (fault: Fault) => void = () => {};

  constructor(outstanding: Outstanding) {
    this.#outstanding = outstanding;
  }

  /** Whether anybody can say what an answer to this kind of request may be. */
  knows(opcode: number): boolean {
    return BODIES.has(opcode) || opcode === OPCODE.INIT;
  }

  /** The kernel's INIT, before the server gets it: what can't be had through a relay is taken out of it, in place. */
  offer(view: DataView, length: number): void {
    this.#init.narrow(view, length);
  }

  /** The kernel has forgotten a node. */
  forget(low: number, high: number): void {
    this.#nodes.forget(low, high);
  }

  /** @param reply one packet of the server's; its length may be lowered and its header changed accordingly */
  judge(reply: Reply): Verdict {
    const {view, length} = reply;
    if (length < REPLY_BODY) return nothing('short');
    const low = view.getUint32(outHeader.at.uniqueLow, true);
    const high = view.getUint32(outHeader.at.uniqueHigh, true);
    const error = view.getInt32(outHeader.at.error, true);
    const isWhole = view.getUint32(outHeader.at.len, true) === length;
    if (low === 0 && high === 0) {
      const fault = isWhole ? notificationFault(reply, error) : 'length';
      return fault === undefined ? {kind: 'notification'} : nothing(fault);
    }
    if ((low & INTERRUPTION) !== 0) return this.#interruption(reply, low, high, error, isWhole);
    const asked = this.#outstanding.find(low, high);
    if (asked === undefined) return nothing('unknown-request');
    const fault = isWhole ? this.#answer(reply, asked, error) : 'length';
    if (fault === undefined) view.setUint32(outHeader.at.len, reply.length, true);
    return {kind: 'answer', asked, fault};
  }

  #answer(reply: Reply, asked: Asked, error: number): Fault | undefined {
    if (error !== 0) {
      if (error > 0 || error < -LAST_ERRNO) return 'errno';
      return reply.length === REPLY_BODY ? undefined : 'error-with-body';
    }
    if (asked.opcode === OPCODE.INIT) {
      const {fault, corrected} = this.#init.judge(reply);
      if (corrected) this.onCorrected('init-flags');
      return fault;
    }
    const check = BODIES.get(asked.opcode);
    // Requests without a check are never passed on.
    return check === undefined ? 'unknown-request' : check(reply, asked, this.#nodes);
  }

  /** To an interruption there are two answers: none of them, please (ENOSYS), and once more (EAGAIN). */
  #interruption({length}: Reply, low: number, high: number, error: number, isWhole: boolean): Verdict {
    const about = this.#outstanding.interrupted(low, high);
    // The server answered the request before it came to the interruption.
    const isLate = about === undefined && this.#outstanding.takeLate(low, high);
    if (!isLate && about?.interrupted !== true) return nothing('unknown-request');
    const isAnswer = error === -ERRNO.ENOSYS || error === -ERRNO.EAGAIN;
    if (!isWhole || length !== REPLY_BODY || !isAnswer) return nothing('interrupt');
    if (about === undefined) return nothing(undefined);
    about.interrupted = false;
    return {kind: 'interruption'};
  }
}

function nothing(fault: Fault | undefined): Verdict {
  return {kind: 'nothing', fault};
}
