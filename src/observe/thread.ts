import {once} from 'node:events';
import {parentPort, Worker, workerData} from 'node:worker_threads';
import type {OrderEnd} from '../server/order-box.js';
import {restrictThread} from '../server/restrict-thread.js';
import {COUNTERS_SIZE, SharedCounters} from '../server/shared-counters.js';
import {withheldFeatures} from '../sys/kernel-defects.js';
import {mapShared} from '../sys/memfd.js';
import {gettid} from '../sys/process.js';
import {FAULT_COUNTS_SIZE, FaultCounts} from './fault-counts.js';
import {NotificationQueue, type QueueEnd, writeNotifications} from './notification-queue.js';
import {Relay, type RelayEnd} from './relay.js';

/** As for a server's threads: address space for generated code, which newer runtimes reserve too much of. */
const CODE_RANGE_MIB = 64;

/** What a thread is started with. */
export type ThreadStart =
  | {
      readonly role: 'relay';
      readonly queue: QueueEnd;
      readonly orders: OrderEnd;
      /** Memfds of COUNTERS_SIZE and FAULT_COUNTS_SIZE bytes. */
      readonly countersFd: number;
      readonly faultsFd: number;
    }
  | {readonly role: 'notifications'; readonly queue: QueueEnd};

type Ask =
  | {readonly do: 'restrict'}
  | {readonly do: 'run'; readonly fuseFd: number; readonly serverFd: number};

/** Landlock's ABI, and the kernel's id of the thread. */
export interface Restricted {
  readonly landlock: number;
  readonly threadId: number;
}

/** The main thread's end of one of the two others, which is asked one thing at a time. */
export class Thread {
  readonly #worker: Worker;
  readonly #failed: Promise<never>;

  /** Starts it: the same program file, which sees that it is not the main thread. */
  constructor(program: URL, start: ThreadStart) {
    const ports = start.role === 'relay' ? [start.queue.port, start.orders.port] : [start.queue.port];
    this.#worker = new Worker(program, {
      workerData: start,
      transferList: ports,
      trackUnmanagedFds: false,
      resourceLimits: {codeRangeSizeMb: CODE_RANGE_MIB},
    });
    this.#failed = new Promise((_, reject) => {
      this.#worker.once('error', reject);
      this.#worker.once('exit', (code) => reject(new Error(`a thread ended with code ${code}`)));
    });
    // Who waits for an answer sees the failure; nobody waiting is not a failure of its own.
    this.#failed.catch(() => {});
  }

  /** Locks the thread down. */
  async restrict(): Promise<Restricted> {
    return (await this.#ask({do: 'restrict'})) as Restricted;
  }

  /** Has it do its work, and tells when that has begun; or how it ended at once. The work of notifications begins and ends without a word. */
  async run(fuseFd: number, serverFd: number): Promise<RelayEnd | 'begun'> {
    return (await this.#ask({do: 'run', fuseFd, serverFd})) as RelayEnd | 'begun';
  }

  /** How the work ended that had begun. */
  async ended(): Promise<RelayEnd> {
    return (await this.#told()) as RelayEnd;
  }

  async #ask(question: Ask): Promise<unknown> {
    this.#worker.postMessage(question);
    return await this.#told();
  }

  async #told(): Promise<unknown> {
    const [answer] = (await Promise.race([once(this.#worker, 'message'), this.#failed])) as [unknown];
    return answer;
  }
}

function relayThread({queue, orders, countersFd, faultsFd}: ThreadStart & {role: 'relay'}) {
  const map = (fd: number, size: number) => mapShared(fd, size, {sealedSize: true, sealMapping: true});
  const counters = new SharedCounters(map(countersFd, COUNTERS_SIZE));
  const faults = new FaultCounts(map(faultsFd, FAULT_COUNTS_SIZE));
  const notifications = new NotificationQueue(queue);
  // Found out now: after the lock-down nobody can ask which kernel this is.
  const withholdNoOpen = withheldFeatures().has('no-open');
  const onBegun = (): void => parentPort!.postMessage('begun');
  return (fuseFd: number, serverFd: number): RelayEnd =>
    new Relay({fuseFd, serverFd, counters, faults, notifications, orders, withholdNoOpen, onBegun}).run();
}

/** Starts to listen for what the main thread asks. */
export function runThread(): void {
  const start = workerData as ThreadStart;
  const port = parentPort!;
  const relay = start.role === 'relay' ? relayThread(start) : undefined;
  port.on('message', (ask: Ask) => {
    if (ask.do === 'restrict') {
      const restricted: Restricted = {landlock: restrictThread(), threadId: gettid()};
      port.postMessage(restricted);
    } else if (relay !== undefined) port.postMessage(relay(ask.fuseFd, ask.serverFd));
    else writeNotifications(ask.fuseFd, start.queue);
  });
}
