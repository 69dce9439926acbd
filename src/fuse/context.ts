/**
 * Who asks, and the parts of a request that few handlers look at. The object belongs to the request's slot: it is valid until
 * the handler has finished (returned, or settled its promise) and is used again for another request afterwards.
 */
export interface RequestContext {
  /** Opcode of the request (`opcodes.ts`). */
  readonly opcode: number;
  /** File-system user and group of the caller; 0xFFFFFFFF where the kernel does not tell (id-mapped mounts). */
  readonly uid: number;
  readonly gid: number;
  /** Thread id of the caller as seen in the mount's pid namespace; 0 for requests of the kernel itself (write-back). */
  readonly pid: number;
  /**
   * The request's own flag word: open_flags of open, create and tmpfile, read_flags, write_flags, release_flags,
   * setxattr_flags, 0 for all others (bits in `flags/`).
   */
  readonly requestFlags: number;
  /** O_* flags of the open file, for read, write, release, readdir and releasedir; else 0. */
  readonly fileFlags: number;
  /** Whether this is a request that another server had already been given (NOTIFY_RESEND). */
  readonly resent: boolean;
  /** Owner of the locks of the caller, for read, write, setattr, flush and release when it is known. */
  readonly lockOwner: bigint | undefined;
  /** Extension block of a create-like request (security labels, groups), to be read with `readExtensions()`; usually empty. */
  readonly extensions: Uint8Array;
  /**
   * Aborted when the caller was interrupted by a signal. Only of use to handlers that return a promise: they should then
   * give up with EINTR, or finish. Made when first asked for.
   */
  readonly signal: AbortSignal;
}
