/**
 * A process that serves one connection after the other, each with the real request loop and driver, over sockets that stand for
 * the fuse device. It ends when nobody sends jobs any more.
 */
import {writeSync} from 'node:fs';
import {runBlocking, Session} from '../../../../src/fuse/index.js';
import {chooseDriver} from '../../../../src/server/drivers.js';
import {COUNTERS_SIZE, SharedCounters} from '../../../../src/server/shared-counters.js';
import {receivePacket, sendPacket} from '../../../../src/sys/socket.js';
import {type Done, JOBS_FD, type Job} from './job.js';
import {sourceOf} from './source.js';

const FOREVER_SECONDS = 31_536_000;
const LARGEST_JOB = 65_536;
const MOST_FDS = 10;
const MOST_ERRORS = 20;
/** Packets of the socket that stands for the device are no larger. */
const LARGEST_WRITE = 65_536;

function serve(job: Job, fds: readonly number[]): Done {
  const [device, , ...sources] = fds as [number, number, ...number[]];
  const counters = new SharedCounters(new ArrayBuffer(COUNTERS_SIZE));
  const errors: string[] = [];
  const source = sourceOf(sources[0]!);
  const {driver} = chooseDriver(job.type, source);
  // Behind the source come those that it names, in its order.
  const names = driver.members?.(source) ?? [];
  const fileSystem = driver.open(source, {
    members: new Map(names.map((name, index) => [name, sourceOf(sources[index + 1]!)])),
    options: new Map(job.options),
    cacheBytes: job.cacheBytes,
    cacheCounters: counters.caches,
    log: () => {},
  });
  const session = new Session(
    fileSystem,
    {
      init: {want: ['POSIX_ACL', 'EXPORT_SUPPORT'], refuse: ['READDIRPLUS_AUTO'], maxWrite: LARGEST_WRITE},
      entryTimeout: FOREVER_SECONDS,
      attrTimeout: FOREVER_SECONDS,
      maxConcurrent: 1,
    },
    {
      counters: counters.requests,
      onError: (error, {name, nodeid}) => {
        if (errors.length < MOST_ERRORS) errors.push(`${name} of ${nodeid}: ${error}`);
      },
    },
  );
  const ended = runBlocking(device, session);
  return {ended, errors, counters: {}};
}

function main(): void {
  const buffer = new Uint8Array(LARGEST_JOB);
  for (;;) {
    const {length, fds} = receivePacket(JOBS_FD, buffer, {maxFds: MOST_FDS});
    if (length === 0) return;
    const job = JSON.parse(Buffer.from(buffer.subarray(0, length)).toString()) as Job;
    let done: Done;
    try {
      done = serve(
        job,
        fds.map(({fd}) => fd),
      );
    } catch (error) {
      done = {ended: `failed: ${error instanceof Error ? error.stack : error}`, errors: [], counters: {}};
    }
    for (const fd of fds) fd.close();
    sendPacket(JOBS_FD, Buffer.from(JSON.stringify(done)));
  }
}

try {
  main();
} catch (error) {
  writeSync(2, `the host of servers: ${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = 1;
}
