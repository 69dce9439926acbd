import {AttrReply, EntryReply} from './attributes.js';
import type {RequestContext} from './context.js';
import {DirentList, DirentPlusList} from './directory-list.js';
import {failure} from './failure.js';
import type {NodeTypes} from './node-types.js';
import {OpenReply, type SetattrChanges, StatfsReply, StatxReply} from './replies.js';
import {inHeader, outHeader} from './structs/header.js';

const H = inHeader.at;
/** Where the body of a request begins. */
export const REQUEST_BODY = inHeader.size;
/** Where the body of a reply begins. */
export const REPLY_BODY = outHeader.size;
/** The most that a single request can make us allocate for its reply. */
const LARGEST_REPLY = 32 << 20;
/** Names up to this length get a view that is made once per length. */
const CACHED_NAME_LENGTHS = 256;
const TWO_32 = 2 ** 32;
const NO_BYTES = new Uint8Array(0);

/** Where a finished reply goes: `length` bytes of `reply`, as one message. */
export type SendReply = (reply: Uint8Array, length: number) => void;

/**
 * All that serving one request needs: the buffers of request and reply and the objects handed to handlers. It is used for one
 * request after the other; a request whose handler returned a promise keeps its slot until the promise is settled.
 * Methods that read the body rely on the dispatcher having checked the size of the fixed part.
 */
export class RequestSlot implements RequestContext {
  readonly request: Uint8Array;
  readonly requestView: DataView;
  reply: Uint8Array;
  replyView: DataView;

  opcode = 0;
  nodeid = 0;
  uid = 0;
  gid = 0;
  pid = 0;
  requestFlags = 0;
  fileFlags = 0;
  uniqueLow = 0;
  uniqueHigh = 0;
  /** End of the body, and of the whole request with its extension block. */
  bodyEnd = 0;
  requestEnd = 0;
  /** Where this request's reply goes. */
  send: SendReply | undefined;
  /** When it was received, in milliseconds of performance.now(), or 0. */
  startedMs = 0;
  /** Whether an answer was sent, by the handler or for it. */
  answered = false;

  readonly attr = new AttrReply();
  readonly entry = new EntryReply();
  readonly open = new OpenReply();
  readonly statfs = new StatfsReply();
  readonly statx = new StatxReply();
  readonly dirents: DirentList;
  readonly direntsPlus: DirentPlusList;
  readonly changes: SetattrChanges;
  /** What kind of file each node is; one for all slots of a connection. */
  readonly types: NodeTypes;

  #lockOwnerAt = 0;
  #controller: AbortController | undefined;
  #interrupted = false;
  #target: Uint8Array = NO_BYTES;
  readonly #headNames: Array<Uint8Array | undefined> = new Array(CACHED_NAME_LENGTHS).fill(undefined);
  /** Byte after the NUL of the name that was read last. */
  #afterName = 0;

  constructor(requestBytes: number, replyBytes: number, longestName: number, types: NodeTypes) {
    this.types = types;
    this.request = new Uint8Array(requestBytes);
    this.requestView = new DataView(this.request.buffer);
    this.reply = new Uint8Array(replyBytes);
    this.replyView = new DataView(this.reply.buffer);
    this.dirents = new DirentList(longestName);
    this.direntsPlus = new DirentPlusList(longestName, types);
    this.changes = {
      valid: 0,
      fh: 0,
      size: 0,
      atime: 0,
      mtime: 0,
      ctime: 0,
      atimensec: 0,
      mtimensec: 0,
      ctimensec: 0,
      mode: 0,
      uid: 0,
      gid: 0,
    };
  }

  /**
   * Takes over a request of `length` bytes (at least a header). False when the header contradicts itself.
   * Everything of the request before is gone.
   */
  begin(length: number, send: SendReply): boolean {
    const view = this.requestView;
    this.opcode = view.getUint32(H.opcode, true);
    this.uniqueLow = view.getUint32(H.uniqueLow, true);
    this.uniqueHigh = view.getUint32(H.uniqueHigh, true);
    const nodeHigh = view.getUint32(H.nodeid + 4, true);
    this.nodeid = view.getUint32(H.nodeid, true) + nodeHigh * TWO_32;
    this.uid = view.getUint32(H.uid, true);
    this.gid = view.getUint32(H.gid, true);
    this.pid = view.getUint32(H.pid, true);
    const extensionBytes = view.getUint16(H.totalExtlen, true) * 8;
    this.requestFlags = 0;
    this.fileFlags = 0;
    this.requestEnd = length;
    this.bodyEnd = length - extensionBytes;
    this.send = send;
    this.answered = false;
    this.#lockOwnerAt = 0;
    this.#controller = undefined;
    this.#interrupted = false;
    this.#afterName = REQUEST_BODY;
    return (
      view.getUint32(H.len, true) === length &&
      this.bodyEnd >= REQUEST_BODY &&
      this.nodeid <= Number.MAX_SAFE_INTEGER
    );
  }

