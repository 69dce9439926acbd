import {resolve} from 'node:path';
import {errnoText} from '../sys/errno.js';
import {type ErrnoCode, errnoCode} from '../sys/errno-codes.js';

/** Which rule or step failed; stable, for logs and tests. */
export type MountErrorCode =
  | 'not-root'
  | 'bad-option'
  | 'bad-type'
  | 'policy-denied'
  | 'type-has-policy'
  | 'source-missing'
  | 'source-unreadable'
  /** A command's own user could not open it. */
  | 'source-kind'
  | 'source-busy'
  | 'member-denied'
  | 'target-missing'
  | 'target-kind'
  | 'target-busy'
  | 'target-changed'
  | 'target-denied'
  | 'bad-descriptor'
  | 'other-namespace'
  | 'too-many-mounts'
  | 'no-fuse'
  | 'no-iomap'
  | 'no-driver'
  | 'observe'
  | 'connect'
  | 'command-missing'
  | 'grant'
  | 'conversation'
  | 'server-refused'
  | 'server-died'
  | 'not-contained'
  | 'deadline'
  | 'kernel'
  /** What was mounted could not be noted. */
  | 'record'
  | 'not-mounted'
  | 'not-ours'
  | 'unmount';

/**
 * A mount or unmount that did not happen. The message is one sentence, `can't VERB OBJECT: reason`; everything that
 * was done on the way has been undone.
 */
export class MountError extends Error {
  /** Exit code of a command that fails with this: 2 when there is no driver for the type, so that callers fall back. */
  readonly exitCode: 1 | 2;
  readonly code: MountErrorCode;
  /** The error number behind it, where there is one. */
  readonly errno: number | undefined;
  /** More for a log: the kernel's messages, the server's last words. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    what: {verb?: 'mount' | 'unmount' | 'mount on'; object: string; reason: string; code: MountErrorCode},
    more: {
      errno?: number | undefined;
      exitCode?: 1 | 2;
      details?: Record<string, unknown>;
      cause?: unknown;
    } = {},
  ) {
    super(
      `can't ${what.verb ?? 'mount'} ${what.object}: ${what.reason}`,
      more.cause === undefined ? {} : {cause: more.cause},
    );
    this.name = 'MountError';
    this.code = what.code;
    this.exitCode = more.exitCode ?? 1;
    this.errno = more.errno;
    this.details = more.details ?? {};
  }

  /** `FILE:LINE` of the policy, where that is what was against it. */
  get rule(): string | undefined {
    const rule = this.details['rule'] as {readonly file: string; readonly line: number} | undefined;
    return rule === undefined ? undefined : `${rule.file}:${rule.line}`;
  }

  /** Symbolic name of `errno`. */
  get errnoName(): ErrnoCode | undefined {
    return this.errno === undefined ? undefined : errnoCode(this.errno);
  }
}

/** `device or resource busy (EBUSY)`: the kernel's words for an error number. */
export function errnoWords(errno: number): string {
  const code = errnoCode(errno);
  return code === undefined ? errnoText(errno) : `${errnoText(errno)} (${code})`;
}

/**
 * What is said of a path that leads nowhere. Node has U+FFFD for what is not UTF-8 in a name, be it on the command line, in a link or in the working directory's
 * path, and looks for that then.
 * @param error what the look-up failed with
 */
export function missingWords(what: string, name: string, error: unknown): string {
  const lost = `${resolve(name)} ${error}`.includes('\ufffd');
  return `there is no such ${what}${lost ? ', or its path is not UTF-8, which fuseward does not take' : ''}`;
}
