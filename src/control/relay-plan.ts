/**
 * What the launcher tells a network relay, as the one argument of its program. Both sides are ours and the launcher is the one that is
 * trusted, so the relay takes it as it is.
 */

/** One listening socket of the sandbox, and where what arrives there goes. */
export interface RelayListener {
  /** TCP, listening in the sandbox's network namespace. */
  readonly fd: number;
  /** The granted name or address, for the log and for asking name servers. */
  readonly host: string;
  readonly port: number;
  /** Addresses to try, in this order; of a name, those that it had at the start, used when no name server answers. */
  readonly addresses: readonly string[];
  /** Whether name servers are asked for `host` whenever a connection comes. */
  readonly ask: boolean;
}

/** The work of one relay. */
export interface RelayPlan {
  readonly listeners: readonly RelayListener[];
  /** A descriptor of the sandbox's first process: when that has ended, nothing of the sandbox is left. */
  readonly watch: number;
  /** Addresses of name servers, as resolv.conf(5) has them. */
  readonly nameServers: readonly string[];
  /** A datagram socket that is connected to the system's log. */
  readonly log?: number;
}

/** What a relay says over its descriptor 3 once it is locked down and serves. */
export const RELAY_READY = 'ready';
