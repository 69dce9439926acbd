import {viewOf} from '../wire/index.js';
import {ProtocolError} from './protocol-error.js';

/** Largest frame body in bytes. */
export const MAX_FRAME_SIZE = 64 * 1024;
const LENGTH_SIZE = 4;

/** What a frame carries: a JSON object; `event` says which. */
export type ControlMessage = Record<string, unknown>;

/** The server's own account of why it gives up, sent before a goodbye with a non-zero code. */
export interface FailedEvent {
  event: 'failed';
  /** Symbolic errno, `EUCLEAN`. */
  errno: string;
  /** The program's word for it, `extent-magic`. */
  code: string;
  message: string;
}

/** Which file system the server found, where the caller named none; sent before TYPE. */
export interface DetectedEvent {
  event: 'detected';
  /** Subtype for the mount table, `ext4`. */
  type: string;
  /** Block size of the file system in bytes. */
  blockSize?: number;
}

/** How the server has locked itself down; sent before it asks for the image. */
export interface ContainedEvent {
  event: 'contained';
  /** Landlock ABI in force, 0 where the kernel has none. */
  landlock: number;
  /** System calls that its seccomp filter lets through. */
  systemCalls: number;
}

/** One frame of the control channel: u32 big-endian length, then that many bytes of UTF-8 JSON. */
export function encodeFrame(message: object): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify(message));
  if (body.length > MAX_FRAME_SIZE) {
    throw new ProtocolError('control', 'size', 'EMSGSIZE', 'frame too long', {length: body.length});
  }
  const frame = new Uint8Array(LENGTH_SIZE + body.length);
  viewOf(frame).setUint32(0, body.length);
  frame.set(body, LENGTH_SIZE);
  return frame;
}

/**
 * Cuts a byte stream into messages. It holds at most one frame and the bytes given last; after an error it takes
 * nothing more, since the place of the next frame is unknown.
 */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array(0);
  #broken = false;

  /** Takes bytes and gives the messages they complete. @throws ProtocolError for a frame against the rules. */
  push(bytes: Uint8Array): ControlMessage[] {
    if (this.#broken) return [];
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const messages: ControlMessage[] = [];
    let at = 0;
    // Ends: each round takes at least the four bytes of a length.
    while (all.length - at >= LENGTH_SIZE) {
      const length = viewOf(all).getUint32(at);
      if (length === 0 || length > MAX_FRAME_SIZE) this.#fail('size', 'frame length out of range', {length});
      if (all.length - at - LENGTH_SIZE < length) break;
      messages.push(this.#parse(all.subarray(at + LENGTH_SIZE, at + LENGTH_SIZE + length)));
      at += LENGTH_SIZE + length;
    }
    this.#rest = all.slice(at);
    return messages;
  }

  #parse(body: Uint8Array): ControlMessage {
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(body));
    } catch {
      this.#fail('encoding', 'frame is not UTF-8 JSON', {length: body.length});
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#fail('value', 'frame is not an object', {});
    }
    return value as ControlMessage;
  }

  #fail(code: 'size' | 'encoding' | 'value', text: string, details: Record<string, unknown>): never {
    this.#broken = true;
    this.#rest = new Uint8Array(0);
    throw new ProtocolError('control', code, 'EBADMSG', text, details);
  }
}
