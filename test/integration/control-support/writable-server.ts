/**
 * A process that serves the writable file system of `examples/` and answers managers as a contained server does:
 * `node writable-server.mjs TARGET SOCKET`. A worker serves, the main thread listens.
 */
import {fileURLToPath} from 'node:url';
import {isMainThread, parentPort, Worker, workerData} from 'node:worker_threads';
import {memoryFs} from '../../../examples/memory-fs.js';
import {runBlocking, Session} from '../../../src/fuse/index.js';
import {Answers} from '../../../src/server/answers.js';
import {ControlListener} from '../../../src/server/control-listener.js';
import {OrderBox, type OrderEnd} from '../../../src/server/order-box.js';
import {RequestGate} from '../../../src/server/request-gate.js';
import {COUNTERS_SIZE, SharedCounters} from '../../../src/server/shared-counters.js';
import {prepareWakeSignal, wakeThread} from '../../../src/server/wake-signal.js';
import {exitNow} from '../../../src/sys/exit.js';
import {O_RDWR, openFd} from '../../../src/sys/fd.js';
import {mountAt} from '../../../src/sys/mount.js';
import {gettid} from '../../../src/sys/process.js';
import {listenStream} from '../../../src/sys/socket.js';

interface Shared {
  readonly fd: number;
  readonly memory: SharedArrayBuffer;
  readonly orders: OrderEnd;
}

function serve({fd, memory, orders}: Shared): void {
  parentPort?.postMessage(gettid());
  const counters = new SharedCounters(memory);
  counters.setClock();
  const fileSystem = memoryFs();
  const gate = new RequestGate(orders, fileSystem, counters);
  const session = new Session(
    fileSystem,
    {maxConcurrent: 1},
    {
      counters: counters.requests,
      intercept: gate.intercept,
      onHeldFull: gate.waitForOrder,
      beforeWait: gate.lookForOrders,
    },
  );
  gate.session = session;
  runBlocking(fd, session);
}

async function main(target: string, socket: string): Promise<void> {
  const listener = await ControlListener.open(listenStream(socket, 0o600).release());
  const {fd} = openFd('/dev/fuse', O_RDWR);
  mountAt(
    'fuseward-test',
    target,
    'fuse.test-writable',
    0,
    `fd=${fd},rootmode=40000,user_id=0,group_id=0,allow_other`,
  );
  const memory = new SharedArrayBuffer(COUNTERS_SIZE);
  const box = new OrderBox();
  const shared: Shared = {fd, memory, orders: box.end};
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: shared,
    transferList: [box.end.port],
  });
  prepareWakeSignal();
  worker.once('message', (threadId: number) => {
    box.wake = () => wakeThread(threadId);
    const answers = new Answers({
      probe: {type: 'test', target: 'directory'},
      startedAt: new Date().toISOString(),
      counters: new SharedCounters(memory),
      orders: box,
      fuseFd: fd,
      largestCache: 0,
    });
    listener.serve(
      () => answers.hello(),
      (order) => answers.answer(order),
    );
    process.send?.('ready');
  });
  worker.once('exit', () => exitNow(0));
  // The parent is gone, and the mount must not outlive the test.
  process.on('disconnect', () => exitNow(0));
}

if (isMainThread) await main(process.argv[2]!, process.argv[3]!);
else serve(workerData as Shared);
