import {failure} from './failure.js';
import type {FileSystem} from './file-system.js';
import type {ConnectionInfo} from './init.js';
import type {RequestSlot} from './request-slot.js';

/** What operations may ask of the session they run in. */
export interface OperationTarget {
  readonly fs: FileSystem;
  /** What INIT agreed on; undefined before. */
  readonly connection: ConnectionInfo | undefined;
  /** Default validity of names and attributes in whole seconds. */
  readonly entryTimeout: number;
  readonly attrTimeout: number;
  /** Answers INIT: writes the reply's body and returns its size. */
  initialise(slot: RequestSlot): number;
  /** Ends the file system's life, once; when requests still wait for promises, after those. */
  destroy(): void | Promise<void>;
  /** Every request from now on is answered with EIO. */
  shutDown(): void;
  /** The request with this id (see `RequestSlot.key`) is to be interrupted. */
  interrupt(key: number): void;
  /** A RETRIEVE notification was answered. */
  retrieved(notifyUnique: number, offset: number, data: Uint8Array): void;
}

/** The size of a reply's body: fixed, as long as it needs to be, or no reply at all. */
export type ReplySize = number | 'variable' | 'none';

/** One row of the dispatch table: how requests with one opcode are understood, served and answered. */
export interface Operation {
  readonly opcode: number;
  readonly name: string;
  /** Bytes of the fixed part of the request's body; a shorter request is answered with EINVAL. */
  readonly bodySize: number;
  readonly replySize: ReplySize;
  /** Decodes the request, calls the handler. The result, or a promise of it, goes to `encode`. */
  call(slot: RequestSlot, target: OperationTarget): unknown;
  /** Writes the reply's body behind the out header, returns its size. */
  encode(slot: RequestSlot, result: unknown): number;
}

/** A row whose `encode` gets what its `call` returned or promised. */
export function operation<R>(row: {
  opcode: number;
  name: string;
  bodySize: number;
  replySize: ReplySize;
  call: (slot: RequestSlot, target: OperationTarget) => R | Promise<R>;
  encode: (slot: RequestSlot, result: R) => number;
}): Operation {
  return row as Operation;
}

/** Whether a handler will answer later. */
export function isPromise(result: unknown): result is Promise<unknown> {
  return (
    typeof result === 'object' && result !== null && typeof (result as {then?: unknown}).then === 'function'
  );
}

/** For operations that are answered by the header alone. */
export function encodeNothing(): number {
  return 0;
}

/** What is thrown for a method that the file system lacks. */
export const MISSING = failure('ENOSYS');
