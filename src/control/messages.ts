/**
 * What a contained server and the manager say to each other. The server listens; the manager connects, as often and as late as
 * it likes. The server speaks first (hello), then answers what it is asked, in any order. Types only, so that a
 * server carries nothing of a validator; what a manager may believe of a server's messages is declared in `schemas.ts`.
 */

/** Version of what follows; told by hello. */
export const CONTROL_PROTOCOL = 1;
/** Requests that a server keeps for one connection until they are answered; one more ends the connection. */
export const MAX_OUTSTANDING = 16;

/** The server's own account of why it gives up, sent before a goodbye with a non-zero code. */
export interface FailedEvent {
  readonly event: 'failed';
  /** Symbolic errno, `EUCLEAN`. */
  readonly errno: string;
  /** The program's word for it, `extent-magic`. */
  readonly code: string;
  readonly message: string;
}

/** Which file system the server found, where the caller named none; sent before TYPE. */
export interface DetectedEvent {
  readonly event: 'detected';
  /** Subtype for the mount table, `ext4`. */
  readonly type: string;
  /** Block size of the file system in bytes. */
  readonly blockSize?: number;
}

/** How the server has locked itself down; sent before it asks for the image. */
export interface ContainedEvent {
  readonly event: 'contained';
  /** Landlock ABI in force, 0 where the kernel has none. */
  readonly landlock: number;
  /** System calls that its seccomp filter lets through. */
  readonly systemCalls: number;
}

/** What the mount command tells the helper's end while it mounts. */
export type MountEvent = FailedEvent | DetectedEvent | ContainedEvent;

/** The first message on a connection to a running server. */
export interface HelloEvent {
  readonly event: 'hello';
  readonly protocol: number;
  /** The file system, `ext4`. */
  readonly type: string;
  /** When the server started, ISO 8601. */
  readonly startedAt: string;
  /** Limit of the block cache, bytes. */
  readonly cacheBytes: number;
}

/** What can be asked of a running server. */
export type ControlOrder =
  | {readonly do: 'ping' | 'stats' | 'caches' | 'drop' | 'freeze' | 'thaw' | 'sync' | 'shutdown'}
  /** Changes the byte limit of the block cache; 0 keeps nothing. */
  | {readonly do: 'limit'; readonly bytes: number};
export type OrderName = ControlOrder['do'];

/** A question as it is sent. `id` is 1 to 2^31 - 1 and not in use by another unanswered question of this connection. */
export type ControlRequest = {readonly id: number} & ControlOrder;

/** How the server is: cheap, and answered without the thread that serves requests. */
/** How requests may travel between kernel and server. */
export const TRANSPORTS = ['device', 'io_uring'] as const;
export type Transport = (typeof TRANSPORTS)[number];

export interface ServerState {
  /** Requests read and not answered, held ones left out. */
  readonly queueDepth: number;
  /** Age of the oldest of them in milliseconds, 0 when there is none. */
  readonly oldestMs: number;
  /** Modifying requests that wait for a thaw. */
  readonly held: number;
  readonly frozen: boolean;
  /** Every request is answered with EIO from now on. */
  readonly shutDown: boolean;
  /** How requests travel; absent before the kernel has been answered, and from relays. */
  readonly transport?: Transport;
}

/** What was counted for one opcode. */
export interface OperationNumbers {
  readonly count: number;
  readonly errors: number;
  /** By symbolic name, `ENOENT`; the rest of them under `other`. */
  readonly errorsByErrno: Readonly<Record<string, number>>;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Nanoseconds of all requests together, and of the longest. */
  readonly totalNs: number;
  readonly maxNs: number;
  /** Requests by latency: number 0 took less than 1 µs, number k from 2^(k-1) to 2^k µs, the last one more. Not cumulative. */
  readonly buckets: readonly number[];
}

/** What is counted where the kernel reads files by itself and asks for mappings; see docs/iomap.md. */
export const IOMAP_NUMBERS = [
  'beginRead',
  'beginWrite',
  'beginZero',
  'beginWriteback',
  'beginReport',
  'ends',
  'ioends',
  'ioErrors',
  'upserts',
  'upsertFailures',
  'invalidations',
  'deviceInvalidations',
  'retries',
  'errors',
] as const;
export type IomapNumbers = Readonly<Record<(typeof IOMAP_NUMBERS)[number], number>>;

/** Answer to `stats`. */
export interface StatsAnswer extends ServerState {
  /** Not there where the kernel asks for no mappings. */
  readonly iomap?: IomapNumbers;
  /** By FUSE opcode name, `LOOKUP`; those that never came are left out. */
  readonly operations: Readonly<Record<string, OperationNumbers>>;
  /** From a relay: what the server told the kernel and the kernel was not told, by kind of fault. */
  readonly refused?: Readonly<Record<string, number>>;
}

/** What one cache counts. */
export interface CacheNumbers {
  readonly capacityBytes: number;
  readonly bytes: number;
  readonly entries: number;
  readonly dirty: number;
  readonly hits: number;
  readonly misses: {
    readonly cold: number;
    readonly evicted: number;
    readonly invalidated: number;
    readonly bypassed: number;
  };
  readonly evictions: {readonly capacity: number; readonly dropped: number};
}

/** Names of the caches that a server may have. */
export const CACHE_NAMES = ['block', 'inode', 'directory', 'mapping', 'iomap'] as const;
export type CacheName = (typeof CACHE_NAMES)[number];

/** Answer to `caches`, `drop` and `limit`: the caches that the driver has. */
export interface CachesAnswer {
  readonly caches: Readonly<Partial<Record<CacheName, CacheNumbers>>>;
}

/** What each order is answered with. */
export interface ControlAnswers {
  readonly ping: ServerState;
  readonly stats: StatsAnswer;
  readonly caches: CachesAnswer;
  readonly drop: CachesAnswer;
  readonly limit: CachesAnswer;
  readonly freeze: ServerState;
  readonly thaw: ServerState;
  readonly sync: ServerState;
  readonly shutdown: ServerState;
}

/** Why an order was not carried out. */
export interface ControlRefusal {
  /** Symbolic errno: EOPNOTSUPP an order that this server does not know, EINVAL a value, ETIMEDOUT the request thread does not answer. */
  readonly errno: string;
  readonly code: string;
  readonly message: string;
}

/** An answer as it is sent. */
export type ControlAnswer =
  | {readonly id: number; readonly ok: ControlAnswers[OrderName]}
  | {readonly id: number; readonly error: ControlRefusal};
