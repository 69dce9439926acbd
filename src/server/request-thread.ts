import {parentPort} from 'node:worker_threads';
import {
  type BlockingOptions,
  type ConnectionEnd,
  type RingHooks,
  RingTransport,
  runBlocking,
  type Session,
} from '../fuse/index.js';
import {allowedCpus, countCpus} from '../sys/affinity.js';
import {withheldFeatures} from '../sys/kernel-defects.js';
import {mapShared} from '../sys/memfd.js';
import {getRlimit, gettid, setRlimit} from '../sys/process.js';
import type {Driver, ServedFileSystem} from './driver.js';
import {chooseDriver} from './drivers.js';
import {restrictThread} from './lock-down.js';
import {log} from './log.js';
import type {OrderEnd} from './order-box.js';
import {Placement} from './placement.js';
import {refusalOf} from './refusal.js';
import {rehearseServing} from './rehearsal-serving.js';
import type {Ask, Reply, ThreadCalls, ThreadStart} from './requests.js';
import {servingSession} from './serving-session.js';
import {COUNTERS_SIZE, SharedCounters} from './shared-counters.js';
import {sourceOf} from './source-of.js';
import {logWarnings} from './unexpected.js';

/**
 * The thread that parses the image and answers the kernel. It does what the main thread asks, one thing after the other; the last,
 * `run`, reads requests from the fuse device, and sleeps when there are none, for the life of the mount.
 */
class RequestThread {
  readonly #counters: SharedCounters;
  #driver: Driver | undefined;
  #fileSystem: ServedFileSystem | undefined;
  #ring: RingTransport | undefined;
  readonly #orders: OrderEnd;
  /** Found out now: after the lock-down nobody can ask which kernel this is. */
  readonly #withheld = withheldFeatures();
  readonly #processors = countCpus(allowedCpus());
  /** Its code is there, and it opens nothing ever: what it needs beyond that it is given. */
  readonly #landlock = restrictThread();

  constructor({countersFd, orders}: ThreadStart) {
    this.#orders = orders;
    this.#counters = new SharedCounters(
      mapShared(countersFd, COUNTERS_SIZE, {sealedSize: true, sealMapping: true}),
    );
  }

  do(ask: Ask): ThreadCalls[keyof ThreadCalls]['answer'] {
    switch (ask.do) {
      case 'load':
        return {threadId: gettid(), landlock: this.#landlock};
      case 'rehearse':
        return {failed: rehearseServing(ask.type)};
      case 'ring':
        return this.#makeRing(ask);
      case 'probe':
        return this.#probe(ask);
      case 'open':
        return this.#open(ask);
      case 'run':
        return this.#run(ask);
    }
  }

  #makeRing({fuseFd, queues}: ThreadCalls['ring']['ask']): ThreadCalls['ring']['answer'] {
    this.#ring = makeRing(fuseFd, queues);
    return this.#ring === undefined ? {} : {ringFd: this.#ring.fd};
  }

  #probe({fd, type}: ThreadCalls['probe']['ask']): ThreadCalls['probe']['answer'] {
    const source = sourceOf(fd);
    const chosen = chooseDriver(type, source);
    this.#driver = chosen.driver;
    const {target, optionNames} = chosen.driver;
    const members = chosen.driver.members?.(source) ?? [];
    return {type: chosen.type, target, optionNames, members, blockSize: chosen.driver.blockSize(source)};
  }

  #open({fd, members, options, cacheBytes}: ThreadCalls['open']['ask']): ThreadCalls['open']['answer'] {
    this.#fileSystem = this.#driver!.open(sourceOf(fd), {
      members: new Map(members.map((member) => [member.name, sourceOf(member.fd)])),
      options: new Map(options),
      cacheBytes,
      cacheCounters: this.#counters.caches,
      log: (values, message) => log('warn', values, message),
    });
    return {};
  }

  #run({fuseFd, devices, busyPollMs}: ThreadCalls['run']['ask']): ThreadCalls['run']['answer'] {
    this.#counters.setClock();
    const session = servingSession(this.#fileSystem!, {
      ...{orders: this.#orders, counters: this.#counters, place: {fuseFd, devices}},
      ...{ring: this.#ring !== undefined, withheld: this.#withheld},
    });
    // Where there is but one processor, who looks keeps who asks from it.
    const busyPoll = {busyPollMs: this.#processors > 1 ? busyPollMs : 0};
    return {ended: this.#serve(fuseFd, session, busyPoll)};
  }

  #serve(fuseFd: number, session: Session, busyPoll: BlockingOptions): ConnectionEnd {
    if (this.#ring === undefined) {
      this.#counters.transport = 'device';
      return runBlocking(fuseFd, session, busyPoll);
    }
    const placement = new Placement();
    const hooks: RingHooks = {
      onQueue: (queue) => placement.note(queue),
      isBesideCaller: () => placement.cpu !== undefined,
      onTransport: (ring, reason) => {
        this.#counters.transport = ring ? 'io_uring' : 'device';
        if (reason !== undefined) log('warn', {reason}, 'not all requests travel by io_uring');
      },
    };
    return this.#ring.run(session, hooks, busyPoll);
  }
}

/** A ring for the device; undefined where this kernel or its settings don't allow one, which is no reason not to serve. */
function makeRing(fuseFd: number, queues: number): RingTransport | undefined {
  try {
    // Nothing before this was to get a ring: the soft limit is nothing until now, and the lock-down takes it back.
    const {hard} = getRlimit('MEMLOCK');
    setRlimit('MEMLOCK', hard, hard);
    return new RingTransport(fuseFd, {queues});
  } catch (error) {
    log('warn', {error: String(error)}, 'requests travel by the device: no io_uring can be made');
    return undefined;
  }
}

/** Waits for what to work with, then for what the main thread asks. */
export function runRequestThread(): void {
  logWarnings();
  parentPort!.once('message', (start: ThreadStart) => listen(new RequestThread(start)));
}

function listen(thread: RequestThread): void {
  const port = parentPort!;
  const reply = (value: Reply) => port.postMessage(value);
  port.on('message', (ask: Ask) => {
    try {
      reply({answer: thread.do(ask)});
    } catch (error) {
      reply({refusal: refusalOf(error)});
    }
  });
}

/** For the build as well, which keeps compiled what runs then. */
export {rehearseServing as rehearse};
