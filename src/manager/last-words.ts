import {closeSync, constants, fstatSync, openSync, readlinkSync, readSync} from 'node:fs';
import {SYSCALL_NAMES, type SyscallName} from '../sys/syscall-numbers.js';

/** The launcher's name for the memory that is a server's standard error. */
const LOG_MEMFD = '/memfd:fuseward-log (deleted)';
/** The line of a forbidden call is shorter, and nothing can come after it but the same of another thread. */
const END_LENGTH = 1024;

/**
 * The log of a server that our launcher started, held open so that its end can be read when the server is gone: the memory would be
 * gone with it. What stands there is the server's own word.
 */
export class LastWords {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Undefined where standard error is something else (a service's is in the journal), or the process is gone. Needs root. */
  static of(pid: number): LastWords | undefined {
    const path = `/proc/${pid}/fd/2`;
    try {
      if (readlinkSync(path) !== LOG_MEMFD) return undefined;
      return new LastWords(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
    } catch {
      return undefined;
    }
  }

  /** The system call for which it ended, if its log ends so. */
  forbiddenCall(): SyscallName | 'unknown' | undefined {
    try {
      const {size} = fstatSync(this.#fd);
      const end = Buffer.alloc(END_LENGTH);
      const length = readSync(this.#fd, end, 0, END_LENGTH, Math.max(0, size - END_LENGTH));
      return callIn(end.toString('latin1', 0, length).trimEnd().split('\n').at(-1) ?? '');
    } catch {
      return undefined;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The system call that a line names. Only a name that there is comes back, whatever the server wrote. */
function callIn(line: string): SyscallName | 'unknown' | undefined {
  let name: unknown;
  try {
    ({systemCall: name} = JSON.parse(line) as {systemCall?: unknown});
  } catch {
    return undefined;
  }
  return name === 'unknown' ? name : SYSCALL_NAMES.find((known) => known === name);
}
