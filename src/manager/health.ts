import type {Health} from './model.js';

/** How long something may take before it counts as wrong, in milliseconds. */
export interface HealthLimits {
  /** Age of the oldest request. */
  readonly slowMs: number;
  /** Silence of a server that was asked. */
  readonly hungMs: number;
}

/** What is known of a mount at one moment. */
export interface HealthFacts {
  /** The connection was ended by somebody while the mount stayed. */
  readonly aborted: boolean;
  /** Whether its server runs; undefined when nobody knows which process that is. */
  readonly serverAlive: boolean | undefined;
  /** Whether its server can be asked: it is ours and has a control socket. */
  readonly canAsk: boolean;
  /** Whether it has ever answered this manager. */
  readonly answered: boolean;
  /** Since the last answer, or since the mount was found. */
  readonly silentMs: number;
  /** Age of the oldest request that the server works on, by its own word; 0 for none. */
  readonly oldestRequestMs: number;
  /** Of a server that can't be asked: for how long requests have waited without progress; undefined where the kernel does not tell. */
  readonly stalledMs: number | undefined;
}

/** The worst that is known of a mount. */
export function healthOf(facts: HealthFacts, limits: HealthLimits): Health {
  if (facts.aborted) return 'aborted';
  if (facts.serverAlive === false) return 'dead';
  if (!facts.canAsk) return fromOutside(facts.stalledMs, limits);
  if (facts.silentMs > limits.hungMs) return 'hung';
  if (facts.oldestRequestMs > limits.slowMs) return 'slow';
  return facts.answered ? 'ok' : 'unknown';
}

function fromOutside(stalledMs: number | undefined, {slowMs, hungMs}: HealthLimits): Health {
  if (stalledMs === undefined) return 'unknown';
  if (stalledMs > hungMs) return 'hung';
  return stalledMs > slowMs ? 'slow' : 'ok';
}

/** Whether nothing but taking the mount away helps any more. */
export function isLost(health: Health): boolean {
  return health === 'dead' || health === 'aborted';
}

/** The same slow request is told once, and a mount full of them this often at most. */
const LEAST_BETWEEN_MS = 5_000;
/** Two ages of one request, told at different moments, may differ so much. */
const SAME_REQUEST_MS = 500;

/** Decides which slow requests are told. */
export class SlowRequestFilter {
  #begin = Number.NEGATIVE_INFINITY;
  #toldAt = Number.NEGATIVE_INFINITY;

  /** Whether to tell of a request that is `ageMs` old at the moment `at`. */
  tells(at: number, ageMs: number): boolean {
    const begin = at - ageMs;
    if (Math.abs(begin - this.#begin) < SAME_REQUEST_MS || at - this.#toldAt < LEAST_BETWEEN_MS) return false;
    this.#begin = begin;
    this.#toldAt = at;
    return true;
  }
}
