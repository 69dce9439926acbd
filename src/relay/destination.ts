import type {Resolver} from 'node:dns/promises';
import {connect, type Socket} from 'node:net';
import type {RelayListener} from '../control/relay-plan.js';

/** For one address. A peer that drops what it is sent would keep the program waiting for minutes otherwise. */
const CONNECT_MS = 15_000;
const MOST_ADDRESSES = 8;
/** Answers of name servers are used again for as long as they say, within this. */
const LONGEST_TTL_S = 300;

/** Connects to one address. @throws the error of the attempt */
function connectTo(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({host, port, allowHalfOpen: true});
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new Error('no answer'), {code: 'ETIMEDOUT'}));
    }, CONNECT_MS);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/** Where one listening socket leads. */
export class Destination {
  readonly #plan: RelayListener;
  readonly #resolver: Resolver | undefined;
  #known: {readonly until: number; readonly addresses: readonly string[]} | undefined;
  #asking: Promise<readonly string[]> | undefined;

  /** @param resolver undefined where no name server is asked */
  constructor(plan: RelayListener, resolver: Resolver | undefined) {
    this.#plan = plan;
    this.#resolver = plan.ask ? resolver : undefined;
  }

  get name(): string {
    const {host, port} = this.#plan;
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }

  /** Connects to the first of its addresses that answers. @throws the error of the last attempt */
  async connect(): Promise<Socket> {
    let failure: unknown = Object.assign(new Error('no address is known'), {code: 'ENOTFOUND'});
    for (const address of await this.#addresses()) {
      try {
        return await connectTo(address, this.#plan.port);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async #addresses(): Promise<readonly string[]> {
    const resolver = this.#resolver;
    if (resolver === undefined) return this.#plan.addresses;
    if (this.#known !== undefined && performance.now() < this.#known.until) return this.#known.addresses;
    this.#asking ??= this.#ask(resolver).finally(() => {
      this.#asking = undefined;
    });
    return await this.#asking;
  }

  /** Both families are asked at once; without an answer it is what was known before. */
  async #ask(resolver: Resolver): Promise<readonly string[]> {
    const {host, addresses} = this.#plan;
    const answers = await Promise.allSettled([
      resolver.resolve4(host, {ttl: true}),
      resolver.resolve6(host, {ttl: true}),
    ]);
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (found.length === 0) return this.#known?.addresses ?? addresses;
    const seconds = Math.min(LONGEST_TTL_S, ...found.map(({ttl}) => ttl));
    this.#known = {
      until: performance.now() + seconds * 1000,
      addresses: found.slice(0, MOST_ADDRESSES).map(({address}) => address),
    };
    return this.#known.addresses;
  }
}
