import {readSync, writeSync} from 'node:fs';
import {Errno, errnoOf} from '../../../src/sys/errno.js';
import {ERRNO} from '../../../src/sys/errno-codes.js';
import type {OwnedFd} from '../../../src/sys/fd.js';
import {setNonBlocking} from '../../../src/sys/fd.js';
import {receivePacket, sendPacket, waitAny} from '../../../src/sys/socket.js';

/** A call on the device that has a result at once: ioctl(2), or write(2) of a notification. */
export interface DeviceCall {
  readonly kind: 'ioctl' | 'write';
  /** The ioctl's number; 0 for a write. */
  readonly request: number;
  /** The memory that the ioctl's argument points to, or the message. */
  readonly memory: Uint8Array;
  /** Where the memory names a descriptor of the server: a duplicate of it. The callee's to close. */
  readonly fd?: OwnedFd | undefined;
}

/** A negative errno or the value; `memory` is what the ioctl left in it. */
export interface DeviceResult {
  readonly result: number;
  readonly memory: Uint8Array;
}

/** What the server's half of the device leads to. */
export interface KernelEnd {
  /** The server answered a request by write(2). */
  reply(message: Uint8Array): void;
  call(call: DeviceCall): DeviceResult;
}

/**
 * The way to a server. Only the kernel's side ever waits for anything but the answer to its own last call: a link waits for replies
 * and calls at the same time, and calls are answered where it waits. So a server that calls the kernel while it serves a request can't
 * wait for a kernel that waits for the reply; and a request that does not fit the socket is not waited for without
 * taking what the server has to say.
 */
export interface ServerLink {
  /** Whom replies and calls go to. Before anything else. */
  start(end: KernelEnd): void;
  send(request: Uint8Array): void;
  /** Hands over what the server said, waiting for it. False after that time. @throws Error when the server is gone */
  wait(timeoutMs: number): boolean;
  close(): void;
}

/** Requests and replies of at most this many bytes fit the socket's buffer as it is. */
export const LARGEST_MESSAGE = 128 << 10;
/** How long a call's answer may take to be taken by the server. */
const TAKING_MS = 10_000;
/** Between two attempts to send, and while the server says nothing. */
const RETRY_MS = 2;

const CALL_HEADER = 8;
const KINDS = ['ioctl', 'write'] as const;

/** A call as a packet of the call socket; the descriptor travels beside it. */
export function encodeCall({kind, request, memory}: DeviceCall): Uint8Array {
  const packet = new Uint8Array(CALL_HEADER + memory.length);
  const view = new DataView(packet.buffer);
  view.setUint32(0, KINDS.indexOf(kind), true);
  view.setUint32(4, request, true);
  packet.set(memory, CALL_HEADER);
  return packet;
}

function decodeCall(packet: Uint8Array, fd: OwnedFd | undefined): DeviceCall {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const kind = KINDS[view.getUint32(0, true)];
  if (kind === undefined) throw new Error('the stand-in of the device sent something unknown');
  return {kind, request: view.getUint32(4, true), memory: packet.slice(CALL_HEADER), fd};
}

/**
 * The way to a server in another process: a SEQPACKET pair that stands for /dev/fuse, and a second one for the calls that a
 * socket can't carry. Both ends here are the link's to close.
 */
export class SocketLink implements ServerLink {
  readonly #device: OwnedFd;
  readonly #calls: OwnedFd;
  readonly #buffer = new Uint8Array(LARGEST_MESSAGE + 4096);
  #end: KernelEnd | undefined;

  constructor(device: OwnedFd, calls: OwnedFd) {
    this.#device = device;
    this.#calls = calls;
    setNonBlocking(device.fd);
  }

  start(end: KernelEnd): void {
    this.#end = end;
  }

  send(request: Uint8Array): void {
    for (;;) {
      try {
        writeSync(this.#device.fd, request);
        return;
      } catch (error) {
        if (errnoOf(error) !== ERRNO.EAGAIN) throw error;
      }
      // The buffer is full. The server may be waiting for us to take a reply or to answer a call.
      this.wait(RETRY_MS);
    }
  }

  wait(timeoutMs: number): boolean {
    const ready = waitAny([this.#calls.fd, this.#device.fd], timeoutMs);
    if (ready.includes(this.#calls.fd)) this.#takeCall();
    else if (ready.includes(this.#device.fd)) this.#takeReply();
    return ready.length > 0;
  }

  #takeCall(): void {
    const {length, fds} = receivePacket(this.#calls.fd, this.#buffer, {maxFds: 1, timeoutMs: TAKING_MS});
    if (length === 0) throw new Error('the server is gone');
    const {result, memory} = this.#end!.call(decodeCall(this.#buffer.subarray(0, length), fds[0]));
    const packet = new Uint8Array(4 + memory.length);
    new DataView(packet.buffer).setInt32(0, result, true);
    packet.set(memory, 4);
    sendPacket(this.#calls.fd, packet, [], {timeoutMs: TAKING_MS});
  }

  #takeReply(): void {
    const length = readSync(this.#device.fd, this.#buffer);
    if (length === 0) throw new Error('the server is gone');
    this.#end!.reply(this.#buffer.slice(0, length));
  }

  close(): void {
    this.#device.close();
    this.#calls.close();
  }
}

/** A server in the same thread: it gets a request and gives its replies, and may call meanwhile. */
export type DirectServer = (request: Uint8Array, end: KernelEnd) => void;

/** The way to a server in the same thread. */
export class DirectLink implements ServerLink {
  readonly #server: DirectServer;
  readonly #replies: Uint8Array[] = [];
  #end: KernelEnd | undefined;

  constructor(server: DirectServer) {
    this.#server = server;
  }

  start(end: KernelEnd): void {
    this.#end = end;
  }

  send(request: Uint8Array): void {
    this.#server(request, {
      reply: (message) => void this.#replies.push(message),
      call: (call) => this.#end!.call(call),
    });
  }

  wait(): boolean {
    const reply = this.#replies.shift();
    if (reply === undefined) return false;
    this.#end!.reply(reply);
    return true;
  }

  close(): void {}
}

/** The server's half of a device behind a `SocketLink`: what stands in its process for ioctl(2) and write(2). */
export class DeviceStandIn {
  readonly #calls: number;
  readonly #buffer = new Uint8Array(4096);

  /** @param calls the descriptor of the call socket's other end */
  constructor(calls: number) {
    this.#calls = calls;
  }

  /** @returns the value; `memory` is changed as the kernel would change it. @throws Errno */
  ioctl(request: number, memory: Uint8Array, passedFd?: number): number {
    return this.#call({kind: 'ioctl', request, memory}, passedFd);
  }

  /** Writes a notification. @throws Errno */
  write(message: Uint8Array, length: number): void {
    this.#call({kind: 'write', request: 0, memory: message.subarray(0, length)});
  }

  #call(call: DeviceCall, passedFd?: number): number {
    sendPacket(this.#calls, encodeCall(call), passedFd === undefined ? [] : [passedFd]);
    const {length} = receivePacket(this.#calls, this.#buffer);
    const result = new DataView(this.#buffer.buffer).getInt32(0, true);
    if (result < 0) throw new Errno(-result, call.kind, 'fuse device');
    if (call.kind === 'ioctl') call.memory.set(this.#buffer.subarray(4, length));
    return result;
  }
}
