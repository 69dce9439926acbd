import type {CachesAnswer, ControlOrder, HelloEvent, ServerState, StatsAnswer} from '../control/messages.js';
import {CONTROL_PROTOCOL} from '../control/messages.js';
import {Notifier, notifyVia} from '../fuse/index.js';
import {Refusal} from './control-connection.js';
import type {OrderBox, ThreadOrder} from './order-box.js';
import type {Probe} from './requests.js';
import type {SharedCounters} from './shared-counters.js';

/** How long the thread that serves requests may take to carry out an order, ms. A manager waits a little longer. */
const ORDER_MS = 1_500;
const ROOT = 1;

/** What a running server is made of, as far as the manager can ask about it. */
export interface RunningServer {
  readonly probe: Pick<Probe, 'type' | 'target'>;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly counters: SharedCounters;
  readonly orders: OrderBox;
  readonly fuseFd: number;
  /** Largest limit of the block cache, bytes. */
  readonly largestCache: number;
}

/**
 * Answers a manager from the main thread. Counts come from shared memory, so they can be had while the request thread works or
 * hangs; orders go to that thread.
 */
export class Answers {
  readonly #server: RunningServer;
  readonly #notifier: Notifier;

  constructor(server: RunningServer) {
    this.#server = server;
    this.#notifier = new Notifier(notifyVia(server.fuseFd));
  }

  hello(): HelloEvent {
    const {probe, startedAt, counters} = this.#server;
    return {
      event: 'hello',
      protocol: CONTROL_PROTOCOL,
      type: probe.type,
      startedAt,
      cacheBytes: counters.caches.block.capacityBytes,
    };
  }

  async answer(order: ControlOrder): Promise<ServerState | StatsAnswer | CachesAnswer> {
    const {counters} = this.#server;
    switch (order.do) {
      case 'ping':
        return counters.state();
      case 'stats':
        return counters.stats();
      case 'caches':
        return {caches: counters.cacheNumbers()};
      case 'limit':
        this.#checkLimit(order.bytes);
        await this.#send(order);
        return {caches: counters.cacheNumbers()};
      case 'drop':
        await this.#send({do: 'drop'});
        return {caches: counters.cacheNumbers()};
      case 'shutdown':
        await this.#send({do: 'shutdown'});
        this.#expireKernelCaches();
        return counters.state();
      case 'freeze':
      case 'thaw':
      case 'sync':
        await this.#send({do: order.do});
        return counters.state();
    }
  }

  #checkLimit(bytes: number): void {
    const {largestCache, counters} = this.#server;
    if (counters.cacheNumbers().block === undefined) {
      throw new Refusal('EOPNOTSUPP', 'no-cache', 'this file system keeps no cache of blocks');
    }
    if (bytes <= largestCache) return;
    throw new Refusal(
      'EINVAL',
      'limit-too-large',
      `the cache can't be larger than ${largestCache} bytes here`,
    );
  }

  async #send(order: ThreadOrder): Promise<void> {
    await this.#server.orders.send(order, ORDER_MS);
  }

  /**
   * What the kernel remembers would go on being true for as long as it was told: names and attributes, and for a mount of one
   * file its pages. Open files keep the pages they have.
   */
  #expireKernelCaches(): void {
    attempt(() => this.#notifier.incEpoch());
    attempt(() => this.#notifier.invalInode(ROOT, this.#server.probe.target === 'file' ? 0 : -1));
  }
}

/** Does what an older kernel may not know, or what comes too late because the mount has ended. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // See above.
  }
}
