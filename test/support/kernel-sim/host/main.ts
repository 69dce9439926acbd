/**
 * A process that serves one connection after the other, each with the real request loop and driver, over sockets that stand for
 * the fuse device. It ends when nobody sends jobs any more.
 */
import {writeSync} from 'node:fs';
import {runBlocking, Session, type SessionOptions} from '../../../../src/fuse/index.js';
import {IomapServer} from '../../../../src/iomap/index.js';
import {receivePacket, sendPacket} from '../../../../src/sys/socket.js';
import {DeviceStandIn} from '../link.js';
import {controlOf} from './control.js';
import {isIomapDriver, openFileSystem, sizeOf} from './file-systems.js';
import {type Done, JOBS_FD, type Job} from './job.js';

const LARGEST_JOB = 65_536;
const MOST_FDS = 10;
const MOST_PROBLEMS = 20;
const FOREVER_SECONDS = 31_536_000;

/** As a server's request thread has it, but for packets of a size that the sockets take. */
const OPTIONS: SessionOptions = {
  init: {want: ['POSIX_ACL', 'EXPORT_SUPPORT'], refuse: ['READDIRPLUS_AUTO'], maxWrite: 65_536},
  entryTimeout: FOREVER_SECONDS,
  attrTimeout: FOREVER_SECONDS,
  maxConcurrent: 1,
};

function serve(job: Job, fds: readonly number[]): Done {
  const [device, calls, ...sources] = fds as [number, number, ...number[]];
  const errors: string[] = [];
  const complain = (text: string): void => {
    if (errors.length < MOST_PROBLEMS) errors.push(text);
  };
  const fs = openFileSystem(job, sources);
  let iomap: IomapServer | undefined;
  if (isIomapDriver(fs)) {
    const standIn = new DeviceStandIn(calls);
    const link = {
      devices: sources.map((fd) => ({fd, size: sizeOf(fd)})),
      control: controlOf(standIn),
      send: (message: Uint8Array, length: number) => standIn.write(message, length),
    };
    iomap = new IomapServer(fs, link, {onProblem: (error, what) => complain(`${what}: ${error}`)});
  }
  const session = new Session(fs, iomap?.sessionOptions(OPTIONS) ?? OPTIONS, {
    onError: (error, {name, nodeid}) => complain(`${name} of ${nodeid}: ${error}`),
  });
  const ended = runBlocking(device, session);
  return {ended, errors, counters: {...iomap?.counters}};
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
