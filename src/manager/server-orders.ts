import {type CachesAnswer, type ControlAnswers, ControlError, type ControlOrder} from '../control/index.js';
import type {Clock} from './clock.js';
import {fromControl, noControl, noServer} from './errors.js';
import {ManagerError, type ServerOrder} from './face.js';
import {isLost} from './health.js';
import type {ManagerLog} from './log.js';
import type {CachesView, MountStats} from './model.js';
import type {OutsideStats} from './outside-stats.js';
import {cachesView, statsView} from './views.js';
import type {WatchedMount} from './watched-mount.js';

/** How long a connection that is just being made is waited for. */
const CONNECTED_MS = 1_000;
/** A sync may have to write much; the others only reach the request thread. */
const ORDER_MS: Readonly<Record<ServerOrder, number>> = {
  freeze: 5_000,
  thaw: 5_000,
  sync: 25_000,
  shutdown: 5_000,
};

/** What servers are asked and told for those who ask the manager. What a server answers is bounded and checked by the control client. */
export class ServerOrders {
  readonly #log: ManagerLog;
  readonly #clock: Clock;
  readonly #outside: OutsideStats;

  constructor({log, clock, outside}: {log: ManagerLog; clock: Clock; outside: OutsideStats}) {
    this.#log = log;
    this.#clock = clock;
    this.#outside = outside;
  }

  /** What its server has counted, or what is known of it from outside. @throws ManagerError */
  async stats(mount: WatchedMount, maxAgeMs = 0): Promise<MountStats> {
    if (mount.link === undefined && !isLost(mount.health)) return await this.#outside.of(mount, maxAgeMs);
    const sampled = mount.samples.recent('stats', maxAgeMs);
    if (sampled !== undefined) return statsView(mount, sampled, maxAgeMs);
    const answer = await this.#ask(mount, {do: 'stats'}, 'tell the statistics of');
    mount.link?.note(answer);
    return statsView(mount, answer, 0);
  }

  /** @param maxAgeMs how old the answer may be @throws ManagerError */
  async caches(mount: WatchedMount, maxAgeMs = 0): Promise<CachesView> {
    const sampled = mount.samples.recent('caches', maxAgeMs);
    if (sampled !== undefined) return this.#cachesView(mount, sampled);
    return this.#cachesView(mount, await this.#ask(mount, {do: 'caches'}, 'tell the caches of'));
  }

  /** @throws ManagerError */
  async dropCaches(mount: WatchedMount): Promise<CachesView> {
    const answer = await this.#ask(mount, {do: 'drop'}, 'drop the caches of');
    this.#log.info({mount: mount.id, target: mount.target}, 'caches dropped');
    return this.#cachesView(mount, answer);
  }

  /** @param bytes for the block cache @throws ManagerError `bad-size` */
  async limitCache(mount: WatchedMount, bytes: number): Promise<CachesView> {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new ManagerError(
        'invalid',
        'bad-size',
        `can't limit the cache of ${mount.target} to ${bytes} bytes`,
        {
          errno: 'EINVAL',
        },
      );
    }
    const answer = await this.#ask(mount, {do: 'limit', bytes}, 'limit the cache of');
    this.#log.info({mount: mount.id, target: mount.target, bytes}, 'cache limited');
    return this.#cachesView(mount, answer);
  }

  /** Freezes, thaws, syncs or shuts down. @throws ManagerError */
  async order(mount: WatchedMount, order: ServerOrder): Promise<void> {
    const state = await this.#ask(mount, {do: order}, order, ORDER_MS[order]);
    mount.link?.note(state);
    this.#log.info({mount: mount.id, target: mount.target, order}, 'ordered');
  }

  async #ask<O extends ControlOrder>(
    mount: WatchedMount,
    order: O,
    what: string,
    answerMs?: number,
  ): Promise<ControlAnswers[O['do']]> {
    const {link, target} = mount;
    if (link === undefined) {
      if (isLost(mount.health)) throw noServer(target, what);
      throw noControl(target, what, mount.record !== undefined);
    }
    await link.connectedWithin(CONNECTED_MS);
    try {
      return await link.ask(order, answerMs);
    } catch (error) {
      if (error instanceof ControlError) throw fromControl(target, what, error);
      throw error;
    }
  }

  #cachesView(mount: WatchedMount, answer: CachesAnswer): CachesView {
    return cachesView(mount, answer, this.#clock.monotonic());
  }
}
