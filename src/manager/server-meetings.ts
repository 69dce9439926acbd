import {type Containment, containmentOf} from '../launch/containment.js';
import {RUN_DIRECTORY} from '../launch/lock.js';
import type {ProcessUsers} from '../launch/process-users.js';
import type {Aged} from './aged.js';
import type {ProcessName} from './process-name.js';
import {ServerLink} from './server-link.js';

/** How old what is known of other processes may be. */
const USERS_MS = 1_000;
/** Where the mount command puts control sockets, and nobody else but root may. */
const CONTROL_SOCKET = new RegExp(`^${RUN_DIRECTORY}/control/[0-9a-f]{16}\\.sock$`);

/** The way to a server, and what was seen of it when it was met early. */
export interface Meeting {
  readonly link: ServerLink;
  readonly containment: Containment | undefined;
}

/** A server that serves a mount which is still being made. */
export interface ServingServer extends Partial<ProcessName> {
  readonly controlSocket: string;
}

/**
 * Meets servers by the paths of their sockets. One answers managers from the moment that it has its mount: it can be asked and looked at
 * while the mount command still tries the mount, attaches it and notes it.
 */
export class ServerMeetings {
  readonly #early = new Map<string, Meeting>();
  readonly #users: Aged<ProcessUsers>;

  /** @param users who runs under which user id */
  constructor(users: Aged<ProcessUsers>) {
    this.#users = users;
  }

  /** A mount command is at work: finds out, while there is nothing else to do, who runs under which user id, a good part of a look at its server. */
  expect(): void {
    setImmediate(() => {
      try {
        this.#users.get(0);
      } catch {
        // Who looks for himself is told.
      }
    });
  }

  /** Meets the server of a mount that is being made. What is no path of a control socket is left alone. */
  begin({controlSocket, pid, start}: ServingServer): void {
    if (!CONTROL_SOCKET.test(controlSocket) || this.#early.has(controlSocket)) return;
    // It is reached while it is looked at.
    const link = new ServerLink(controlSocket);
    const seen = pid === undefined ? undefined : containmentIfThere(pid, () => this.#users.get(USERS_MS));
    this.#early.set(controlSocket, {link, containment: seen?.start === start ? seen : undefined});
  }

  /** The meeting with a server, which is its caller's from then on; undefined for a path that is none of a control socket. */
  take(controlSocket: string): Meeting | undefined {
    const early = this.#early.get(controlSocket);
    this.#early.delete(controlSocket);
    if (early !== undefined || !CONTROL_SOCKET.test(controlSocket)) return early;
    return {link: new ServerLink(controlSocket), containment: undefined};
  }

  /** Ends one that no mount took. */
  drop(controlSocket: string | undefined): void {
    if (controlSocket === undefined) return;
    this.#early.get(controlSocket)?.link.close();
    this.#early.delete(controlSocket);
  }
}

function containmentIfThere(pid: number, users: () => ProcessUsers): Containment | undefined {
  try {
    return containmentOf(pid, users);
  } catch {
    // It is gone: what becomes of its mount is the mount command's to tell.
    return undefined;
  }
}
