import type {OwnedFd} from '../../../src/sys/fd.js';
import {viewOf} from '../../../src/wire/index.js';
import {CONFIG, MAP, NONE} from './bits.js';
import {IOC} from './device-calls.js';
import type {DirectServer, KernelEnd} from './link.js';
import {endOf, type Mapping} from './mapping.js';
import {NOTIFY, OP} from './opcodes.js';
import {
  ATTR_OUT_ATTR,
  ATTR_OUT_SIZE,
  attr,
  backingInfo,
  backingMap,
  beginIn,
  configIn,
  configOut,
  ENTRY_SIZE,
  entryHead,
  inHeader,
  initIn,
  initOut,
  mapping as layout,
  nodeHead,
  outHeader,
} from './structs.js';

/** A regular file of the scripted server. */
export interface ScriptedFile {
  readonly nodeid: bigint;
  size: number;
  /** In order; what is between them is a hole. */
  mappings: Mapping[];
  /** Attribute flags; both of iomap unless told. */
  flags?: number;
}

/** A request's answer: a body, a positive errno, or nothing. */
export type Answer = Uint8Array | number | undefined;
export type Handler = (nodeid: bigint, body: Uint8Array, server: ScriptedServer) => Answer;

const MAXBYTES = 2n ** 63n - 1n;
const FLAGS = 2 ** 30;
const FUSE_IOMAP = 1 << 11;
/** Bytes of a CONFIG reply, by whether the kernel knows of a cache limit. */
const SIZE_BEFORE_V7 = 96;
const SIZE_V7 = 100;
const ENOSYS = 38;
const ENOENT = 2;

/** A mapping onto device 1. */
export function mapped(offset: number, length: number, addr: number, type: number = MAP.MAPPED): Mapping {
  return {offset: BigInt(offset), length: BigInt(length), addr: BigInt(addr), type, flags: 0, dev: 1};
}

/** A mapping of a type that has no address. */
export function unmapped(type: number, offset: bigint, length: bigint): Mapping {
  return {offset, length, addr: NONE, type, flags: 0, dev: 0};
}

/**
 * A server that answers as the protocol asks for, written with nothing of the server under test, in the same thread as the simulated
 * kernel: what that kernel is tried on. Every answer can be replaced.
 */
export class ScriptedServer {
  readonly files = new Map<string, ScriptedFile>();
  readonly handlers = new Map<number, Handler>();
  /** Changes the two mappings of a BEGIN answer. */
  answer: ((mappings: [read: Mapping, write: Mapping], pos: bigint, opflags: number) => void) | undefined;
  readonly blockSize: number;
  minor = 99;
  /** The kernel while a request is served, and the id of the request. */
  kernel: KernelEnd | undefined;
  unique = 0n;
  /** Opened anew for each registration; undefined registers nothing. */
  readonly #device: (() => OwnedFd) | undefined;

