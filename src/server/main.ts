import {isMainThread} from 'node:worker_threads';
import {ServerConversation} from '../service/index.js';
import {exitNow} from '../sys/exit.js';
import {createMemfd} from '../sys/memfd.js';
import {listenFds} from '../sys/systemd.js';
import {log} from './log.js';
import {parseArguments} from './mount-options.js';
import {refusalOf} from './refusal.js';
import {runRequestThread} from './request-thread.js';
import {RequestThreadHandle} from './request-thread-handle.js';
import {mountSource, report, type Session} from './serve.js';
import {COUNTERS_NAME, COUNTERS_SIZE} from './shared-counters.js';

/** Bytes of metadata cached unless the launcher says otherwise. */
const CACHE_BYTES = 16 * 2 ** 20;
/** How long a failed service lives on, so that the journal can tell whose its last lines were. */
const JOURNAL_MS = 2_000;

function greet(fd: number): Session {
  const counters = createMemfd(COUNTERS_NAME, undefined, {size: COUNTERS_SIZE, sealSize: true});
  // The thread loads its code while we talk.
  const thread = new RequestThreadHandle(new URL(import.meta.url), {countersFd: counters.fd});
  const conversation = ServerConversation.accept(fd);
  const {allowOther} = conversation.hello();
  const place = parseArguments(conversation.receiveArguments());
  const fuseDevice = conversation.receiveFuseDevice();
  const control = conversation.probeExtension();
  return {conversation, allowOther, control, fuseDevice, place, thread, cacheBytes: CACHE_BYTES};
}

/** Serves one mount from the greeting to its end. @returns the exit code */
async function serve(type: string): Promise<number> {
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
  const session = greet(fds[0]!);
  try {
    await mountSource(session, type);
  } catch (error) {
    const {exitCode, ...reason} = refusalOf(error);
    log('error', {...reason}, 'the mount failed');
    report(session.control, {event: 'failed', ...reason});
    session.conversation.goodbye(exitCode);
    await new Promise((resolve) => setTimeout(resolve, linger));
    return 1;
  }
  session.conversation.goodbye(0);
  const {ended} = await session.thread.ask('run', {fuseFd: session.fuseDevice.fd});
  return ended === 'unmounted' ? 0 : 1;
}

if (isMainThread) {
  // Exits at once and without asking the request thread, which may be blocked in a system call.
  process.on('SIGTERM', () => exitNow(0));
  serve(process.argv[2] ?? '').then(exitNow, (error: unknown) => {
    log('error', {error: String(error)}, 'the server failed');
    exitNow(1);
  });
} else {
  runRequestThread();
}
