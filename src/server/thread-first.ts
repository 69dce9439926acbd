import {parentPort} from 'node:worker_threads';
import {allowedCpus, countCpus} from '../sys/affinity.js';
import {withheldFeatures} from '../sys/kernel-defects.js';
import {mapShared} from '../sys/memfd.js';
import {gettid} from '../sys/process.js';
import type {OrderEnd} from './order-box.js';
import type {ThreadGreeting, ThreadStart} from './requests.js';
import {restrictThread} from './restrict-thread.js';

/** What the request thread got, and found out, while it still could. */
export interface ThreadBeginning {
  /** Memory to count in. */
  readonly counters: ArrayBuffer;
  /** Where orders come in while it serves requests. */
  readonly orders: OrderEnd;
  /** Of FUSE, what this kernel is said to have and is not to be trusted with. */
  readonly withheld: ReturnType<typeof withheldFeatures>;
  /** How many processors it may run on. */
  readonly processors: number;
}

/**
 * The first part of the request thread's code, which is small. The rest has been read but is not taken in yet: that is done while the main thread, which
 * needs nothing of it but a greeting, locks the process down and asks for the source. From the greeting on this thread opens nothing, which landlock
 * sees to, and may be held by the filter at any moment: whatever that forbids comes before.
 * @param goOn takes in the rest
 */
export function beginThread(goOn: (beginning: ThreadBeginning) => void): void {
  parentPort!.once('message', ({countersFd, countersSize, orders}: ThreadStart) => {
    const beginning = {
      counters: mapShared(countersFd, countersSize, {sealedSize: true, sealMapping: true}),
      orders,
      withheld: withheldFeatures(),
      processors: countCpus(allowedCpus()),
    };
    const greeting: ThreadGreeting = {threadId: gettid(), landlock: restrictThread()};
    parentPort!.postMessage(greeting);
    goOn(beginning);
  });
}
