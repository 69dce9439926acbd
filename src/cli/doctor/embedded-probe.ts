import {once} from 'node:events';
import {closeSync, mkdtempSync, openSync, rmSync, writeFileSync} from 'node:fs';
import {type AddressInfo, createServer, type Server} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {type EmbeddedServer, launchContained} from '../../launch/index.js';
import type {ServerPolicy} from '../../policy/index.js';
import type {ActReport, ProbeEnd, ProbeTask} from '../../probe/report.js';
import {errnoOf} from '../../sys/errno.js';
import {ERRNO} from '../../sys/errno-codes.js';
import {receivePacket, sendPacket} from '../../sys/socket.js';

/** How long the probe may be silent. It starts a runtime first. */
const SILENCE_MS = 20_000;
const START_MS = 20_000;
const LARGEST_REPORT = 4096;
/** More reports than it has acts and stages: it is contained, but nobody believes what it says without end. */
const MOST_REPORTS = 2000;
const IMAGE_SIZE = 1 << 20;

/** What a probe said and left. */
export interface ProbeResult {
  readonly reports: ReadonlyArray<ActReport | ProbeEnd>;
  /** The line of a server that makes a forbidden call, as it stands in the log; undefined when there was none. */
  readonly breadcrumb: string | undefined;
  /** Bytes of log that the probe could write. */
  readonly logBytes: number;
}

/** Where the probe tries to connect. */
async function listening(place: {port: number; host: string} | {path: string}): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(place);
  await once(server, 'listening');
  return server;
}

async function pidOf(server: EmbeddedServer): Promise<number> {
  for (const end = Date.now() + START_MS; Date.now() < end; await sleep(20)) {
    if (server.pid !== undefined) return server.pid;
    if (server.exited()) break;
  }
  throw new Error(`the probe does not start: ${server.readLog()}`);
}

function* reportsFrom(server: EmbeddedServer): Generator<ActReport | ProbeEnd> {
  const buffer = new Uint8Array(LARGEST_REPORT);
  for (let count = 0; count < MOST_REPORTS; count++) {
    let length = 0;
    try {
      ({length} = receivePacket(server.socket.fd, buffer, {timeoutMs: SILENCE_MS}));
    } catch (error) {
      if (errnoOf(error) !== ERRNO.ECONNRESET && errnoOf(error) !== ERRNO.ETIMEDOUT) throw error;
    }
    if (length === 0) return;
    yield JSON.parse(Buffer.from(buffer.subarray(0, length)).toString('utf8'));
  }
}

async function untilExited(server: EmbeddedServer): Promise<void> {
  for (const end = Date.now() + START_MS; !server.exited() && Date.now() < end; ) await sleep(20);
}

/** A server's own end: locked down as it is, it makes a forbidden call. @returns the line that it left */
async function fall(policy: ServerPolicy, task: ProbeTask): Promise<string | undefined> {
  const server = launchContained('probe', [JSON.stringify({...task, do: 'fall'})], policy);
  try {
    await untilExited(server);
    return server
      .readLog()
      .split('\n')
      .find((line) => line.includes('"systemCall"'))
      ?.trimEnd();
  } finally {
    server.kill();
    server.socket.close();
    server.close();
  }
}

/**
 * Starts a probe as the launcher starts servers, with another one as its victim, and lets it try everything. Needs root.
 * @throws Error or Errno when it can't be started
 */
export async function probeEmbedded(policy: ServerPolicy): Promise<ProbeResult> {
  const directory = mkdtempSync(join(tmpdir(), 'fuseward-probe-'));
  const abstractName = `fuseward-probe-${process.pid}`;
  const closing: Array<() => void> = [() => rmSync(directory, {recursive: true, force: true})];
  try {
    const tcp = await listening({port: 0, host: '127.0.0.1'});
    closing.push(() => tcp.close());
    const socketPath = join(directory, 'manager.sock');
    const unix = await listening({path: socketPath});
    closing.push(() => unix.close());
    const abstract = await listening({path: `\0${abstractName}`});
    closing.push(() => abstract.close());
    const start = (task: ProbeTask): EmbeddedServer => {
      const server = launchContained('probe', [JSON.stringify(task)], policy);
      closing.push(() => {
        server.kill();
        server.socket.close();
        server.close();
      });
      return server;
    };
    const {port} = tcp.address() as AddressInfo;
    const base = {reportFd: 3, manager: process.pid, port, abstractName, socketPath, logIsFile: true};
    const victim = await pidOf(start({...base, do: 'wait', victim: 0}));
    const task: ProbeTask = {...base, do: 'try', victim};
    const probe = start(task);
    const image = join(directory, 'image');
    writeFileSync(image, new Uint8Array(IMAGE_SIZE));
    const fd = openSync(image, 'r');
    sendPacket(probe.socket.fd, new TextEncoder().encode('image'), [fd]);
    closeSync(fd);
    const reports = [...reportsFrom(probe)];
    const logBytes = probe.logBytes;
    return {reports, breadcrumb: await fall(policy, task), logBytes};
  } finally {
    for (const close of closing.reverse()) close();
  }
}
