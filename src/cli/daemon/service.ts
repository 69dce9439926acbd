import type {FdKeeper} from '../../manager/fd-keeper.js';
import type {MountManager} from '../../manager/manager.js';
import type {OwnedFd} from '../../sys/fd.js';
import {Notifier, takeWatchdog} from '../../sys/notify.js';
import {type PassedSockets, STORED_PREFIX, takeSockets} from './passed-sockets.js';
import {startWatchdog} from './watchdog.js';

/**
 * The daemon as a service: what came from the service manager, and what it is told. Without one, everything here does nothing.
 */
export class Service {
  readonly sockets: PassedSockets;
  readonly #notifier: Notifier | undefined;
  readonly #watchdogMs: number | undefined;
  #endWatchdog: (() => void) | undefined;

  /** Takes the variables of systemd's protocols out of `env`. @throws Error, a sentence */
  constructor(env: NodeJS.ProcessEnv) {
    this.sockets = takeSockets(env);
    this.#watchdogMs = takeWatchdog(env);
    this.#notifier = Notifier.take(env);
  }

  /** Keeps descriptors in the service manager's store; undefined where there is none. */
  get keeper(): FdKeeper | undefined {
    const notifier = this.#notifier;
    if (notifier === undefined) return undefined;
    const stored = new Map<string, OwnedFd>(this.sockets.stored);
    return {
      take: (name) => {
        const fd = stored.get(name);
        stored.delete(name);
        return fd;
      },
      store: (name, fd) => notifier.store(`${STORED_PREFIX}${name}`, fd),
    };
  }

  /** Everything is there. From now on signs of life are given if they are expected. */
  ready(manager: MountManager, onSilent: () => void): void {
    const notifier = this.#notifier;
    if (notifier === undefined) return;
    notifier.ready(describe(manager));
    if (this.#watchdogMs === undefined) return;
    const alive = (): void => {
      notifier.alive();
      notifier.status(describe(manager));
    };
    this.#endWatchdog = startWatchdog(manager, {alive}, {everyMs: this.#watchdogMs, onSilent});
  }

  /** Does what reads settings again. */
  async reload(manager: MountManager, act: () => void | Promise<void>): Promise<void> {
    this.#notifier?.reloading();
    try {
      await act();
    } finally {
      this.#notifier?.ready(describe(manager));
    }
  }

  stopping(): void {
    this.#endWatchdog?.();
    this.#notifier?.stopping();
  }
}

function describe(manager: MountManager): string {
  const {mounts, ours} = manager.status().totals;
  return `Watching ${mounts} FUSE mounts, ${ours} of them contained`;
}
