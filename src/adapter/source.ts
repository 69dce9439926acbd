import {constants} from 'node:fs';
import type {CommandSource} from '../control/command-plan.js';
import {MountRefusal} from '../server/driver.js';
import type {ServerConversation} from '../service/index.js';
import {Errno, errnoOf, errnoText} from '../sys/errno.js';
import {errnoCode} from '../sys/errno-codes.js';
import {type OwnedFd, openFd} from '../sys/fd.js';

/** How long a busy source is asked for again, ms. */
const BUSY_RETRY_MS = 5_000;
/** What the helper says to one who may read only. */
const READ_ONLY: readonly string[] = ['EROFS', 'EACCES'];

/** The source as the program gets it. */
export interface ProgramSource {
  /** A descriptor for it, where the helper gave one. */
  readonly fd: OwnedFd | undefined;
  /** Whether nothing can be written to it. */
  readonly readOnly: boolean;
}

/**
 * Asks the helper for the source, to write to unless the mount is read-only or the helper gives it for reading alone. It is the
 * file or the block device itself and never a loop device: what is behind it is the program's to know.
 *
 * @throws Errno what the helper answered; MountRefusal when the program could not open it by its descriptor
 */
export function openSource(
  conversation: ServerConversation,
  name: string,
  source: CommandSource,
  readOnly: boolean,
): ProgramSource {
  if (source.kind !== 'served') return {fd: undefined, readOnly};
  const ask = (flags: number): OwnedFd => conversation.openFile(name, {flags, retryBusyMs: BUSY_RETRY_MS});
  if (!readOnly) {
    try {
      return checked({fd: ask(constants.O_RDWR), readOnly: false}, name);
    } catch (error) {
      if (!(error instanceof Errno) || !READ_ONLY.includes(error.code)) throw error;
    }
  }
  return checked({fd: ask(constants.O_RDONLY), readOnly: true}, name);
}

/** Opening /dev/fd/N is opening the file anew, with the rights of this user: that of a file that only its owner may read fails. */
function checked<T extends {fd: OwnedFd; readOnly: boolean}>(source: T, name: string): T {
  try {
    openFd(`/dev/fd/${source.fd.fd}`, source.readOnly ? constants.O_RDONLY : constants.O_RDWR).close();
    return source;
  } catch (error) {
    const errno = errnoOf(error);
    throw new MountRefusal(
      errnoCode(errno) ?? 'EACCES',
      'source-not-for-program',
      `the program's user can't open ${name}: ${errnoText(errno)}`,
    );
  }
}
