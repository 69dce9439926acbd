import type {Resolver} from 'node:dns/promises';
import {createServer, type Server, type Socket} from 'node:net';
import type {RelayListener} from '../control/relay-plan.js';
import {Destination} from './destination.js';
import {joinSockets} from './passage.js';

/** Connections at once, of all listeners together. */
export const MOST_CONNECTIONS = 1024;
/** How long one direction may be closed while nothing comes through the other. */
const HALF_OPEN_MS = 300_000;

/** What a relay tells. */
export interface RelayEvents {
  /** A connection was not taken, because there are too many, or its destination did not answer. */
  failed(destination: string, reason: string): void;
}

/**
 * Takes connections from listening sockets and joins each with one of its own to where that socket leads, and to nowhere else: no byte
 * that comes through has a say in it.
 */
export class Relay {
  readonly #events: RelayEvents;
  readonly #limits: {readonly connections: number; readonly halfOpenMs: number};
  readonly #servers: Server[] = [];
  #connections = 0;

  constructor(
    events: RelayEvents,
    limits: {connections: number; halfOpenMs: number} = {
      connections: MOST_CONNECTIONS,
      halfOpenMs: HALF_OPEN_MS,
    },
  ) {
    this.#events = events;
    this.#limits = limits;
  }

  /** Connections that are there now. */
  get connections(): number {
    return this.#connections;
  }

  /** Serves a listening socket from now on. @throws Error when it is none */
  async serve(listener: RelayListener, resolver: Resolver | undefined): Promise<void> {
    const destination = new Destination(listener, resolver);
    // Not read before there is somebody to read for.
    const server = createServer({allowHalfOpen: true, pauseOnConnect: true}, (socket) => {
      void this.#taken(socket, destination);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({fd: listener.fd}, resolve);
    });
    server.removeAllListeners('error');
    server.on('error', (error) => this.#events.failed(destination.name, codeOf(error)));
    this.#servers.push(server);
  }

  /** Takes no more connections; those that are there go on. */
  close(): void {
    for (const server of this.#servers) server.close();
  }

  async #taken(inner: Socket, destination: Destination): Promise<void> {
    // It may be reset while its destination is looked for.
    inner.on('error', () => {});
    if (this.#connections >= this.#limits.connections) {
      this.#events.failed(destination.name, 'too many connections');
      inner.resetAndDestroy();
      return;
    }
    this.#connections++;
    let outer: Socket;
    try {
      outer = await destination.connect();
    } catch (error) {
      this.#connections--;
      this.#events.failed(destination.name, codeOf(error));
      inner.resetAndDestroy();
      return;
    }
    if (inner.destroyed) {
      this.#connections--;
      outer.destroy();
      return;
    }
    joinSockets(inner, outer, this.#limits, () => {
      this.#connections--;
    });
  }
}

function codeOf(error: unknown): string {
  return String((error as {code?: unknown}).code ?? error);
}
