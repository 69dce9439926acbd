import {isDeepStrictEqual} from 'node:util';
import type {ServerPolicy} from '../policy/index.js';
import {waitReadable} from '../sys/poll.js';
import type {EmbeddedServer} from './embedded-server.js';

/**
 * A contained server that this process started before anybody asked for one, and which serves one mount. It is what a mount would have
 * started: the same sandbox, limits and user id of its own, and it holds nothing but its end of the conversation. It ends when this process does.
 */
export class HeldServer {
  protected readonly server: EmbeddedServer;
  readonly #type: string;
  readonly #policy: ServerPolicy;
  #taken = false;

  /** @param policy what it was started with */
  constructor(server: EmbeddedServer, type: string, policy: ServerPolicy) {
    this.server = server;
    this.#type = type;
    this.#policy = policy;
  }

  get pid(): number | undefined {
    return this.server.pid;
  }

  /** Our end of the conversation: can be read when the server has ended, for one that waits says nothing. */
  get fd(): number {
    return this.server.socket.fd;
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
    return this.server;
  }
}
