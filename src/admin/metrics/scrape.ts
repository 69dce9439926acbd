import type {FastifyBaseLogger} from 'fastify';
import {type Manager, ManagerError} from '../../manager/face.js';
import type {CachesView, MountView} from '../../manager/model.js';
import {CacheFamilies} from './cache-families.js';
import {DaemonFamilies} from './daemon-families.js';
import {Family, labelText} from './family.js';
import {IomapFamilies} from './iomap-families.js';
import {MountFamilies} from './mount-families.js';
import type {OwnCounters} from './own-counters.js';
import {PoolFamilies} from './pool-families.js';
import {RequestFamilies} from './request-families.js';

/** How long a server may take for its counters; below the 10 s that Prometheus waits for a whole scrape. */
const SERVER_TIMEOUT_MS = 1000;

/** Counters may be so old: asking 50 servers anew wakes 50 processes, and the manager samples each of them every second. */
const COUNTERS_AGE_MS = 2000;

/** The text that Prometheus gets, and its media type. */
export interface Scrape {
  readonly contentType: string;
  readonly text: string;
}

/**
 * Collects metrics when somebody asks for them, from counters of the last two seconds; between scrapes nothing is held. Those who ask while one is collected get
 * that one.
 */
export class Scraper {
  readonly #manager: Manager;
  readonly #log: FastifyBaseLogger;
  readonly #own: OwnCounters;
  #running: Promise<Scrape> | undefined;

  constructor(manager: Manager, opts: {log: FastifyBaseLogger; own: OwnCounters}) {
    this.#manager = manager;
    this.#log = opts.log;
    this.#own = opts.own;
  }

  scrape(): Promise<Scrape> {
    this.#running ??= this.#collect().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #collect(): Promise<Scrape> {
    const begin = performance.now();
    const daemon = new DaemonFamilies();
    const mounts = new MountFamilies();
    const requests = new RequestFamilies();
    const caches = new CacheFamilies();
    const iomap = new IomapFamilies();
    const pool = new PoolFamilies();
    daemon.add(this.#manager.status());
    for (const kind of this.#manager.pool()) pool.add(kind);
    await Promise.all(
      this.#manager.mounts().map(async (view) => {
        const labels = labelText({mount: view.id, type: view.type});
        mounts.add(labels, view);
        const told = await this.#ask(view);
        if (view.ours) mounts.answered.add(Number(told !== undefined), labels);
        if (told === undefined) return;
        requests.add(labels, told.stats);
        if (told.caches !== undefined) caches.add(labels, told.caches);
        iomap.add(labels, told.stats);
      }),
    );
    const duration = new Family('gauge', 'fuseward_scrape_duration_seconds', 'Time to collect this scrape.');
    duration.add((performance.now() - begin) / 1000);
    const families = [daemon, pool, mounts, requests, caches, iomap].flatMap(
      (group) => Object.values(group) as Family[],
    );
    const text = [...families, duration].map((family) => family.text());
    text.push(await this.#own.text());
    return {contentType: this.#own.contentType, text: text.join('')};
  }

  /** Of a server that takes no part in the control channel nobody knows them. */
  async #cachesOf(id: string): Promise<CachesView | undefined> {
    try {
      return await this.#manager.caches(id, COUNTERS_AGE_MS);
    } catch (error) {
      if (error instanceof ManagerError && error.kind === 'unsupported') return undefined;
      throw error;
    }
  }

  /** What a server counted, or the kernel of it; undefined if it can't tell in time. */
  async #ask(view: MountView) {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, SERVER_TIMEOUT_MS, undefined);
    });
    const {id} = view;
    try {
      const asked = Promise.all([this.#manager.stats(id, COUNTERS_AGE_MS), this.#cachesOf(id)]);
      return await Promise.race([asked.then(([stats, caches]) => ({stats, caches})), late]);
    } catch (error) {
      // A mount that went away since the list was made, or a server that is in trouble: its health says so.
      this.#log.debug({mount: id, error: (error as Error).message}, 'no counters for this scrape');
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}
