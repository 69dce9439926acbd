import type {MountRefusal} from './driver.js';
import type {OrderEnd} from './order-box.js';

/** What the request thread is started with. */
export interface ThreadStart {
  /** Memfd to count in, and its size in bytes. */
  readonly countersFd: number;
  readonly countersSize: number;
  /** Where orders come in while it serves requests. */
  readonly orders: OrderEnd;
}

/** The first message of a request thread, before its code is there. */
export interface ThreadGreeting {
  /** The kernel's id of the thread. */
  readonly threadId: number;
  /** The ABI of landlock that holds it from now on, 0 where there is none. */
  readonly landlock: number;
}

/** What the main thread asks of the request thread, one at a time, and what it gets for it. */
export interface ThreadCalls {
  /** Answers as soon as all of its code is there. */
  load: {ask: Record<never, never>; answer: Record<never, never>};
  /** Serves a volume of our own, for nothing; the answer is how many requests failed. */
  rehearse: {ask: {type: string}; answer: {failed: number}};
  /** Makes a ring for the fuse device, if it can: then the answer has its descriptor. `queues`: how many processors the machine may have. */
  ring: {ask: {fuseFd: number; queues: number}; answer: {ringFd?: number}};
  /** Looks what the source on a descriptor is. */
  probe: {ask: {fd: number; type: string}; answer: Probe};
  /** Opens the source with the driver that probe chose. */
  open: {
    ask: {
      fd: number;
      /** Further sources, by the names that probe told. */
      members: ReadonlyArray<{readonly name: string; readonly fd: number}>;
      options: ReadonlyArray<[string, string]>;
      cacheBytes: number;
    };
    answer: Record<never, never>;
  };
  /**
   * Answers the kernel until the mount ends. `devices`: block devices that it may read files from by itself. `busyPollMs`: how long to
   * look for the next request before sleeping.
   */
  run: {
    ask: {fuseFd: number; devices: readonly number[]; busyPollMs: number};
    answer: {ended: 'unmounted' | 'aborted'};
  };
}

/** What a source turned out to be. */
export interface Probe {
  readonly type: string;
  /** What the driver is mounted on. */
  readonly target: 'directory' | 'file';
  /** Block size in bytes for the device under the file system, 0 when it does not matter. */
  readonly blockSize: number;
  readonly optionNames: readonly string[];
  /** Names of the further sources that it lies on. */
  readonly members: readonly string[];
}

/** A failure on its way between threads. */
export type Refusal = Pick<MountRefusal, 'errno' | 'code' | 'message' | 'exitCode' | 'holds'>;

/** A question as it is posted. */
export type Ask = {[K in keyof ThreadCalls]: {do: K} & ThreadCalls[K]['ask']}[keyof ThreadCalls];

/** An answer as it is posted. */
export type Reply = {answer: unknown} | {refusal: Refusal};
