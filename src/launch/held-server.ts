import {isDeepStrictEqual} from 'node:util';
import type {ServerPolicy} from '../policy/index.js';
import type {OwnedFd} from '../sys/fd.js';
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
  #greeted = false;

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

  /** Whether it is for this type and was started with exactly these settings. How many are to wait makes no difference to the one. */
  fits(type: string, policy: ServerPolicy): boolean {
    return type === this.#type && isDeepStrictEqual({...policy, pool: 0}, {...this.#policy, pool: 0});
  }

  /** Whether it was told hello. */
  get greeted(): boolean {
    return this.#greeted;
  }

  /** Tells it hello, once, and not where a mount has it. @param say throws when it is gone, of which `take` tells */
  greet(say: (socket: OwnedFd) => void): void {
    if (this.#greeted || this.#taken) return;
    try {
      say(this.server.socket);
      this.#greeted = true;
    } catch {
      // Nobody waits for its answer.
    }
  }

  /** The server, once: if it fits, and runs. */
  take(type: string, policy: ServerPolicy): EmbeddedServer | undefined {
    if (this.#taken || !this.fits(type, policy) || this.#hasEnded()) return undefined;
    this.#taken = true;
    return this.server;
  }

  #hasEnded(): boolean {
    // One that waits says nothing: what can be read is its end, or its answer to the hello.
    return waitReadable(this.fd, 0) && (!this.#greeted || this.server.exited());
  }
}
