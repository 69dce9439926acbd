import {closeSync, openSync, readdirSync, readlinkSync, readSync, writeSync} from 'node:fs';
import {connect} from 'node:net';
import {isMainThread, MessageChannel, parentPort, Worker} from 'node:worker_threads';
import {closeUnknown} from '../../../src/server/descriptors.js';
import {restrictProcess} from '../../../src/server/lock-down.js';
import {log} from '../../../src/server/log.js';
import {restrictThread} from '../../../src/server/restrict-thread.js';
import {endOnException, logWarnings} from '../../../src/server/unexpected.js';
import {exitNow} from '../../../src/sys/exit.js';
import {O_RDONLY, openFd, renumberFd} from '../../../src/sys/fd.js';
import {setRlimit} from '../../../src/sys/process.js';
import {rawSystemCall, startSleepingThread} from '../../../src/sys/raw-system-call.js';
import type {SyscallName} from '../../../src/sys/syscall-numbers.js';

// The process that the lock-down tests start: locks itself down as a server does, then does what its arguments say. It answers in
// lines on standard output, written as a server writes its log.
const [scenario, argument] = process.argv.slice(2) as [string, string];

const say = (value: unknown): void => void writeSync(1, `${JSON.stringify(value)}\n`);

/** Everything that a call of libc needs is looked up on its first use. */
function prepare(): void {
  rawSystemCall('getpid');
  startSleepingThread(0);
}

function lockDown(): void {
  prepare();
  restrictThread();
  restrictProcess();
}

/** Waits for another thread and answers what it sends. */
function workerThat(what: string): Promise<{ask(): Promise<unknown>; worker: Worker}> {
  const worker = new Worker(new URL(import.meta.url), {argv: [what], trackUnmanagedFds: false});
  const next = () => new Promise((resolve) => worker.once('message', resolve));
  return next().then(() => ({
    worker,
    ask: () => {
      const answer = next();
      worker.postMessage('go');
      return answer;
    },
  }));
}

/** Memory and time of the runtime until it has collected garbage more than once. */
function makeGarbage(): number {
  let kept: unknown[] = [];
  for (let round = 0; round < 150; round++) {
    kept.push(Array.from({length: 2000}, (_, index) => ({index, text: `${round}/${index}`})));
    if (kept.length > 20) kept = [];
  }
  return kept.length;
}

