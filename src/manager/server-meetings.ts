import {type Containment, type Held, heldOf, withDescriptors} from '../launch/containment.js';
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

/**
 * What a mount command tells of the server of a mount that is still being made: at first which process it is, when that has locked itself down; then
 * where it can be reached, when it serves.
 */
export interface ServerNews extends Partial<ProcessName> {
  readonly controlSocket?: string;
}

/**
 * Meets servers by the paths of their sockets. One answers managers from the moment that it has its mount: it can be asked
 * while the mount command still tries the mount, attaches it and notes it. How it is held is looked at before that, when it is locked down and
 * asks for its image: that takes longer than the rest, and nothing of it changes any more but its descriptors, which are looked at once it serves.
 */
export class ServerMeetings {
  readonly #early = new Map<string, Meeting>();
  /** By process. */
  readonly #seen = new Map<number, Held>();
  readonly #users: Aged<ProcessUsers>;

  /** @param users who runs under which user id */
  constructor(users: Aged<ProcessUsers>) {
    this.#users = users;
  }

  /** Looks at the server of a mount that is being made, or meets it. What is no path of a control socket is left alone. */
  hear({controlSocket, pid, start}: ServerNews): void {
    if (controlSocket === undefined) {
      const seen = this.#lookAt(pid, start);
      if (seen !== undefined) this.#seen.set(seen.pid, seen);
    } else if (CONTROL_SOCKET.test(controlSocket) && !this.#early.has(controlSocket)) {
      // It is reached while it is looked at.
      const link = new ServerLink(controlSocket);
      this.#early.set(controlSocket, {link, containment: this.#containment(pid, start)});
    }
  }

  /** The meeting with a server, which is its caller's from then on; undefined for a path that is none of a control socket. */
  take(controlSocket: string): Meeting | undefined {
    const early = this.#early.get(controlSocket);
    this.#early.delete(controlSocket);
    if (early !== undefined || !CONTROL_SOCKET.test(controlSocket)) return early;
    return {link: new ServerLink(controlSocket), containment: undefined};
  }

  /** Forgets a server, and ends the way to it where no mount took that. Idempotent. */
  drop({controlSocket, pid}: ServerNews): void {
    if (pid !== undefined) this.#seen.delete(pid);
    if (controlSocket === undefined) return;
    this.#early.get(controlSocket)?.link.close();
    this.#early.delete(controlSocket);
  }

  #lookAt(pid: number | undefined, start: string | undefined): Held | undefined {
    if (pid === undefined) return undefined;
    const seen = ifThere(() => heldOf(pid, () => this.#users.get(USERS_MS)));
    return seen?.start === start ? seen : undefined;
  }

  #containment(pid: number | undefined, start: string | undefined): Containment | undefined {
    const known = pid === undefined ? undefined : this.#seen.get(pid);
    const held = known?.start === start ? known : this.#lookAt(pid, start);
    if (held === undefined) return undefined;
    this.#seen.delete(held.pid);
    return ifThere(() => withDescriptors(held));
  }
}

/** What becomes of the mount of a server that has ended is the mount command's to tell. */
function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
