import {fstatSync, readSync} from 'node:fs';
import type {OwnedFd} from '../sys/fd.js';
import {processState} from '../sys/process.js';

/** Bytes of log that are shown at most: its end. */
const LOG_SHOWN = 65_536;

/** The text in a memfd. Read by position, because the writers' own position must not move. */
function textOf(fd: number): string {
  const size = fstatSync(fd).size;
  const length = Math.min(size, LOG_SHOWN);
  const buffer = Buffer.alloc(length);
  return buffer.toString('utf8', 0, readSync(fd, buffer, 0, length, size - length));
}

/** A contained server that this process started. */
export class EmbeddedServer {
  /** Our end of the conversation with it. */
  readonly socket: OwnedFd;
  /** The user id that it alone runs under. */
  readonly uid: number;
  readonly #monitor: number;
  readonly #log: OwnedFd;
  readonly #info: OwnedFd;
  #pid: number | undefined;

  /** @param monitor the process of bubblewrap outside the sandbox, which ends when the server does */
  constructor(socket: OwnedFd, uid: number, monitor: number, log: OwnedFd, info: OwnedFd) {
    this.socket = socket;
    this.uid = uid;
    this.#monitor = monitor;
    this.#log = log;
    this.#info = info;
  }

  /** Its process id, or undefined while bubblewrap has not started it yet. */
  get pid(): number | undefined {
    if (this.#pid === undefined && !this.#info.closed) {
      const match = /"child-pid":\s*(\d+)/.exec(textOf(this.#info.fd));
      this.#pid = match ? Number(match[1]) : undefined;
    }
    return this.#pid;
  }

  /** The end of what it and bubblewrap wrote to standard error: untrusted text. */
  readLog(): string {
    return this.#log.closed ? '' : textOf(this.#log.fd);
  }

  /** Bytes that it and bubblewrap have written to standard error. */
  get logBytes(): number {
    return this.#log.closed ? 0 : fstatSync(this.#log.fd).size;
  }

  /**
   * Lets go of its log, of which nothing more is known here then; the server goes on. For processes that live longer than a
   * mount takes.
   */
  close(): void {
    void this.pid;
    this.#log.close();
    this.#info.close();
  }

  /** Whether nothing of it runs any more. May be passed on as a function. */
  readonly exited = (): boolean => !this.#runs(this.#monitor) && !this.#runs(this.pid ?? this.#monitor);

  /** Ends it at once, and nobody who got one of its ids after it. */
  kill(): void {
    for (const each of [this.pid, this.#monitor]) {
      try {
        if (each !== undefined && this.#runs(each)) process.kill(each, 'SIGKILL');
      } catch {
        // It ended meanwhile.
      }
    }
  }

  /** Whether this process of it runs and doesn't only wait to be reaped. An id alone may be another's by now; the user id is its own. */
  #runs(pid: number): boolean {
    try {
      const {state, uids} = processState(pid);
      return uids[0] === this.uid && state !== 'Z' && state !== 'X';
    } catch {
      return false;
    }
  }
}
