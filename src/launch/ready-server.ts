import {setTimeout as sleep} from 'node:timers/promises';
import {isDeepStrictEqual} from 'node:util';
import type {ServerPolicy} from '../policy/index.js';
import {waitReadable} from '../sys/poll.js';
import {launchWaitingServer} from './embedded.js';
import type {EmbeddedServer} from './embedded-server.js';

/** How often it is looked whether a starting server waits, and for how long. */
const LOOK_MS = 20;
const START_MS = 30_000;

/**
 * A contained server that this process started before there is a mount for it, and which serves one mount. It is what a mount would have
 * started: the same sandbox, limits and user id of its own, and it holds nothing but its end of the conversation. It ends when this process does.
 */
export class ReadyServer {
  readonly #server: EmbeddedServer;
  readonly #type: string;
  readonly #policy: ServerPolicy;
  #taken = false;

  private constructor(server: EmbeddedServer, type: string, policy: ServerPolicy) {
    this.#server = server;
    this.#type = type;
    this.#policy = policy;
  }

  /** Starts one and returns when it waits. @throws Error in a sentence; nothing runs then */
  static async start(type: string, policy: ServerPolicy): Promise<ReadyServer> {
    const server = launchWaitingServer(type, policy);
    const end = performance.now() + START_MS;
    while (server.logBytes === 0) {
      await sleep(LOOK_MS);
      if (performance.now() < end && !server.exited()) continue;
      server.kill();
      server.socket.close();
      throw new Error(`a server of type ${type} did not start: ${server.readLog()}`);
    }
    return new ReadyServer(server, type, policy);
  }

  get pid(): number | undefined {
    return this.#server.pid;
  }

  /** Our end of the conversation: can be read when the server has ended, for a waiting one says nothing. */
  get fd(): number {
    return this.#server.socket.fd;
  }

  /** Whether a mount got it. */
  get taken(): boolean {
    return this.#taken;
  }

  /**
   * The server, once: if it is for this type, was started with exactly these settings, and runs. How many are to wait makes no
   * difference to the one.
   */
  take(type: string, policy: ServerPolicy): EmbeddedServer | undefined {
    const fits = type === this.#type && isDeepStrictEqual({...policy, pool: 0}, {...this.#policy, pool: 0});
    // One that waits says nothing: what can be read is its end.
    if (this.#taken || !fits || waitReadable(this.fd, 0)) return undefined;
    this.#taken = true;
    return this.#server;
  }
}
