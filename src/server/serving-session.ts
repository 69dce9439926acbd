import {Session} from '../fuse/index.js';
import type {withheldFeatures} from '../sys/kernel-defects.js';
import type {ServedFileSystem} from './driver.js';
import {type IomapPlace, iomapServerFor} from './iomap-support.js';
import {log} from './log.js';
import type {OrderEnd} from './order-box.js';
import {RequestGate} from './request-gate.js';
import {servingOptions} from './serving-options.js';
import type {SharedCounters} from './shared-counters.js';

/** What a mount is served with, beside its file system. */
export interface Serving {
  /** Where orders come in meanwhile. */
  readonly orders: OrderEnd;
  readonly counters: SharedCounters;
  readonly place: IomapPlace;
  /** Requests may travel by a ring. */
  readonly ring: boolean;
  /** What this kernel is not to be offered. */
  readonly withheld: ReturnType<typeof withheldFeatures>;
}

/** The session that answers the kernel for a mount of ours, behind the gate that orders of managers go through. */
export function servingSession(
  fileSystem: ServedFileSystem,
  {orders, counters, place, ring, withheld}: Serving,
): Session {
  const gate = new RequestGate(orders, fileSystem, counters);
  const iomap = iomapServerFor(fileSystem, place, counters.iomap);
  const options = servingOptions({ring, withheld});
  const session = new Session(fileSystem, iomap?.sessionOptions(options) ?? options, {
    counters: counters.requests,
    intercept: gate.intercept,
    onHeldFull: gate.waitForOrder,
    beforeWait: gate.lookForOrders,
    onShutdown: gate.shutDown,
    onError: (error, {name, nodeid}) =>
      log('error', {request: name, nodeid, error: String(error)}, 'a request failed unexpectedly'),
  });
  gate.session = session;
  return session;
}
