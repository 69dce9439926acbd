import type {CachesAnswer, ControlOrder, HelloEvent, ServerState, StatsAnswer} from '../control/messages.js';
import {CONTROL_PROTOCOL} from '../control/messages.js';
import {Refusal} from '../server/control-connection.js';
import type {OrderBox} from '../server/order-box.js';
import type {SharedCounters} from '../server/shared-counters.js';
import type {FaultCounts} from './fault-counts.js';

/** How long the relaying thread may take to carry out an order, ms. It never works for long. */
const ORDER_MS = 1_500;

/** What a running relay is made of, as far as a manager can ask about it. */
export interface RunningRelay {
  readonly type: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly counters: SharedCounters;
  readonly faults: FaultCounts;
  readonly orders: OrderBox;
}

/**
 * Answers a manager in the place of a server that knows no control channel: what goes through the relay can be counted, and it can
 * be closed. What only the server itself could do is refused.
 */
export class RelayAnswers {
  readonly #relay: RunningRelay;

  constructor(relay: RunningRelay) {
    this.#relay = relay;
  }

  hello(): HelloEvent {
    const {type, startedAt} = this.#relay;
    return {event: 'hello', protocol: CONTROL_PROTOCOL, type, startedAt, cacheBytes: 0};
  }

  async answer(order: ControlOrder): Promise<ServerState | StatsAnswer | CachesAnswer> {
    const {counters, faults, orders} = this.#relay;
    switch (order.do) {
      case 'ping':
        return counters.state();
      case 'stats':
        return {...counters.stats(), refused: faults.read()};
      case 'caches':
        return {caches: {}};
      case 'shutdown':
        await orders.send({do: 'shutdown'}, ORDER_MS);
        return counters.state();
      default:
        throw new Refusal(
          'EOPNOTSUPP',
          'observed',
          `the server itself would have to ${order.do}, and it can't be asked: a relay answers for it`,
        );
    }
  }
}
