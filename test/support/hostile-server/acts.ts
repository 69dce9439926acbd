import type {FuseLies} from './fuse-lies.js';

/** One thing that a hostile server does. Bytes are hexadecimal. */
export type Act =
  /** Takes a packet and tells of it. */
  | {readonly take: true}
  /** Sends a packet, and takes one where `answer` is not false. */
  | {readonly send: string; readonly answer?: boolean; readonly descriptors?: number}
  /** Sends a packet again and again, taking the answers or not, until all are sent or the other end is gone. */
  | {readonly flood: string; readonly times: number; readonly taking?: boolean}
  /** Writes to the descriptor that came last, as much of it as goes without waiting: the control channel. */
  | {readonly tell: string; readonly times?: number}
  | {readonly waitMs: number}
  /** Answers the kernel on the fuse device until the device ends. */
  | {readonly serve: FuseLies}
  | {readonly die: true};

/** What a server does, in order; then it goes away. */
export interface HostileScript {
  readonly acts: readonly Act[];
}

/** What it tells of a packet that it took. */
export interface Took {
  readonly got: string;
  /** Device and inode of the descriptor that came with it. */
  readonly inode?: string;
  /** Where /proc says that it leads. */
  readonly path?: string;
}

/** For ever, as far as a test goes. */
export const EVER_MS = 600_000;
