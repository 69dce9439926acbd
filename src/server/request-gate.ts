import {HOLD, modifies, type RequestSlot, SERVE, type Session} from '../fuse/index.js';
import {ERRNO} from '../sys/errno-codes.js';
import type {ServedFileSystem} from './driver.js';
import {type OrderEnd, OrderInbox, type ThreadOrder} from './order-box.js';
import type {SharedCounters} from './shared-counters.js';

/** How long the thread sleeps at a time when so much is held that it may read no more. */
const HELD_FULL_MS = 100;

/**
 * Stands before the handlers of a session: looks for orders before each request, and says what becomes of the request.
 *
 * - frozen: requests that modify are held until a thaw, the others served;
 * - shut down: every request is answered with EIO, held ones too. There is no way back.
 */
export class RequestGate {
  /** The session that `intercept` is a hook of. */
  session: Session | undefined;
  readonly #fileSystem: ServedFileSystem;
  readonly #counters: SharedCounters;
  readonly #inbox: OrderInbox;
  #closed = false;
  #frozen = false;

  constructor(orders: OrderEnd, fileSystem: ServedFileSystem, counters: SharedCounters) {
    this.#fileSystem = fileSystem;
    this.#counters = counters;
    this.#inbox = new OrderInbox(orders, (order) => this.#act(order));
  }

  /** For `SessionHooks.intercept`. */
  readonly intercept = (slot: RequestSlot): number => {
    this.#inbox.look();
    if (!this.#closed) return SERVE;
    return this.#verdict(slot);
  };

  /** For `SessionHooks.beforeWait`. */
  readonly lookForOrders = (): void => this.#inbox.look();

  /** For `SessionHooks.onHeldFull`. */
  readonly waitForOrder = (): void => this.#inbox.wait(HELD_FULL_MS);

  /** For `SessionHooks.onShutdown`: the kernel shut the file system down, and the session answers with EIO by itself. */
  readonly shutDown = (): void => {
    this.#counters.shutDown = true;
  };

  #verdict(slot: RequestSlot): number {
    if (this.#counters.shutDown) return ERRNO.EIO;
    return this.#frozen && modifies(slot) ? HOLD : SERVE;
  }

  #act(order: ThreadOrder): void {
    switch (order.do) {
      case 'drop':
        this.#fileSystem.dropCaches?.();
        return;
      case 'limit':
        this.#fileSystem.limitCache?.(order.bytes);
        return;
      case 'sync':
        this.#fileSystem.sync?.();
        return;
      case 'freeze':
        this.#fileSystem.sync?.();
        this.#frozen = true;
        break;
      case 'thaw':
        this.#frozen = false;
        break;
      case 'shutdown':
        this.#counters.shutDown = true;
        break;
    }
    this.#counters.frozen = this.#frozen;
    this.#closed = this.#frozen || this.#counters.shutDown;
    if (order.do !== 'freeze') this.session?.resume();
  }
}
