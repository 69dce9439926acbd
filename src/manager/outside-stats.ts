import {setTimeout as sleep} from 'node:timers/promises';
import type {MountStats} from './model.js';
import type {RequestTracer} from './tracing/request-tracer.js';
import {outsideStatsView} from './views.js';
import type {WatchedMount} from './watched-mount.js';

/** Requests are traced for so long after somebody asked. */
const WANTED_MS = 120_000;
/** Who asks once and first gets what comes within this. */
const FIRST_LOOK_MS = 300;

/** Statistics of servers that take no part in the control channel, from what the kernel shows. */
export class OutsideStats {
  readonly #tracer: RequestTracer;

  constructor(tracer: RequestTracer) {
    this.#tracer = tracer;
  }

  /** @param maxAgeMs how old the kernel's word may be; 0 from those who may never come again */
  async of(mount: WatchedMount, maxAgeMs: number): Promise<MountStats> {
    const tracer = this.#tracer;
    const {connection} = mount;
    const wasTraced = tracer.traces(connection);
    await tracer.want(connection, WANTED_MS);
    if (!wasTraced && maxAgeMs === 0 && tracer.traces(connection)) await sleep(FIRST_LOOK_MS);
    const numbers = tracer.numbersOf(connection);
    const reason = tracer.unsupported;
    const state = reason === undefined ? (tracer.traces(connection) ? 'on' : 'off') : 'unsupported';
    return outsideStatsView(mount, {numbers, tracing: {state, reason: reason ?? null}}, maxAgeMs);
  }
}
