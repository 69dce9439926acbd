import {parentPort} from 'node:worker_threads';
import {
  type BlockingOptions,
  type ConnectionEnd,
  type RingHooks,
  RingTransport,
  runBlocking,
  type Session,
} from '../fuse/index.js';
import {getRlimit, setRlimit} from '../sys/process.js';
import type {Driver, ServedFileSystem} from './driver.js';
import {chooseDriver} from './drivers.js';
import {log} from './log.js';
import type {OrderEnd} from './order-box.js';
import {Placement} from './placement.js';
import {refusalOf} from './refusal.js';
import {rehearseServing} from './rehearsal-serving.js';
import type {Ask, Reply, ThreadCalls} from './requests.js';
import {servingSession} from './serving-session.js';
import {SharedCounters} from './shared-counters.js';
import {sourceOf} from './source-of.js';
import type {ThreadBeginning} from './thread-first.js';
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
  readonly #withheld: ThreadBeginning['withheld'];
  readonly #processors: number;

  constructor({counters, orders, withheld, processors}: ThreadBeginning) {
    this.#counters = new SharedCounters(counters);
    this.#orders = orders;
    this.#withheld = withheld;
    this.#processors = processors;
  }

  do(ask: Ask): ThreadCalls[keyof ThreadCalls]['answer'] {
    switch (ask.do) {
      case 'load':
        return {};
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

/** Does what the main thread asks. @param beginning what the first part of its code leaves (`beginThread`) */
export function runRequestThread(beginning: ThreadBeginning): void {
  logWarnings();
  const thread = new RequestThread(beginning);
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
