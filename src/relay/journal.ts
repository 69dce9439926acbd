import {log} from '../server/log.js';
import {logOver} from '../sys/syslog.js';

/** Failures that are told at once, and how long until one more may be. */
const AT_ONCE = 20;
const ONE_MORE_MS = 30_000;

/** Tells of failures in the relay's own log and the system's. What a program in the sandbox can cause is told only so often. */
export class Journal {
  readonly #socket: number | undefined;
  #left = AT_ONCE;
  #since = performance.now();
  #keptBack = 0;

  /** @param socket connected to the system's log */
  constructor(socket: number | undefined) {
    this.#socket = socket;
  }

  failed(destination: string, reason: string): void {
    const now = performance.now();
    const earned = Math.floor((now - this.#since) / ONE_MORE_MS);
    if (earned > 0) {
      this.#left = Math.min(AT_ONCE, this.#left + earned);
      this.#since += earned * ONE_MORE_MS;
    }
    if (this.#left === 0) {
      this.#keptBack++;
      return;
    }
    this.#left--;
    const keptBack = this.#keptBack;
    this.#keptBack = 0;
    const more = keptBack === 0 ? '' : `, ${keptBack} more were not told`;
    log('warn', {destination, reason, keptBack}, 'a connection failed');
    if (this.#socket !== undefined)
      logOver(this.#socket, 'warning', `can't connect a server to ${destination}: ${reason}${more}`);
  }
}
