import {isMainThread, MessageChannel} from 'node:worker_threads';
import {
  BEGUN_PACKET,
  decodeBegin,
  encodeObserverPacket,
  HANDED_DESCRIPTORS,
  OBSERVER_PACKET,
} from '../control/observer.js';
import {ControlListener} from '../server/control-listener.js';
import {closeUnknown} from '../server/descriptors.js';
import {restrictProcess, restrictRuntimeThreads} from '../server/lock-down.js';
import {log} from '../server/log.js';
import {OrderBox} from '../server/order-box.js';
import {restrictThread} from '../server/restrict-thread.js';
import {COUNTERS_NAME, COUNTERS_SIZE, SharedCounters} from '../server/shared-counters.js';
import {ALLOWED_COUNT} from '../server/system-calls.js';
import {endOnException, logWarnings} from '../server/unexpected.js';
import {prepareWakeSignal, wakeThread} from '../server/wake-signal.js';
import {exitNow} from '../sys/exit.js';
import {OwnedFd, setNonBlocking} from '../sys/fd.js';
import {createMemfd, mapShared} from '../sys/memfd.js';
import {gettid} from '../sys/process.js';
import {receivePacket, sendPacket} from '../sys/socket.js';
import {listenFds} from '../sys/systemd.js';
import {RelayAnswers} from './answers.js';
import {FAULT_COUNTS_SIZE, FAULTS_NAME, FaultCounts} from './fault-counts.js';
import {queueCells} from './notification-queue.js';
import {runThread, Thread} from './thread.js';

/** The helper went, or what came was none of its packets. */
class Abandoned extends Error {}

/** What the helper handed over. */
interface Handed {
  readonly fuse: OwnedFd;
  readonly server: OwnedFd;
  readonly listener: ControlListener | undefined;
}

async function takeHanded(helper: OwnedFd): Promise<Handed> {
  const {length, fds} = receivePacket(helper.fd, new Uint8Array(OBSERVER_PACKET), {
    maxFds: HANDED_DESCRIPTORS,
  });
  const [fuse, server, listener] = fds;
  if (length === 0 || fuse === undefined || server === undefined) throw new Abandoned();
  setNonBlocking(fuse.fd);
  setNonBlocking(server.fd);
  return {
    fuse,
    server,
    listener: listener === undefined ? undefined : await ControlListener.open(listener.release()),
  };
}

/** The two threads beside this one, and what they work on. */
function startThreads() {
  const sized = {size: COUNTERS_SIZE, sealSize: true};
  const counters = createMemfd(COUNTERS_NAME, undefined, sized);
  const faults = createMemfd(FAULTS_NAME, undefined, {...sized, size: FAULT_COUNTS_SIZE});
  const orders = new OrderBox();
  const {port1, port2} = new MessageChannel();
  const cells = queueCells();
  const program = new URL(import.meta.url);
  return {
    orders,
    counters: new SharedCounters(mapShared(counters.fd, COUNTERS_SIZE, {sealMapping: true})),
    faults: new FaultCounts(mapShared(faults.fd, FAULT_COUNTS_SIZE, {sealMapping: true})),
    memory: [counters.fd, faults.fd],
    relay: new Thread(program, {
      role: 'relay',
      queue: {cells, port: port1},
      orders: orders.end,
      countersFd: counters.fd,
      faultsFd: faults.fd,
    }),
    notifications: new Thread(program, {role: 'notifications', queue: {cells, port: port2}}),
  };
}

/** The point of no return: nothing of the server's has been read yet. @returns landlock's ABI */
async function lockDown(
  {relay, notifications, orders, memory}: ReturnType<typeof startThreads>,
  known: ReadonlyArray<number | undefined>,
): Promise<number> {
  const first = await relay.restrict();
  const second = await notifications.restrict();
  prepareWakeSignal();
  orders.wake = () => wakeThread(first.threadId);
  restrictThread();
  restrictRuntimeThreads([first.threadId, second.threadId, gettid()]);
  const closed = closeUnknown(new Set([...memory, ...known].filter((fd) => fd !== undefined)));
  if (closed > 0) log('warn', {closed}, 'descriptors were open that this relay was not given');
  restrictProcess();
  return first.landlock;
}

/** Relays for one mount. @returns the exit code */
async function observe(): Promise<number> {
  const {fds} = listenFds();
  const [socket] = fds;
  if (socket === undefined || fds.length !== 1) {
    log('error', {descriptors: fds.length}, 'expected one connected socket as fd 3');
    return 1;
  }
  const helper = new OwnedFd(socket);
  const threads = startThreads();
  const {fuse, server, listener} = await takeHanded(helper);
  // Found out now: after the lock-down the time zone, which the runtime looks for, can't be asked for.
  const startedAt = new Date().toISOString();
  const landlock = await lockDown(threads, [helper.fd, fuse.fd, server.fd, listener?.fd]);
  sendPacket(helper.fd, encodeObserverPacket({event: 'ready', landlock, systemCalls: ALLOWED_COUNT}));
  const packet = new Uint8Array(OBSERVER_PACKET);
  const begin = decodeBegin(packet.subarray(0, receivePacket(helper.fd, packet).length));
  if (begin === undefined) throw new Abandoned();
  const {counters, faults, orders} = threads;
  const answers = new RelayAnswers({type: begin.type, startedAt, counters, faults, orders});
  listener?.serve(
    () => answers.hello(),
    (order) => answers.answer(order),
  );
  void threads.notifications.run(fuse.fd, server.fd).catch(() => exitNow(1));
  const first = await threads.relay.run(fuse.fd, server.fd);
  if (first !== 'begun') return 1;
  sendPacket(helper.fd, BEGUN_PACKET);
  helper.close();
  const ended = await threads.relay.ended();
  return ended === 'unmounted' ? 0 : 1;
}

logWarnings();
if (isMainThread) {
  endOnException();
  process.on('SIGTERM', () => exitNow(0));
  observe().then(exitNow, (error: unknown) => {
    if (!(error instanceof Abandoned)) log('error', {error: String(error)}, 'the relay failed');
    exitNow(1);
  });
} else {
  runThread();
}
