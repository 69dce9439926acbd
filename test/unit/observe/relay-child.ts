import {writeSync} from 'node:fs';
import {MessageChannel} from 'node:worker_threads';
import {FAULT_COUNTS_SIZE, FaultCounts} from '../../../src/observe/fault-counts.js';
import {NotificationQueue, queueCells} from '../../../src/observe/notification-queue.js';
import {Relay, type RelayParts} from '../../../src/observe/relay.js';
import {OrderBox} from '../../../src/server/order-box.js';
import {COUNTERS_SIZE, SharedCounters} from '../../../src/server/shared-counters.js';
import {setNonBlocking} from '../../../src/sys/fd.js';

// A relay between a kernel on descriptor 3, which is a socket here, and a server on descriptor 4. Prints how it ended and what it counted.
const [kernel, server] = [3, 4];
setNonBlocking(kernel);
setNonBlocking(server);
const counters = new SharedCounters(new ArrayBuffer(COUNTERS_SIZE));
const faults = new FaultCounts(new ArrayBuffer(FAULT_COUNTS_SIZE));
const [withheld, most] = process.argv.slice(2);
const parts: RelayParts = {
  fuseFd: kernel,
  serverFd: server,
  counters,
  faults,
  notifications: new NotificationQueue({cells: queueCells(), port: new MessageChannel().port1}),
  orders: new OrderBox().end,
  withholdNoOpen: withheld === 'withhold-no-open',
};
const ended = new Relay(parts, Number(most)).run();
writeSync(1, JSON.stringify({ended, operations: counters.operations(), faults: faults.read()}));
process.exit(0);
