import {type ControlMessage, FrameError, FrameReader} from '../control/frame.js';
import {foreignText} from '../service/foreign-text.js';
import {errnoOf} from '../sys/errno.js';
import {ERRNO, type ErrnoCode} from '../sys/errno-codes.js';
import type {OwnedFd} from '../sys/fd.js';
import {readStream, streamPair} from '../sys/socket.js';
import {isSubtype} from './fs-type.js';

/** Why the server gave up, in its own words: sanitized, but nobody has checked that it is true. */
export interface ServerFailure {
  errno: ErrnoCode | undefined;
  code: string;
  message: string;
}

/** A server's account of its own lock-down: nobody has checked it. */
export interface LockDownReport {
  /** Landlock ABI in force, 0 where the kernel has none. */
  landlock: number;
  /** System calls that its seccomp filter lets through. */
  systemCalls: number;
}

/** What is read at a time, and in all: a server that writes without end is not listened to for ever. */
const CHUNK = 16 * 1024;
const MOST_BYTES = 1 << 20;

/**
 * The helper's end of the control channel. It only listens: to the file system that the server detected, and to the
 * reason for a failure. Everything said is untrusted text.
 */
export class ControlChannel {
  readonly #ours: OwnedFd;
  readonly #reader = new FrameReader();
  #theirs: OwnedFd | undefined;
  #bytes = 0;
  #failure: ServerFailure | undefined;
  #detectedType: string | undefined;
  #blockSize: number | undefined;
  #lockDown: LockDownReport | undefined;

  constructor() {
    const [ours, theirs] = streamPair();
    this.#ours = ours;
    this.#theirs = theirs;
  }

  /** The server's end, once; the caller passes it on and closes it. */
  takeServerEnd(): OwnedFd | undefined {
    const end = this.#theirs;
    this.#theirs = undefined;
    return end;
  }

  /** A duplicate of our end, for whoever goes on listening after the mount. */
  dup(): OwnedFd {
    return this.#ours.dup();
  }

  /** The last failure that the server told of. */
  get failure(): ServerFailure | undefined {
    this.#drain();
    return this.#failure;
  }

  /** The subtype that the server detected, if it is fit to be one. */
  get detectedType(): string | undefined {
    this.#drain();
    return this.#detectedType;
  }

  /** Block size of the file system in bytes, as the server says. */
  get blockSize(): number | undefined {
    this.#drain();
    return this.#blockSize;
  }

  /** How the server says it has locked itself down. */
  get lockDown(): LockDownReport | undefined {
    this.#drain();
    return this.#lockDown;
  }

  close(): void {
    this.#theirs?.close();
    this.#ours.close();
  }

  /** Takes what has arrived, without waiting. */
  #drain(): void {
    const buffer = new Uint8Array(CHUNK);
    // Ends: each round takes a byte at least of a bounded number.
    while (!this.#ours.closed && this.#bytes < MOST_BYTES) {
      let length: number;
      try {
        length = readStream(this.#ours.fd, buffer, 0);
      } catch (error) {
        if (errnoOf(error) === ERRNO.ETIMEDOUT || errnoOf(error) === ERRNO.ECONNRESET) return;
        throw error;
      }
      if (length === 0) return;
      this.#bytes += length;
      try {
        for (const message of this.#reader.push(buffer.subarray(0, length))) this.#take(message);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        this.#bytes = MOST_BYTES;
      }
    }
  }

  #take(message: ControlMessage): void {
    const {event, errno, code, type, blockSize, landlock, systemCalls} = message;
    if (event === 'failed') {
      this.#failure = {
        errno: typeof errno === 'string' && Object.hasOwn(ERRNO, errno) ? (errno as ErrnoCode) : undefined,
        code: typeof code === 'string' && /^[a-z0-9-]{1,64}$/.test(code) ? code : 'unknown',
        message: typeof message['message'] === 'string' ? foreignText(message['message']) : '',
      };
    } else if (event === 'detected') {
      if (typeof type === 'string' && isSubtype(type)) this.#detectedType = type;
      if (typeof blockSize === 'number' && Number.isInteger(blockSize) && blockSize > 0)
        this.#blockSize = blockSize;
    } else if (event === 'contained' && isCount(landlock) && isCount(systemCalls)) {
      this.#lockDown = {landlock, systemCalls};
    }
  }
}

/** No report's numbers are larger; what is, is made up. */
const MOST_COUNT = 10_000;

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < MOST_COUNT;
}
