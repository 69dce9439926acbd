/**
 * A process that mounts one of the test file systems and serves it: `node server-program.mjs KIND TRANSPORT TARGET`, told what to
 * do by messages of the parent. With the blocking transport a worker serves and the main thread, free all the time, sends the
 * notifications; that is the arrangement real servers are advised to use.
 */
import {fileURLToPath} from 'node:url';
import {isMainThread, parentPort, Worker, workerData} from 'node:worker_threads';
import {memoryFs} from '../../../examples/memory-fs.js';
import {
  CounterArray,
  type FileSystem,
  Notifier,
  notifyVia,
  OPCODE,
  type OpcodeName,
  RingTransport,
  runBlocking,
  Session,
  serveEvents,
} from '../../../src/fuse/index.js';
import {Cleanup} from '../../../src/helper/cleanup.js';
import {Observer} from '../../../src/helper/observer.js';
import {launchContained} from '../../../src/launch/index.js';
import {loadPolicy} from '../../../src/policy/index.js';
import {Deadline} from '../../../src/service/deadline.js';
import {silent} from '../../../src/service/log.js';
import {exitNow} from '../../../src/sys/exit.js';
import {O_RDWR, type OwnedFd, openFd} from '../../../src/sys/fd.js';
import {mountAt} from '../../../src/sys/mount.js';
import {possibleCpus} from '../../support/enable-uring.js';
import {changingFs, makeSwitches, type Switches} from './changing-fs.js';
import {fullMemoryFs, type Handles} from './full-memory-fs.js';
import {type SlowState, slowFs} from './slow-fs.js';

export type Kind = 'memory' | 'full' | 'changing' | 'slow';
/** `relayed`: as `events`, on a socket behind a relay; `ring`: as `blocking`, by io_uring. */
export type Transport = 'blocking' | 'events' | 'relayed' | 'ring';

interface Shared {
  readonly fd: number;
  readonly kind: Kind;
  readonly transport: Transport;
  readonly counters: SharedArrayBuffer;
  readonly switches: Switches;
}

/** What the thread that serves tells the main thread. */
type Told =
  | {readonly end: string; readonly handles: number}
  | {readonly defect: string}
  | {readonly retrieved: number; readonly offset: number; readonly data: Uint8Array};

const handles: Handles = {open: 0};
const slow: SlowState = {waiting: 0, aborted: 0, resent: 0, release: []};

function fileSystem({kind, switches}: Shared): FileSystem {
  switch (kind) {
    case 'memory':
      return memoryFs();
    case 'full':
      return fullMemoryFs(handles);
    case 'changing':
      return changingFs(switches);
    case 'slow':
      return slowFs(slow);
  }
}

function makeSession(shared: Shared, tell: (message: Told) => void): Session {
  return new Session(
    fileSystem(shared),
    shared.transport === 'ring' ? {init: {want: ['OVER_IO_URING']}} : {},
    {
      counters: new CounterArray(shared.counters),
      onError: (error, request) => tell({defect: `${request.name}: ${error}`}),
      onRetrieved: (unique, offset, data) => tell({retrieved: unique, offset, data: data.slice()}),
    },
  );
}

function serveAsWorker(): void {
  const shared = workerData as Shared;
  const tell = (message: Told): void => parentPort?.postMessage(message);
  const session = makeSession(shared, tell);
  const onTransport = (isRing: boolean, reason?: string): void => {
    if (!isRing) tell({defect: `no ring: ${reason}`});
  };
  const end =
    shared.transport === 'ring'
      ? new RingTransport(shared.fd, {queues: possibleCpus()}).run(session, {onTransport})
      : runBlocking(shared.fd, session);
  tell({end, handles: handles.open});
}

async function startRelay(fuseDevice: OwnedFd): Promise<Observer> {
  const start = () => launchContained('observe', [], loadPolicy('ext4').server);
  const cleanup = new Cleanup(silent);
  const relay = Observer.start('a test', start, {fuseDevice, controlSocket: undefined, cleanup});
  await relay.ready(new Deadline(30_000));
  return relay;
}

async function main(): Promise<void> {
  const [kind, transport, target] = process.argv.slice(2) as [Kind, Transport, string];
  const send = (message: unknown): void => void process.send?.(message);
  const device = openFd('/dev/fuse', O_RDWR);
  const relay = transport === 'relayed' ? await startRelay(device) : undefined;
  mountAt(
    'fuseward-test',
    target,
    `fuse.test-${kind}`,
    0,
    `fd=${device.fd},rootmode=40000,user_id=0,group_id=0`,
  );
  const {fd} = relay?.serverEnd ?? device;
  if (relay !== undefined) {
    relay.begin('test');
    device.close();
  }
  const counters = new CounterArray();
  const switches = makeSwitches();
  const notifier = new Notifier(notifyVia(fd));
  const shared: Shared = {fd, kind, transport, counters: counters.memory as SharedArrayBuffer, switches};

  const hear = (message: Told): void => {
    if ('retrieved' in message) notifier.retrieved(message.retrieved, message.offset, message.data);
    else send(message);
    if ('end' in message) process.disconnect();
  };
  process.on('message', async ({id, command, args}: {id: number; command: string; args: unknown[]}) => {
    try {
      let value: unknown;
      if (command === 'count') value = counters.read(OPCODE[args[0] as OpcodeName]).count;
      else if (command === 'set') value = Atomics.store(switches, args[0] as number, args[1] as number);
      else if (command === 'slow') value = {...slow, release: slow.release.length};
      else if (command === 'release') value = slow.release.splice(0).map((go) => go()).length;
      else {
        const method = notifier[command as keyof Notifier] as (...args: unknown[]) => unknown;
        // Bytes come as base64.
        const bytes = (arg: unknown): unknown =>
          typeof arg === 'string' ? Uint8Array.from(Buffer.from(arg, 'base64')) : arg;
        value = await method.apply(notifier, args.map(bytes));
        if (command === 'retrieve') {
          const {offset, data} = value as {offset: number; data: Uint8Array};
          value = {offset, data: Buffer.from(data).toString('base64')};
        }
      }
      send({id, value});
    } catch (error) {
      send({id, error: (error as {code?: string}).code ?? String(error)});
    }
  });
  // The parent is gone, and the mount must not outlive the test. process.exit() would wait for the worker's read.
  process.on('disconnect', () => exitNow(0));

  if (transport === 'blocking' || transport === 'ring') {
    const worker = new Worker(fileURLToPath(import.meta.url), {workerData: shared});
    worker.on('message', hear);
    worker.on('error', (error) => hear({defect: String(error)}));
    send({ready: true});
  } else {
    const session = makeSession(shared, hear);
    const ending = serveEvents(fd, session);
    send({ready: true});
    hear({end: await ending, handles: handles.open});
  }
}

if (isMainThread) await main();
else serveAsWorker();