  constructor(blockSize: number, device?: () => OwnedFd) {
    this.blockSize = blockSize;
    this.#device = device;
    this.handlers
      .set(OP.INIT, (_, body) => this.#init(body))
      .set(OP.IOMAP_CONFIG, (_, body) => this.#config(body))
      .set(OP.GETATTR, (nodeid) => this.#getattr(nodeid))
      .set(OP.LOOKUP, (_, body) => this.#lookup(body))
      .set(OP.IOMAP_BEGIN, (nodeid, body) => this.#begin(nodeid, body))
      .set(OP.DESTROY, () => new Uint8Array(0));
  }

  /** For `DirectLink`. */
  readonly serve: DirectServer = (request, end) => {
    this.kernel = end;
    const {opcode, unique, nodeid} = inHeader.read(viewOf(request));
    if (opcode === OP.FORGET || opcode === OP.BATCH_FORGET) return;
    this.unique = unique;
    const handler = this.handlers.get(opcode);
    const answer = handler === undefined ? ENOSYS : handler(nodeid, request.slice(inHeader.size), this);
    if (answer === undefined) return;
    const body = typeof answer === 'number' ? new Uint8Array(0) : answer;
    const message = new Uint8Array(outHeader.size + body.length);
    const error = typeof answer === 'number' ? -answer : 0;
    outHeader.write(viewOf(message), 0, {len: message.length, error, unique});
    message.set(body, outHeader.size);
    end.reply(message);
  };

  file(nodeid: bigint): ScriptedFile | undefined {
    return [...this.files.values()].find((each) => each.nodeid === nodeid);
  }

  /** The mapping at a position, holes included. */
  at(file: ScriptedFile, pos: bigint): Mapping {
    const found = file.mappings.find((each) => each.offset <= pos && pos < endOf(each));
    if (found !== undefined) return found;
    const before = file.mappings.filter((each) => endOf(each) <= pos).at(-1);
    const after = file.mappings.find((each) => each.offset > pos);
    const start = before === undefined ? 0n : endOf(before);
    const unit = BigInt(this.blockSize);
    const end = after === undefined ? MAXBYTES - (MAXBYTES % unit) : after.offset;
    return unmapped(MAP.HOLE, start, end - start);
  }

  /** Sends an upsert. @returns what write(2) says */
  upsert(nodeid: bigint, read: Mapping, write: Mapping, attrIno = nodeid): number {
    const body = new Uint8Array(nodeHead.size + 2 * layout.size);
    const view = viewOf(body);
    nodeHead.write(view, 0, {nodeid, attrIno});
    layout.write(view, nodeHead.size, read);
    layout.write(view, nodeHead.size + layout.size, write);
    return this.notify(NOTIFY.UPSERT_MAPPINGS, body);
  }

  /** Sends an invalidation of both trees. @returns what write(2) says */
  invalidate(nodeid: bigint, offset: bigint, length: bigint): number {
    const body = new Uint8Array(48);
    const view = viewOf(body);
    nodeHead.write(view, 0, {nodeid, attrIno: nodeid});
    for (const at of [16, 32]) {
      view.setBigUint64(at, offset, true);
      view.setBigUint64(at + 8, length, true);
    }
    return this.notify(NOTIFY.INVAL_MAPPINGS, body);
  }

  notify(code: number, body: Uint8Array): number {
    const message = new Uint8Array(outHeader.size + body.length);
    outHeader.write(viewOf(message), 0, {len: message.length, error: code, unique: 0n});
    message.set(body, outHeader.size);
    return this.kernel!.call({kind: 'write', request: 0, memory: message}).result;
  }

  #init(body: Uint8Array): Uint8Array {
    const {flags2} = initIn.read(viewOf(body));
    return initOut.encode({
      major: 7,
      minor: this.minor,
      maxReadahead: 131_072,
      flags: FLAGS,
      flags2: flags2 & FUSE_IOMAP,
      maxWrite: 65_536,
    });
  }

  #config(request: Uint8Array): Uint8Array {
    const fd = this.#device?.();
    if (fd !== undefined) {
      const open = backingMap.encode({fd: fd.fd, flags: 1});
      const {result} = this.kernel!.call({kind: 'ioctl', request: IOC.BACKING_OPEN, memory: open, fd});
      const block = backingInfo.encode({id: result, blockSize: this.blockSize});
      this.kernel!.call({kind: 'ioctl', request: IOC.SET_BLOCKSIZE, memory: block});
    }
    const size = configIn.read(viewOf(request)).cacheMaxbytes === 0 ? SIZE_BEFORE_V7 : SIZE_V7;
    return configOut.encode({flags: BigInt(CONFIG.BLOCKSIZE), blockSize: this.blockSize}).subarray(0, size);
  }

  #attributes(nodeid: bigint): Uint8Array {
    const file = this.file(nodeid);
    const mode = file === undefined ? 0o040755 : 0o100644;
    const flags = file === undefined ? 0 : (file.flags ?? 0b1100);
    return attr.encode({ino: nodeid, mode, nlink: 1, size: BigInt(file?.size ?? 0), flags});
  }

  #getattr(nodeid: bigint): Uint8Array {
    const body = new Uint8Array(ATTR_OUT_SIZE);
    body.set(this.#attributes(nodeid), ATTR_OUT_ATTR);
    return body;
  }

  #lookup(body: Uint8Array): Answer {
    const file = this.files.get(Buffer.from(body.subarray(0, -1)).toString());
    if (file === undefined) return ENOENT;
    const entry = new Uint8Array(ENTRY_SIZE);
    entryHead.write(viewOf(entry), 0, {nodeid: file.nodeid});
    entry.set(this.#attributes(file.nodeid), entryHead.size);
    return entry;
  }

  #begin(nodeid: bigint, body: Uint8Array): Answer {
    const {pos, opflags} = beginIn.read(viewOf(body));
    const read = this.at(this.file(nodeid)!, pos);
    const pair: [Mapping, Mapping] = [read, unmapped(MAP.PURE_OVERWRITE, read.offset, read.length)];
    this.answer?.(pair, pos, opflags);
    return encodePair(pair);
  }
}

/** The body of a BEGIN answer. */
export function encodePair([read, write]: readonly [Mapping, Mapping]): Uint8Array {
  const body = new Uint8Array(2 * layout.size);
  layout.write(viewOf(body), 0, read);
  layout.write(viewOf(body), layout.size, write);
  return body;
}
