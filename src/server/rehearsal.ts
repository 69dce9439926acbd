import {once} from 'node:events';
import {Socket} from 'node:net';
import {encodeFrame} from '../control/frame.js';
import {rehearseServerEnd} from '../service/rehearse-server-end.js';
import {postponeOptimization} from '../sys/optimization.js';
import {gettid} from '../sys/process.js';
import type {SeccompFilter} from '../sys/seccomp.js';
import {listenNowhere, streamPair} from '../sys/socket.js';
import {Answers} from './answers.js';
import {ANY_TYPE} from './command-line.js';
import {ControlConnection} from './control-connection.js';
import {ControlListener} from './control-listener.js';
import {unknownDescriptors} from './descriptors.js';
import {lockDownFilter, restrictRuntimeThreads} from './lock-down.js';
import {log} from './log.js';
import {parseArguments, sortOptions} from './mount-options.js';
import type {OrderBox} from './order-box.js';
import type {RequestThreadHandle} from './request-thread-handle.js';
import type {ThreadGreeting} from './requests.js';
import type {SharedCounters} from './shared-counters.js';

/** How often there is a conversation: the first time compiles, and later ones are interpreted faster. */
const TIMES = 4;

/** Types that a small ext4 image can be mounted as. */
const EXT_TYPES: readonly string[] = ['ext4', ANY_TYPE];

/** What there is of a server that has no mount yet. */
interface Waiting {
  readonly type: string;
  readonly counters: SharedCounters;
  readonly orders: OrderBox;
}

/** What a rehearsal leaves: beside what the request thread told at first. */
export interface Rehearsed extends ThreadGreeting {
  /** Threads of the runtime's own from which landlock has taken what it can. */
  readonly restricted: readonly number[];
  /** The filter of a server that holds no ring and whose kernel reads no files by itself. */
  readonly filter: SeccompFilter;
}

/**
 * Does what needs no mount, or goes through its motions, in a server that waits: code that runs for the second time is a good deal faster, and nobody
 * waits now. Types of ext serve a volume of our own. The threads that the runtime has for itself run none of our code and need nothing more, so landlock
 * takes from them what it can.
 */
export async function rehearse(thread: RequestThreadHandle, waiting: Waiting): Promise<Rehearsed> {
  const greeting = await thread.greeting;
  // V8 takes no cache that was made with other flags.
  await thread.ask('load', {});
  postponeOptimization();
  try {
    (await ControlListener.open(listenNowhere().release())).close();
    await rehearseAnswering(waiting);
    for (let time = 0; time < TIMES; time++) rehearseConversation();
    const {type} = waiting;
    if (EXT_TYPES.includes(type)) {
      const {failed} = await thread.ask('rehearse', {type});
      if (failed > 0) log('warn', {failed}, 'requests of the rehearsal failed');
    }
  } catch (error) {
    log('warn', {error: String(error)}, 'not all could be rehearsed');
  }
  const restricted = restrictRuntimeThreads([greeting.threadId, gettid()]);
  return {...greeting, restricted, filter: lockDownFilter()};
}

/** Is told of a mount, asks for what it needs, and looks what else it has. */
function rehearseConversation(): void {
  const {options} = parseArguments(rehearseServerEnd());
  sortOptions(options, []);
  unknownDescriptors(new Set());
}

/** Greets a manager and answers its question, both ends being ours. */
async function rehearseAnswering({type, counters, orders}: Waiting): Promise<void> {
  const [one, other] = streamPair();
  const manager = new Socket({fd: one.release()});
  const server = new Socket({fd: other.release()});
  try {
    const probe = {type, target: 'directory'} as const;
    const answers = new Answers({
      ...{probe, counters, orders, startedAt: new Date().toISOString()},
      ...{fuseFd: -1, largestCache: 0},
    });
    new ControlConnection(server, answers.hello(), (order) => answers.answer(order));
    await once(manager, 'data');
    manager.write(encodeFrame({id: 1, do: 'ping'}));
    await once(manager, 'data');
  } finally {
    manager.destroy();
    server.destroy();
  }
}
