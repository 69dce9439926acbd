import {setTimeout as sleep} from 'node:timers/promises';
import type {ServerPolicy} from '../policy/index.js';
import {streamPair} from '../sys/socket.js';
import {launchCommand} from './command.js';
import type {CommandMount} from './command-mount.js';
import type {EmbeddedServer} from './embedded-server.js';
import {grantNetwork, grantsOf} from './network.js';

const STEP_MS = 3;
const START_MS = 10_000;

/** A command that waits for its network. */
export interface WaitingCommand {
  readonly server: EmbeddedServer;
  /** Grants the places of the network that policy lists, then lets the command begin. @throws Error or Errno; nothing runs then */
  open(): Promise<void>;
}

/** Starts policy's command as `launchCommand` does, up to the moment before its program. @throws as that does */
export function launchWaiting(type: string, policy: ServerPolicy, mount: CommandMount): WaitingCommand {
  const grants = typeof policy.network === 'string' ? [] : grantsOf(policy.network);
  // A launcher that dies closes its end as well: the command then begins without a network and ends with its conversation.
  const [gate, theirs] = streamPair();
  try {
    const server = launchCommand(type, policy, mount, theirs);
    return {
      server,
      async open() {
        try {
          await grantNetwork({pid: await firstProcess(server), uid: server.uid}, grants, {policy});
        } catch (error) {
          server.kill();
          throw error;
        } finally {
          gate.close();
        }
      },
    };
  } catch (error) {
    gate.close();
    throw error;
  } finally {
    theirs.close();
  }
}

async function firstProcess(server: EmbeddedServer): Promise<number> {
  for (const end = performance.now() + START_MS; server.pid === undefined; await sleep(STEP_MS)) {
    if (server.exited() || performance.now() > end)
      throw new Error(`the sandbox does not start: ${server.readLog()}`);
  }
  return server.pid;
}
