import {Counter, Gauge, Registry} from 'prom-client';

/** What the API counts by itself. */
export class OwnCounters {
  readonly #registry = new Registry();
  readonly #requests = new Counter({
    name: 'fuseward_admin_requests_total',
    help: 'Requests to the admin API, by route and status.',
    labelNames: ['method', 'route', 'status'] as const,
    registers: [this.#registry],
  });

  constructor(eventStreams: () => number) {
    new Gauge({
      name: 'fuseward_event_streams',
      help: 'Clients that listen to events.',
      registers: [this.#registry],
      collect() {
        this.set(eventStreams());
      },
    });
  }

  /** @param route the pattern of a route, undefined where there is none: paths that clients make up are no labels */
  countRequest(method: string, route: string | undefined, status: number): void {
    const labels = route === undefined ? {method: 'other', route: 'none'} : {method, route};
    this.#requests.inc({...labels, status: String(status)});
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
