import type {SessionCounters} from './counters.js';
import {type ConnectionInfo, type InitOptions, LARGEST_WRITE} from './init.js';
import type {NodeTypes} from './node-types.js';
import type {Operation} from './operation.js';
import type {RequestSlot} from './request-slot.js';

/** Beside max_write: header and fixed part of a write, rounded up to a page; with it, also at least 8192 in all. */
const REQUEST_OVERHEAD = 4096;

/** What `SessionHooks.intercept` answers: serve the request as always. */
export const SERVE = 0;
/** What `SessionHooks.intercept` answers: hold the request until `Session.resume`. */
export const HOLD = -1;

export interface SessionOptions {
  /** What is wanted of the kernel in INIT. */
  readonly init?: InitOptions;
  /** What entryValid and attrValid hold when a handler gets its reply object: whole seconds, default 1. */
  readonly entryTimeout?: number;
  readonly attrTimeout?: number;
  /** Longest name that listings may hold, in bytes; default 255, at most 1024 (FUSE_NAME_MAX). */
  readonly longestName?: number;
  /** Most requests that wait for promises at a time; default 128. Each may need twice maxWrite of memory. */
  readonly maxConcurrent?: number;
  /** What an earlier INIT agreed on: for further sessions on the same connection, and for a server that takes over. */
  readonly connection?: ConnectionInfo;
  /** What kind of file each node is: to be shared by all sessions of one connection, since each sees a part of it. */
  readonly nodeTypes?: NodeTypes;
  /** Operations of a protocol extension. */
  readonly operations?: readonly Operation[];
}

/** Which request something went wrong in. */
export interface FailedRequest {
  readonly opcode: number;
  readonly name: string;
  readonly nodeid: number;
}

/** Whom a session talks to beside the file system; all optional. */
export interface SessionHooks {
  /** Takes the statistics; times are only taken when there is one. */
  readonly counters?: SessionCounters | null;
  /** A defect: an exception without errno, an invalid reply, a request that can't be understood or a reply that can't be sent. */
  readonly onError?: (error: unknown, request: FailedRequest) => void;
  /**
   * Asked about each request but INIT before a handler sees it: SERVE, HOLD, or a positive errno to answer it with. Those that have
   * no answer (FORGET, INTERRUPT) and DESTROY are served whatever it says. Called for every request, so it should be cheap.
   */
  readonly intercept?: (request: RequestSlot) => number;
  /**
   * So many requests are held that no more are read: called again and again by a transport that blocks. Should wait
   * a moment for something that makes the owner call `Session.resume`.
   */
  readonly onHeldFull?: () => void;
  /** A transport that blocks is about to wait for a request, also after a signal has ended such a wait: for what else there is to do. */
  readonly beforeWait?: () => void;
  /** The kernel shut the file system down: every request from now on is answered with EIO. */
  readonly onShutdown?: () => void;
  /** INIT was answered. */
  readonly onInit?: (connection: ConnectionInfo) => void;
  /** A RETRIEVE notification was answered; `data` is valid during the call. See `Notifier.retrieved`. */
  readonly onRetrieved?: (notifyUnique: number, offset: number, data: Uint8Array) => void;
}

/** What a session makes its slots by. @throws RangeError for options out of range */
export function checkedLimits(options: SessionOptions): {
  requestBytes: number;
  replyBytes: number;
  longestName: number;
  maxConcurrent: number;
} {
  const {longestName = 255, maxConcurrent = 128, entryTimeout = 1, attrTimeout = 1} = options;
  const maxWrite = options.connection?.maxWrite ?? options.init?.maxWrite ?? LARGEST_WRITE;
  if (!(longestName >= 1 && longestName <= 1024)) {
    throw new RangeError(`longestName is ${options.longestName}, must be 1 to 1024`);
  }
  for (const timeout of [entryTimeout, attrTimeout]) {
    if (!Number.isSafeInteger(timeout) || timeout < 0) {
      throw new RangeError(`a timeout is ${timeout}, must be whole seconds of at least 0`);
    }
  }
  if (!(maxConcurrent >= 1)) throw new RangeError('maxConcurrent must be at least 1');
  return {
    requestBytes: Math.max(8192, maxWrite + REQUEST_OVERHEAD),
    replyBytes: Math.max(1 << 17, maxWrite) + REQUEST_OVERHEAD,
    longestName,
    maxConcurrent,
  };
}
