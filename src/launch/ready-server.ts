import {setTimeout as sleep} from 'node:timers/promises';
import type {ServerPolicy} from '../policy/index.js';
import {launchWaitingServer} from './embedded.js';
import {HeldServer} from './held-server.js';

/** How often it is looked whether a starting server waits, and for how long. */
const LOOK_MS = 20;
const START_MS = 30_000;

/** Starts a server that has all its code loaded and waits for a mount; returns when it does. @throws Error in a sentence; nothing runs then */
export async function startReadyServer(type: string, policy: ServerPolicy): Promise<HeldServer> {
  const server = launchWaitingServer(type, policy);
  const end = performance.now() + START_MS;
  while (server.logBytes === 0) {
    await sleep(LOOK_MS);
    if (performance.now() < end && !server.exited()) continue;
    server.kill();
    server.socket.close();
    throw new Error(`a server of type ${type} did not start: ${server.readLog()}`);
  }
  return new HeldServer(server, type, policy);
}
