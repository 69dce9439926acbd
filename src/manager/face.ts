import type {
  CachesView,
  ManagerEvent,
  MountOrder,
  MountStats,
  MountView,
  PoolView,
  StatusView,
} from './model.js';

/** Which kind of answer a failure is; the HTTP edge and the command line map it to theirs. */
export type ManagerErrorKind =
  | 'not-found'
  | 'conflict'
  | 'invalid'
  | 'denied'
  | 'no-driver'
  | 'unsupported'
  | 'server-failed'
  | 'timeout';

/** What the manager could not do: a stable code, the errno where there is one, and what the caller can do about it. */
export class ManagerError extends Error {
  readonly kind: ManagerErrorKind;
  readonly code: string;
  readonly errno: string | undefined;
  readonly hint: string | undefined;
  /** Each of several things that are wrong, where the message has them all. */
  readonly errors: readonly string[] | undefined;
  /** `FILE:LINE` of the policy, where that is what was against it; the message has it too. */
  readonly rule: string | undefined;

  constructor(
    kind: ManagerErrorKind,
    code: string,
    message: string,
    more: {errno?: string; hint?: string; errors?: readonly string[]; rule?: string} = {},
  ) {
    super(message);
    this.name = 'ManagerError';
    this.kind = kind;
    this.code = code;
    this.errno = more.errno;
    this.hint = more.hint;
    this.errors = more.errors;
    this.rule = more.rule;
  }
}

/** How a mount is taken away. */
export interface UnmountOrder {
  /** Abort the FUSE connection first: requests that hang fail. */
  readonly force: boolean;
  /** Detach now, end when nobody uses it any more. */
  readonly lazy: boolean;
}

/** What can be asked of a server while it runs. */
export type ServerOrder = 'freeze' | 'thaw' | 'sync' | 'shutdown';

/**
 * The manager as others see it: the admin API, and nothing of HTTP in it. Every method that names a mount throws
 * ManagerError `not-found` for an id that is not there, and `unsupported` where the server is not one of ours.
 */
export interface Manager {
  status(): StatusView;
  mounts(): MountView[];
  mount(id: string): MountView;
  /**
   * @param maxAgeMs for callers who come again and again: what was sampled so short a time ago is told again, and not asked
   * of the server; 0 unless told
   */
  stats(id: string, maxAgeMs?: number): Promise<MountStats>;
  /** @param maxAgeMs as for `stats` */
  caches(id: string, maxAgeMs?: number): Promise<CachesView>;
  /** Mounts by the same policy as the command line. @throws ManagerError with the command's own sentence */
  create(order: MountOrder): Promise<MountView>;
  remove(id: string, order: UnmountOrder): Promise<void>;
  /** Drops what the server's caches hold; the view afterwards. */
  dropCaches(id: string): Promise<CachesView>;
  /** Changes the byte limit of the block cache. */
  limitCache(id: string, bytes: number): Promise<CachesView>;
  order(id: string, order: ServerOrder): Promise<MountView>;
  /** Events after `since` that are still kept, then those to come. The returned function ends it. */
  subscribe(since: number | undefined, listener: (event: ManagerEvent) => void): () => void;
  /**
   * Reads the administrator's policy files again, for mounts that come: all of them, or none.
   * @returns the files that are in force on top of what ships
   * @throws ManagerError `bad-policy` with everything that is wrong; the policy in force stays
   */
  reloadPolicy(): {files: string[]};
  /** Servers that wait for mounts, by type. */
  pool(): PoolView[];
  /** False while the first look at the machine is not over. */
  readonly ready: boolean;
}