const scenarios: Record<string, () => void | Promise<void>> = {
  /** One system call by name, with numbers as arguments. */
  call() {
    const [name, ...numbers] = argument.split(' ') as [SyscallName, ...string[]];
    lockDown();
    say('locked');
    say(rawSystemCall(name, ...numbers.map(BigInt)) ?? 'no such call');
  },

  'call-with-sigsys-blocked'() {
    lockDown();
    const everything = new Uint8Array(8).fill(0xff);
    say(rawSystemCall('rt_sigprocmask', 0, everything, 0, 8)?.result);
    rawSystemCall('socket', 1, 1, 0);
  },

  /** Sleeps in read(2), for somebody who takes it over. */
  'waits-for-input'() {
    lockDown();
    say('locked');
    readSync(0, new Uint8Array(1));
  },

  async 'call-in-another-thread'() {
    const other = await workerThat('worker-call');
    lockDown();
    say('locked');
    say(await other.ask());
  },

  async 'compilers-at-work'() {
    const other = await workerThat('worker-garbage');
    lockDown();
    const sum = (n: number): number => Array.from({length: n}, (_, i) => i % 7).reduce((a, b) => a + b, 0);
    let total = 0;
    for (let round = 0; round < 1000; round++) total += sum(500 + (round % 3));
    makeGarbage();
    const pattern = new RegExp(`^(${'a|'.repeat(20)}b)+$`, 'u');
    for (let round = 0; round < 2000; round++) pattern.test('abababab');
    say([total > 0, await other.ask()]);
  },

  /** What the runtime might look for in files: dates, languages, stacks of errors, deprecations. */
  async 'everything-lazy'() {
    logWarnings();
    const {port1, port2} = new MessageChannel();
    const started = new Date().toISOString();
    lockDown();
    const answers = [
      started.length,
      new Date(0).toISOString(),
      new Date(0).getTimezoneOffset(),
      (1234.5).toLocaleString('en'),
      'straße'.localeCompare('strasse'),
      'İ'.toLocaleLowerCase('tr'),
      'é'.normalize('NFD').length,
      /\p{Letter}+/u.test('ü'),
      new TextDecoder('utf-8').decode(Buffer.from('é')),
      new TextEncoder().encode('é').length,
      typeof new Error('an error').stack,
      structuredClone({a: [1, 2n, new Map([[1, 2]])]}).a.length,
      Buffer.from('YWJj', 'base64').toString('latin1'),
      process.memoryUsage.rss === undefined,
      typeof process.hrtime.bigint(),
      typeof performance.now(),
    ];
    const heard = new Promise((resolve) => port2.once('message', resolve));
    port1.postMessage(new Uint8Array(70_000));
    const bytes = (await heard) as Uint8Array;
    port1.close();
    process.emitWarning('something to warn of', 'DeprecationWarning', 'FW01');
    for (let listener = 0; listener < 20; listener++) process.on('beforeExit', () => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setImmediate(resolve));
    log('warn', {when: new Date().toISOString(), number: 12n}, 'a line');
    say([answers.length, bytes.length]);
  },

  'uncaught-exception'() {
    endOnException();
    lockDown();
    setTimeout(() => {
      throw new Error('nobody catches this');
    }, 1);
  },

  'unhandled-rejection'() {
    endOnException();
    lockDown();
    void Promise.reject(new Error('nobody handles this'));
  },

  async 'worker-fails'() {
    const other = await workerThat('worker-throw');
    lockDown();
    const failed = new Promise((resolve) => other.worker.once('error', resolve));
    void other.ask();
    say(String(await failed));
  },

  async 'worker-terminated'() {
    const other = await workerThat('worker-garbage');
    lockDown();
    say(await other.worker.terminate());
  },

  'heap-limit'() {
    lockDown();
    const kept: unknown[] = [];
    for (;;) kept.push(Array.from({length: 10_000}, (_, index) => ({index})));
  },

  /** Descriptors that it never asked for, of every kind that can be inherited. */
  async 'foreign-descriptors'() {
    const own = openSync('/dev/null', 'r');
    await new Promise((resolve) => connect('/nowhere.sock').once('error', resolve));
    const closed = closeUnknown(new Set([own]));
    const left = readdirSync('/proc/self/fd')
      .map(Number)
      .filter((fd) => fd > 2)
      .map((fd) => {
        try {
          return `${fd} ${readlinkSync(`/proc/self/fd/${fd}`).replace(/:.*/, '')}`;
        } catch {
          return undefined; // the one that lists
        }
      });
    closeSync(own);
    say({closed, own, left: left.filter((each) => each !== undefined)});
  },

  /** One that was open before the limit on descriptors was set below its number. */
  'descriptor-beyond-limit'() {
    renumberFd(openFd('/dev/zero', O_RDONLY), 200);
    setRlimit('NOFILE', 64, 64);
    closeUnknown(new Set());
    say({beyond: readdirSync('/proc/self/fd').filter((fd) => Number(fd) >= 64)});
  },
};

const orders: Record<string, () => unknown> = {
  'worker-call': () => rawSystemCall('socket', 1, 1, 0),
  'worker-garbage': () => makeGarbage(),
  'worker-throw': () => {
    throw new Error('the other thread failed');
  },
};

if (isMainThread) {
  const failsLater = scenario.startsWith('un');
  await scenarios[scenario]?.();
  // As a server ends.
  if (!failsLater) exitNow(0);
} else {
  prepare();
  restrictThread();
  parentPort?.on('message', () => parentPort?.postMessage(orders[scenario]?.()));
  parentPort?.postMessage('ready');
}
