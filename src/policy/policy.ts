/** Whether a regular file gets a loop device: `auto` only where iomap was approved. */
export type LoopPolicy = 'always' | 'auto' | 'never';
/** What to make of the kernel's iomap. */
export type IomapPolicy = 'allow' | 'deny' | 'require';
/** What the manager does with a mount whose server is gone. */
export type ServerDeathPolicy = 'detach' | 'keep';

/** What an administrator decided for mounts of one type. Quantities are in the unit of their name. */
export interface Policy {
  readonly loop: LoopPolicy;
  readonly directIo: boolean;
  readonly iomap: IomapPolicy;
  readonly allowDev: boolean;
  readonly allowSuid: boolean;
  readonly allowOther: boolean;
  /** How far the kernel reads ahead on a mount, bytes. */
  readonly readAheadBytes: number;
  readonly deadlineMs: number;
  readonly onServerDeath: ServerDeathPolicy;
  /** Age from which a request counts as slow. */
  readonly slowRequestMs: number;
  /** How long a server may leave the manager without an answer. */
  readonly unresponsiveMs: number;
  readonly server: ServerPolicy;
}

/** What a contained server gets. */
export interface ServerPolicy {
  /** First user id of the range that servers run under. */
  readonly uidBase: number;
  /** How many user ids the range has, so how many servers can run at once. */
  readonly uidCount: number;
  /** Limit of the metadata block cache, bytes. */
  readonly cacheBytes: number;
  /** RLIMIT_DATA of the server, bytes. */
  readonly memoryBytes: number;
}

/** A policy that can't be used: which file, which key, and what would be right. */
export class PolicyError extends Error {
  readonly file: string;
  readonly key: string | undefined;

  constructor(file: string, key: string | undefined, reason: string) {
    super(`can't use policy ${file}: ${key === undefined ? '' : `${key} `}${reason}`);
    this.name = 'PolicyError';
    this.file = file;
    this.key = key;
  }
}
