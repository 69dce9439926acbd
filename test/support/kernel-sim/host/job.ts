/** What the process with the server is asked to serve; descriptors come beside it: the device, its calls, then the sources. */
export interface Job {
  /** A driver's type (`ext4`), or one of the host's own. */
  readonly type: string;
  readonly cacheBytes: number;
  readonly options?: ReadonlyArray<[string, string]>;
}

/** What it tells when the connection has ended. */
export interface Done {
  readonly ended: string;
  /** What the session reported: defects. */
  readonly errors: readonly string[];
  /** What the server itself counted, where it serves by iomap. */
  readonly counters: Readonly<Record<string, number>>;
}

/** Number of the descriptor that jobs come by. */
export const JOBS_FD = 3;
