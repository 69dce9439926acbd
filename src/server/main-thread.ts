import type {Worker} from 'node:worker_threads';
import {ServerConversation} from '../service/index.js';
import {exitNow} from '../sys/exit.js';
import {createMemfd, mapShared} from '../sys/memfd.js';
import {resumeOptimization} from '../sys/optimization.js';
import {getRlimit} from '../sys/process.js';
import {listenFds} from '../sys/systemd.js';
import {Answers} from './answers.js';
import {ANY_TYPE, parseServerArguments, type ServerArguments} from './command-line.js';
import {ControlListener} from './control-listener.js';
import {log} from './log.js';
import {parseArguments} from './mount-options.js';
import {OrderBox} from './order-box.js';
import {queuesOf} from './queues.js';
import {refusalOf} from './refusal.js';
import {type Rehearsed, rehearse} from './rehearsal.js';
import {report} from './report.js';
import {RequestThreadHandle} from './request-thread-handle.js';
import type {Probe} from './requests.js';
import {isJitless} from './runtime-flags.js';
import {type Mounted, mountSource, type Session} from './serve.js';
import {COUNTERS_NAME, COUNTERS_SIZE, SharedCounters} from './shared-counters.js';
import {endOnException, logWarnings} from './unexpected.js';
import {prepareWakeSignal} from './wake-signal.js';

/** The largest part of its memory (RLIMIT_DATA) that a server may be told to keep blocks in, and what counts as no limit. */
const CACHE_SHARE = 0.5;
const UNLIMITED_BYTES = 2 ** 32;
/** How long a failed service lives on, so that the journal can tell whose its last lines were. */
const JOURNAL_MS = 2_000;

/** The mount command has looked at its mount and a manager at the server by then: V8's compilers would take the machine from both. */
const SETTLED_MS = 30;

/** The first line of a server that was started to wait: everything is loaded, and the next word is the helper's. */
const WAITING = 'waiting for a mount';

/** What answering managers takes. */
interface Shared {
  readonly counters: SharedCounters;
  /** Bytes of blocks that it may be told to keep at most. */
  readonly largestCache: number;
  /** ISO 8601. */
  readonly startedAt: string;
}

async function greet(
  fd: number,
  {type, cacheBytes, busyPollMicroseconds, waiting, thread}: ServerArguments & {thread: RequestThreadHandle},
): Promise<Session & Shared> {
  const memory = createMemfd(COUNTERS_NAME, undefined, {size: COUNTERS_SIZE, sealSize: true});
  const orders = new OrderBox();
  prepareWakeSignal();
  // The thread loads its code while we talk.
  thread.begin({countersFd: memory.fd, countersSize: COUNTERS_SIZE, orders: orders.end});
  const counters = new SharedCounters(mapShared(memory.fd, COUNTERS_SIZE, {sealMapping: true}));
  const conversation = ServerConversation.accept(fd);
  let rehearsed: Rehearsed | undefined;
  if (waiting) {
    rehearsed = await rehearse(thread, {type, counters, orders});
    log('info', {}, WAITING);
    // Who has it wait decides for how long.
    conversation.wait();
  }
  const {allowOther} = conversation.hello();
  const place = parseArguments(conversation.receiveArguments());
  const fuseDevice = conversation.receiveFuseDevice();
  const control = conversation.probeExtension();
  const listener = await listen(conversation);
  const queues = queuesOf(conversation);
  return {
    conversation,
    allowOther,
    control,
    listener,
    fuseDevice,
    place,
    thread,
    cacheBytes,
    busyPollMs: busyPollMicroseconds / 1000,
    queues,
    countersFd: memory.fd,
    rehearsed,
    counters,
    orders,
    // Found out now: after the lock-down neither limits nor the time zone (which the runtime looks for whenever it shows
    // a date) can be asked for.
    startedAt: new Date().toISOString(),
    largestCache: Math.floor(Math.min(getRlimit('DATA').soft, UNLIMITED_BYTES) * CACHE_SHARE),
  };
}

/** Listens for managers, before the lock-down; undefined where the helper has no socket for that. */
async function listen(conversation: ServerConversation): Promise<ControlListener | undefined> {
  const socket = conversation.openListener();
  if (socket === undefined) return undefined;
  try {
    return await ControlListener.open(socket.release());
  } catch (error) {
    log('warn', {error: String(error)}, 'no manager can reach this server');
    return undefined;
  }
}

/** Answers managers from now on. */
function welcome({listener, fuseDevice, ...shared}: Session & Shared, probe: Probe): void {
  const answers = new Answers({
    probe,
    startedAt: shared.startedAt,
    counters: shared.counters,
    orders: shared.orders,
    largestCache: shared.largestCache,
    fuseFd: fuseDevice.fd,
  });
  listener?.serve(
    () => answers.hello(),
    (order) => answers.answer(order),
  );
}

/** Serves one mount from the greeting to its end. @returns the exit code */
async function serve(how: ServerArguments, thread: RequestThreadHandle): Promise<number> {
  const {fds} = listenFds();
  if (fds.length !== 1) {
    log(
      'error',
      {descriptors: fds.length},
      'not started as a service: expected one connected socket as fd 3',
    );
    return 1;
  }
  // Without a journal nobody needs to find out afterwards whose lines they were.
  const linger = process.env['JOURNAL_STREAM'] === undefined ? 0 : JOURNAL_MS;
  const session = await greet(fds[0]!, {...how, thread});
  let mounted: Mounted;
  try {
    mounted = await mountSource(session, how.type === ANY_TYPE ? session.place.type : how.type);
    welcome(session, mounted.probe);
  } catch (error) {
    const {exitCode, holds, ...reason} = refusalOf(error);
    log('error', {...reason}, 'the mount failed');
    // Somebody else may have a driver for it.
    if (holds !== undefined) report(session.control, {event: 'detected', type: holds});
    report(session.control, {event: 'failed', ...reason});
    session.conversation.goodbye(exitCode);
    await new Promise((resolve) => setTimeout(resolve, linger));
    return 1;
  }
  const {devices} = mounted;
  const {fuseDevice, busyPollMs} = session;
  const serving = session.thread.ask('run', {fuseFd: fuseDevice.fd, devices, busyPollMs});
  session.conversation.goodbye(0);
  if (session.rehearsed !== undefined && !isJitless()) setTimeout(resumeOptimization, SETTLED_MS).unref();
  const {ended} = await serving;
  return ended === 'unmounted' ? 0 : 1;
}

/** Serves one mount and exits. @param worker the request thread, started and loading its code */
export function runMainThread(worker: Worker): void {
  const thread = new RequestThreadHandle(worker);
  logWarnings();
  endOnException();
  // Exits at once and without asking the request thread, which may be blocked in a system call.
  process.on('SIGTERM', () => exitNow(0));
  const start = async () => await serve(parseServerArguments(process.argv.slice(2)), thread);
  start().then(exitNow, (error: unknown) => {
    log('error', {error: String(error)}, 'the server failed');
    exitNow(1);
  });
}
