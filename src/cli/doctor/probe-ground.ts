import {once} from 'node:events';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {type AddressInfo, createServer, type Server} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {ActReport, ProbeEnd, ProbeTask} from '../../probe/report.js';

const IMAGE_SIZE = 1 << 20;

/** What a probe said and left. */
export interface ProbeResult {
  readonly reports: ReadonlyArray<ActReport | ProbeEnd>;
  /** The line of a server that makes a forbidden call, as it stands in the log; undefined when there was none. */
  readonly breadcrumb: string | undefined;
  /** Bytes of log that the probe could write; undefined where the journal takes it. */
  readonly logBytes: number | undefined;
}

/** What a probe tries to reach: an image, and places where somebody listens. Gone when it is disposed of. */
export interface ProbeGround extends AsyncDisposable {
  readonly directory: string;
  readonly image: string;
  readonly places: Pick<ProbeTask, 'manager' | 'port' | 'abstractName' | 'socketPath'>;
}

async function listening(place: {port: number; host: string} | {path: string}): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(place);
  await once(server, 'listening');
  return server;
}

/** Makes what a probe tries to reach. @throws Node's own error */
export async function makeGround(): Promise<ProbeGround> {
  const directory = mkdtempSync(join(tmpdir(), 'fuseward-probe-'));
  const servers: Server[] = [];
  const dispose = (): void => {
    for (const server of servers) server.close();
    rmSync(directory, {recursive: true, force: true});
  };
  try {
    const abstractName = `fuseward-probe-${process.pid}`;
    const socketPath = join(directory, 'manager.sock');
    const places = [{port: 0, host: '127.0.0.1'}, {path: socketPath}, {path: `\0${abstractName}`}];
    for (const place of places) servers.push(await listening(place));
    const {port} = servers[0]!.address() as AddressInfo;
    const image = join(directory, 'image');
    writeFileSync(image, new Uint8Array(IMAGE_SIZE));
    return {
      directory,
      image,
      places: {manager: process.pid, port, abstractName, socketPath},
      [Symbol.asyncDispose]: async () => dispose(),
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** The line of a forbidden call in a log. */
export function breadcrumbIn(log: string): string | undefined {
  return log
    .split('\n')
    .find((line) => line.includes('"systemCall"'))
    ?.trimEnd();
}
