import {Errno} from './errno.js';
import type {OwnedFd} from './fd.js';
import {sendPacket} from './message.js';
import {connectDatagram} from './socket.js';

/** A service manager that does not read for so long gets nothing more of this message, ms. */
const PATIENCE_MS = 1_000;
const MICROSECONDS = 1_000;

/**
 * Tells a service manager how this service is, by the protocol of sd_notify(3): datagrams of VARIABLE=VALUE lines on a unix socket. A
 * message that can't be sent is lost without an error: a service goes on, whoever watches it.
 */
export class Notifier {
  readonly #socket: OwnedFd;

  /**
   * The service manager that NOTIFY_SOCKET names, by a path or an abstract name. The variable is removed from `env`, so that no child
   * speaks for this process. Undefined where nobody listens.
   * @throws Error, a sentence, for an address of another kind
   */
  static take(env: NodeJS.ProcessEnv): Notifier | undefined {
    const address = env['NOTIFY_SOCKET'];
    delete env['NOTIFY_SOCKET'];
    if (address === undefined || address === '') return undefined;
    if (!/^[/@]./.test(address)) {
      throw new Error(`can't notify ${address}: NOTIFY_SOCKET is neither a path nor an abstract name`);
    }
    try {
      return new Notifier(connectDatagram(address));
    } catch (error) {
      if (error instanceof Errno) return undefined;
      throw error;
    }
  }

  private constructor(socket: OwnedFd) {
    this.#socket = socket;
  }

  /** Everything is there, for the first time or after `reloading`. */
  ready(status: string): void {
    this.#send({READY: '1', STATUS: oneLine(status)});
  }

  /** A sentence for `systemctl status`. */
  status(status: string): void {
    this.#send({STATUS: oneLine(status)});
  }

  /** Settings are read again; `ready` follows. */
  reloading(): void {
    this.#send({
      RELOADING: '1',
      MONOTONIC_USEC: String(process.hrtime.bigint() / BigInt(MICROSECONDS)),
    });
  }

  stopping(): void {
    this.#send({STOPPING: '1'});
  }

  /** A sign of life. */
  alive(): void {
    this.#send({WATCHDOG: '1'});
  }

  /** Gives a duplicate into the service manager's keeping: it comes back under `name` when the service is started again. */
  store(name: string, fd: number): void {
    this.#send({FDSTORE: '1', FDNAME: name}, [fd]);
  }

  close(): void {
    this.#socket.close();
  }

  #send(variables: Readonly<Record<string, string>>, fds: readonly number[] = []): void {
    const text = Object.entries(variables)
      .map(([name, value]) => `${name}=${value}`)
      .join('\n');
    try {
      sendPacket(this.#socket.fd, new TextEncoder().encode(text), fds, {timeoutMs: PATIENCE_MS});
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
    }
  }
}

/** A line break would begin a variable of its own. */
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\0]+/g, ' ');
}

/**
 * How often a sign of life is expected, in milliseconds, by sd_watchdog_enabled(3): WATCHDOG_USEC, where WATCHDOG_PID is `pid` or not
 * there. The variables are removed from `env`. Undefined where nobody expects one.
 */
export function takeWatchdog(env: NodeJS.ProcessEnv, pid: number = process.pid): number | undefined {
  const {WATCHDOG_USEC, WATCHDOG_PID} = env;
  delete env['WATCHDOG_USEC'];
  delete env['WATCHDOG_PID'];
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(pid)) return undefined;
  if (WATCHDOG_USEC === undefined || !/^[1-9]\d{0,14}$/.test(WATCHDOG_USEC)) return undefined;
  return Number(WATCHDOG_USEC) / MICROSECONDS;
}
