/** Largest frame body in bytes. */
export const MAX_FRAME_SIZE = 64 * 1024;
const LENGTH_SIZE = 4;

/** What a frame carries: a JSON object. */
export type ControlMessage = Record<string, unknown>;

/** A frame against the rules: what of it, and the numbers. */
export class FrameError extends Error {
  readonly code: 'size' | 'encoding' | 'value';
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: FrameError['code'], text: string, details: Record<string, unknown> = {}) {
    super(`control channel: ${text}`);
    this.name = 'FrameError';
    this.code = code;
    this.details = details;
  }
}

/** One frame: u32 big-endian length, then that many bytes of UTF-8 JSON. @throws FrameError `size` */
export function encodeFrame(message: object): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify(message));
  if (body.length > MAX_FRAME_SIZE) {
    throw new FrameError('size', 'frame too long', {length: body.length});
  }
  const frame = new Uint8Array(LENGTH_SIZE + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, LENGTH_SIZE);
  return frame;
}

/**
 * Cuts a byte stream into messages. It holds at most one frame; after an error it takes nothing more, since the place of
 * the next frame is unknown.
 */
export class FrameReader {
  readonly #length = new Uint8Array(LENGTH_SIZE);
  /** The frame that is coming in, undefined between a frame's end and the last byte of the next one's length. */
  #body: Uint8Array | undefined;
  /** Bytes that are there of `#body`, or of `#length` where there is none. */
  #filled = 0;
  #broken = false;

  /** Takes bytes and gives the messages they complete. @throws FrameError for a frame against the rules */
  push(bytes: Uint8Array): ControlMessage[] {
    const messages: ControlMessage[] = [];
    let at = 0;
    // Ends: each round takes a byte at least.
    while (at < bytes.length && !this.#broken) {
      const target = this.#body ?? this.#length;
      const piece = bytes.subarray(at, at + target.length - this.#filled);
      target.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled < target.length) break;
      this.#filled = 0;
      if (this.#body === undefined) {
        this.#body = new Uint8Array(this.#checkedLength());
      } else {
        this.#body = undefined;
        messages.push(this.#parse(target));
      }
    }
    return messages;
  }

  #checkedLength(): number {
    const length = new DataView(this.#length.buffer).getUint32(0);
    if (length === 0 || length > MAX_FRAME_SIZE) this.#fail('size', 'frame length out of range', {length});
    return length;
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

  #fail(code: FrameError['code'], text: string, details: Record<string, unknown>): never {
    this.#broken = true;
    this.#body = undefined;
    throw new FrameError(code, text, details);
  }
}
