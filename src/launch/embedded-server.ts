import {fstatSync, readFileSync, readSync} from 'node:fs';
import type {OwnedFd} from '../sys/fd.js';

/** Bytes of log that are shown at most: its end. */
const LOG_SHOWN = 65_536;

/** The text in a memfd. Read by position, because the writers' own position must not move. */
function textOf(fd: number): string {
  const size = fstatSync(fd).size;
  const length = Math.min(size, LOG_SHOWN);
  const buffer = Buffer.alloc(length);
  return buffer.toString('utf8', 0, readSync(fd, buffer, 0, length, size - length));
}

/** Whether a process is gone or only waits to be reaped. */
function ended(pid: number): boolean {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return true;
  }
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
    const match = /"child-pid":\s*(\d+)/.exec(textOf(this.#info.fd));
    return match ? Number(match[1]) : undefined;
  }

  /** The end of what it and bubblewrap wrote to standard error: untrusted text. */
  readLog(): string {
    return textOf(this.#log.fd);
  }

  /** Whether nothing of it runs any more. May be passed on as a function. */
  readonly exited = (): boolean => ended(this.#monitor) && ended(this.pid ?? this.#monitor);

  /** Ends it at once. The ids can't have passed to another process: bubblewrap is our own child, not reaped yet. */
  kill(): void {
    for (const each of [this.pid, this.#monitor]) {
      try {
        if (each !== undefined && !ended(each)) process.kill(each, 'SIGKILL');
      } catch {
        // It ended meanwhile.
      }
    }
  }
}
