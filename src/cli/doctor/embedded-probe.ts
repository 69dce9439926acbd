import {setTimeout as sleep} from 'node:timers/promises';
import {type EmbeddedServer, launchContained} from '../../launch/index.js';
import type {ServerPolicy} from '../../policy/index.js';
import type {ActReport, ProbeEnd, ProbeTask} from '../../probe/report.js';
import {errnoOf} from '../../sys/errno.js';
import {ERRNO} from '../../sys/errno-codes.js';
import {O_RDONLY, openFd} from '../../sys/fd.js';
import {receivePacket, sendPacket} from '../../sys/socket.js';
import {breadcrumbIn, makeGround, type ProbeResult} from './probe-ground.js';

/** How long the probe may be silent. It starts a runtime first. */
const SILENCE_MS = 20_000;
const START_MS = 20_000;
const LARGEST_REPORT = 4096;
/** More reports than it has acts and stages: it is contained, but nobody believes what it says without end. */
const MOST_REPORTS = 2000;

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

/**
 * Starts a probe as the launcher starts servers, with another one as its victim, and lets it try everything. Needs root.
 * @throws Error or Errno when it can't be started
 */
export async function probeEmbedded(policy: ServerPolicy): Promise<ProbeResult> {
  await using ground = await makeGround();
  const started: EmbeddedServer[] = [];
  const start = (task: ProbeTask): EmbeddedServer => {
    const server = launchContained('probe', [JSON.stringify(task)], policy);
    started.push(server);
    return server;
  };
  try {
    const base = {...ground.places, reportFd: 3, logIsFile: true};
    const victim = await pidOf(start({...base, do: 'wait', victim: 0}));
    const task: ProbeTask = {...base, do: 'try', victim};
    const probe = start(task);
    using image = openFd(ground.image, O_RDONLY);
    sendPacket(probe.socket.fd, new TextEncoder().encode('image'), [image.fd]);
    const reports = [...reportsFrom(probe)];
    const faller = start({...task, do: 'fall'});
    await untilExited(faller);
    return {reports, breadcrumb: breadcrumbIn(faller.readLog()), logBytes: probe.logBytes};
  } finally {
    for (const server of started) {
      server.kill();
      server.socket.close();
      server.close();
    }
  }
}
