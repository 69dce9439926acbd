import {COMMAND_SIZE, FIXED_FILE} from '../sys/io-uring.js';
import {REPLY_BODY, REQUEST_BODY, type RequestSlot, type SendReply} from './request-slot.js';

/** Bytes in front of the payload of an entry: the header area, and at its end the head of a reply. */
export const ENTRY_HEAD = 4096;
/** struct fuse_uring_req_header: the three parts and its size. */
const IN_OUT = 0;
const OP_IN = 128;
const OP_IN_SIZE = 128;
const ENTRY_IN_OUT = 256;
const HEADER_SIZE = 288;
/** struct fuse_uring_ent_in_out. */
const COMMIT_ID = ENTRY_IN_OUT + 8;
const PAYLOAD_SIZE = ENTRY_IN_OUT + 16;
/** A pair of struct iovec, behind the header: where the kernel is told of both parts. */
export const VECTORS = 512;

/** Where fields lie in a command (struct io_uring_sqe with fuse's command in it). */
const SQE = {
  operation: 0,
  flags: 1,
  command: 8,
  address: 16,
  length: 24,
  tag: 32,
  commitId: 48 + 8,
  queue: 48 + 16,
} as const;
/** IORING_OP_URING_CMD. */
export const URING_CMD = 46;
/** FUSE_IO_URING_CMD_*. */
const REGISTER = 1;
const COMMIT_AND_FETCH = 2;

/** Payloads up to this length are copied byte by byte: a view of them costs more. */
const SHORT = 64;
const LEN_AT = 0;
const EIO = 5;

/** What is the same for all entries of a ring. */
export interface EntryPlace {
  /** Memory of ENTRY_HEAD + payload bytes, and its address. */
  readonly memory: Uint8Array;
  readonly address: number;
  /** All commands of the ring, and which is this entry's. */
  readonly commands: DataView;
  readonly place: number;
  /** The queue that it takes requests of: a processor's number. */
  readonly queue: number;
}

/**
 * One of the places where the kernel puts a request and takes its answer from (linux/fuse.h, struct fuse_uring_req_header). It belongs
 * to the kernel from the moment its command is submitted until that completes.
 */
export class RingEntry {
  readonly queue: number;
  readonly place: number;
  /** Writes an answer to where the kernel takes it from; `onAnswer` then has the command submitted. */
  readonly send: SendReply;
  readonly #memory: Uint8Array;
  readonly #view: DataView;
  /** The memory as words, for short copies without a view. */
  readonly #words: Int32Array;
  readonly #reply: Uint8Array;
  readonly #replyView: DataView;
  readonly #payloadBytes: number;
  readonly #commands: DataView;
  readonly #at: number;

  /** @param onAnswer called with an entry whose answer is complete */
  constructor(
    {memory, address, commands, place, queue}: EntryPlace,
    onAnswer: (entry: RingEntry, length: number) => void,
  ) {
    this.queue = queue;
    this.place = place;
    this.#memory = memory;
    this.#view = new DataView(memory.buffer, memory.byteOffset, memory.length);
    this.#words = new Int32Array(memory.buffer, memory.byteOffset, HEADER_SIZE / 4);
    // The body of a reply written here lies where the kernel takes it from.
    this.#reply = memory.subarray(ENTRY_HEAD - REPLY_BODY);
    this.#replyView = new DataView(memory.buffer, this.#reply.byteOffset, this.#reply.length);
    this.#payloadBytes = memory.length - ENTRY_HEAD;
    this.#commands = commands;
    this.#at = place * COMMAND_SIZE;
    this.#tellVectors(address);
    this.send = (reply, length) => {
      this.#answer(reply, length);
      onAnswer(this, length);
    };
  }

  #tellVectors(address: number): void {
    const view = this.#view;
    view.setBigUint64(VECTORS, BigInt(address), true);
    view.setBigUint64(VECTORS + 8, BigInt(HEADER_SIZE), true);
    view.setBigUint64(VECTORS + 16, BigInt(address + ENTRY_HEAD), true);
    view.setBigUint64(VECTORS + 24, BigInt(this.#payloadBytes), true);
    const sqe = this.#commands;
    const at = this.#at;
    sqe.setUint8(at + SQE.operation, URING_CMD);
    sqe.setUint8(at + SQE.flags, FIXED_FILE);
    sqe.setUint32(at + SQE.tag, this.place, true);
    sqe.setUint16(at + SQE.queue, this.queue, true);
    sqe.setUint32(at + SQE.command, REGISTER, true);
    sqe.setBigUint64(at + SQE.address, BigInt(address + VECTORS), true);
    sqe.setUint32(at + SQE.length, 2, true);
  }

  /** From now on its command is an answer and the wish for the next request: to be called when it was registered. */
  registered(): void {
    const sqe = this.#commands;
    sqe.setUint32(this.#at + SQE.command, COMMIT_AND_FETCH, true);
    sqe.setBigUint64(this.#at + SQE.address, 0n, true);
    sqe.setUint32(this.#at + SQE.length, 0, true);
  }

  /**
   * Copies the request that the kernel has put here into a slot, and has the slot's answer written here.
   * @returns its length; 0 for a request whose parts contradict each other
   */
  take(slot: RequestSlot): number {
    const view = this.#view;
    const sqe = this.#commands;
    sqe.setUint32(this.#at + SQE.commitId, view.getUint32(COMMIT_ID, true), true);
    sqe.setUint32(this.#at + SQE.commitId + 4, view.getUint32(COMMIT_ID + 4, true), true);
    slot.replyInto(this.#reply, this.#replyView);
    const length = view.getUint32(IN_OUT + LEN_AT, true);
    const payload = view.getUint32(PAYLOAD_SIZE, true);
    const fixed = length - REQUEST_BODY - payload;
    const {request, requestView} = slot;
    if (fixed < 0 || fixed > OP_IN_SIZE || payload > this.#payloadBytes || length > request.length) return 0;
    const words = this.#words;
    for (let at = 0; at < REQUEST_BODY; at += 4) requestView.setInt32(at, words[(IN_OUT + at) / 4]!, true);
    for (let at = 0; at < fixed; at += 4) {
      requestView.setInt32(REQUEST_BODY + at, words[(OP_IN + at) / 4]!, true);
    }
    const memory = this.#memory;
    const start = REQUEST_BODY + fixed;
    if (payload > SHORT) request.set(memory.subarray(ENTRY_HEAD, ENTRY_HEAD + payload), start);
    else for (let at = 0; at < payload; at++) request[start + at] = memory[ENTRY_HEAD + at]!;
    return length;
  }

  /** Answers with an errno and nothing else, where no slot can. */
  refuse(errno: number): void {
    this.#view.setInt32(IN_OUT + 4, -errno, true);
    this.#view.setUint32(PAYLOAD_SIZE, 0, true);
  }

  #answer(reply: Uint8Array, length: number): void {
    const view = this.#view;
    const body = length - REPLY_BODY;
    if (reply !== this.#reply) {
      // A late answer, or one that did not fit: the kernel asks for none that long.
      if (body > this.#payloadBytes) {
        this.#copyHead(reply);
        this.refuse(EIO);
        return;
      }
      this.#reply.set(reply.subarray(0, length));
    }
    this.#copyHead(this.#reply);
    view.setUint32(PAYLOAD_SIZE, body, true);
  }

  #copyHead(reply: Uint8Array): void {
    const memory = this.#memory;
    for (let at = 0; at < REPLY_BODY; at++) memory[IN_OUT + at] = reply[at]!;
  }
}