  get resent(): boolean {
    return this.uniqueHigh >>> 31 === 1;
  }

  /** The request id without the bit that marks a request sent again: the key under which it can be interrupted. */
  get key(): number {
    return (this.uniqueHigh & 0x7fffffff) * TWO_32 + this.uniqueLow;
  }

  get lockOwner(): bigint | undefined {
    return this.#lockOwnerAt === 0 ? undefined : this.requestView.getBigUint64(this.#lockOwnerAt, true);
  }

  get extensions(): Uint8Array {
    return this.requestEnd === this.bodyEnd ? NO_BYTES : this.request.subarray(this.bodyEnd, this.requestEnd);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#interrupted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** The caller got a signal. */
  interrupt(): void {
    this.#interrupted = true;
    this.#controller?.abort();
  }

  /** The lock owner is known; it is 8 bytes at `at` of the body. */
  hasLockOwner(at: number): void {
    this.#lockOwnerAt = REQUEST_BODY + at;
  }

  /** 32 bits of the body. */
  u32(at: number): number {
    return this.requestView.getUint32(REQUEST_BODY + at, true);
  }

  /** 64 bits of the body; above 2^53 the result is only near, and greater than MAX_SAFE_INTEGER. */
  u64(at: number): number {
    const offset = REQUEST_BODY + at;
    const view = this.requestView;
    return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * TWO_32;
  }

  /** A node id or handle of ours, which was a safe integer when it left. @throws Failure EINVAL if it is none now. */
  id(at: number): number {
    const value = this.u64(at);
    if (value > Number.MAX_SAFE_INTEGER) throw failure('EINVAL');
    return value;
  }

  /** Signed seconds. @throws Failure EINVAL when they are no safe integer. */
  seconds(at: number): number {
    const offset = REQUEST_BODY + at;
    const view = this.requestView;
    const value = view.getUint32(offset, true) + view.getInt32(offset + 4, true) * TWO_32;
    if (!Number.isSafeInteger(value)) throw failure('EINVAL');
    return value;
  }

  id64(at: number): bigint {
    return this.requestView.getBigUint64(REQUEST_BODY + at, true);
  }

  /** The name that begins the body or follows `at` bytes of it. @throws Failure EINVAL for an empty one or one without end. */
  name(at: number): Uint8Array {
    const start = REQUEST_BODY + at;
    const end = this.#endOfName(start);
    this.#afterName = end + 1;
    if (at !== 0 || end - start >= CACHED_NAME_LENGTHS) return this.request.subarray(start, end);
    let view = this.#headNames[end - start];
    if (view === undefined) {
      view = this.request.subarray(start, end);
      this.#headNames[end - start] = view;
    }
    return view;
  }

  /** The name after the one read last. */
  nextName(): Uint8Array {
    const start = this.#afterName;
    const end = this.#endOfName(start);
    this.#afterName = end + 1;
    return this.request.subarray(start, end);
  }

  #endOfName(start: number): number {
    const {request, bodyEnd} = this;
    let end = start;
    while (end < bodyEnd && request[end] !== 0) end++;
    if (end >= bodyEnd || end === start) throw failure('EINVAL');
    return end;
  }

  /** `length` bytes after the name read last. @throws Failure EINVAL when the request has fewer. */
  dataAfterName(length: number): Uint8Array {
    return this.#data(this.#afterName, length);
  }

  /** `length` bytes after a fixed part of `at` bytes. @throws Failure EINVAL when the request has fewer. */
  dataAt(at: number, length: number): Uint8Array {
    return this.#data(REQUEST_BODY + at, length);
  }

  #data(start: number, length: number): Uint8Array {
    if (length > this.bodyEnd - start) throw failure('EINVAL');
    return this.request.subarray(start, start + length);
  }

  /** Makes room for a reply body of `size` bytes. @throws Failure EINVAL above 32 MiB, which no request asks for. */
  reserve(size: number): void {
    if (REPLY_BODY + size <= this.reply.length) return;
    // Negated, so that NaN is refused too: it would make an empty buffer.
    if (!(size <= LARGEST_REPLY)) throw failure('EINVAL');
    this.reply = new Uint8Array(REPLY_BODY + size);
    this.replyView = new DataView(this.reply.buffer);
    this.#target = NO_BYTES;
  }

  /** Has replies written to this memory from now on, for transports whose replies must lie in a certain place. */
  replyInto(reply: Uint8Array, view: DataView): void {
    this.reply = reply;
    this.replyView = view;
    this.#target = NO_BYTES;
  }

  /** The first `size` bytes of the reply's body, to be filled. */
  replyTarget(size: number): Uint8Array {
    this.reserve(size);
    if (this.#target.length !== size) this.#target = this.reply.subarray(REPLY_BODY, REPLY_BODY + size);
    return this.#target;
  }

  /** Copies bytes into the reply's body, `at` bytes from its beginning. The room was reserved. */
  putBytes(at: number, bytes: Uint8Array): void {
    this.reply.set(bytes, REPLY_BODY + at);
  }
}
