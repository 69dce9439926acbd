import {rmSync} from 'node:fs';
import {basename} from 'node:path';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {closeAll, type OwnedFd, setNonBlocking} from '../sys/fd.js';
import {hasHungUp} from '../sys/poll.js';
import {
  acceptConnection,
  listenSeqpacket,
  peerCredentials,
  peerGroups,
  receivePacket,
  sendPacket,
  setPassRights,
} from '../sys/socket.js';
import {type ReadableWatch, watchReadable} from '../sys/watch.js';
import type {Clock} from './clock.js';
import {FairTurns} from './fair-turns.js';
import type {ManagerLog} from './log.js';
import {type RateLimit, RequestRate} from './request-rate.js';
import {
  encodeUserPacket,
  LONGEST_USER_PACKET,
  USER_SOCKET,
  type UserAnswer,
  type UserFailure,
  type UserRequest,
} from './user-protocol.js';
import {readUserRequest} from './user-schema.js';

/** Who is at the other end, by the kernel's word, as of the moment of the connection. */
export interface UserCaller {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** Carries out what users ask for. */
export interface UserService {
  /**
   * @param connection taken over and closed, or left open for `answer`
   * @returns what to answer; undefined when somebody else does it over the connection
   */
  handle(request: UserRequest, caller: UserCaller, connection: OwnedFd): Promise<UserAnswer | undefined>;
}

/** What one user, and all of them together, may take of the manager. */
export interface UserLimits {
  /** Connections that are open or wait. */
  readonly connections: number;
  readonly connectionsPerUser: number;
  /** Requests that are carried out at a time; of one user it is one. */
  readonly atOnce: number;
  /**
   * Age from which a request keeps nobody but its own user waiting. Some can't be ended by anything: closing a file of a FUSE server asks that
   * server, which may be the user's.
   */
  readonly longMs: number;
  readonly rate: RateLimit;
  /** From the connection to the end of the request's packet. */
  readonly patienceMs: number;
}

export const USER_LIMITS: UserLimits = {
  connections: 128,
  connectionsPerUser: 16,
  atOnce: 4,
  longMs: 10_000,
  rate: {burst: 64, perSecond: 8},
  patienceMs: 2_000,
};

/** Connections taken in one go, so that a flood of them leaves the event loop its other work. */
const ACCEPTED_AT_ONCE = 16;
/** How long the door stays shut when the process has no descriptor left for a connection. */
const OUT_OF_FDS_MS = 200;

interface Visitor {
  readonly connection: OwnedFd;
  readonly caller: UserCaller;
  watch: ReadableWatch | undefined;
  timer: NodeJS.Timeout | undefined;
}

const failure = (code: string, errno: string, message: string): {error: UserFailure} => ({
  error: {code, errno, message},
});
const TOO_MANY = failure('too-many', 'EAGAIN', "can't take the request: too many of yours are under way");
const CROWDED = failure('too-many', 'EAGAIN', "can't take the request: the manager has too many of them");
const NOT_ROOT = failure('is-root', 'EINVAL', "can't take the request: root needs nobody to mount");
const MALFORMED = failure('bad-request', 'EPROTO', "can't take the request: it is none that is known here");

/**
 * The socket that every user of the machine may connect to. Whoever connects is taken for hostile:
 *
 * - The first packet comes without descriptors (SO_PASSRIGHTS off, which connections take from the listening socket; Linux 6.16): closing somebody
 *   else's file can wait for him, a FUSE server or a lingering socket, so the manager never holds one.
 * - Nothing here waits: a silent connection has two seconds, an answer that does not fit into the buffer is not sent.
 * - One user has a few connections and one request at a time, and the turns go round.
 */
export class UserDoor {
  readonly #listener: OwnedFd;
  readonly #service: UserService;
  readonly #limits: UserLimits;
  readonly #log: ManagerLog;
  readonly #rate: RequestRate;
  readonly #turns: FairTurns<number>;
  readonly #visitors = new Set<Visitor>();
  readonly #buffer = new Uint8Array(LONGEST_USER_PACKET);
  readonly #watch: ReadableWatch;
  #reopening: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param listener a listening SEQPACKET socket; closed by `close` */
  constructor(
    listener: OwnedFd,
    service: UserService,
    {log, clock, limits = USER_LIMITS}: {log: ManagerLog; clock: Clock; limits?: UserLimits},
  ) {
    this.#listener = listener;
    this.#service = service;
    this.#limits = limits;
    this.#log = log;
    this.#rate = new RequestRate(limits.rate, () => clock.monotonic());
    this.#turns = new FairTurns(limits.atOnce, limits.longMs);
    if (!setPassRights(listener.fd, false)) {
      log.warn({}, 'this kernel can not keep descriptors away from the socket for users (Linux 6.16 can)');
    }
    setNonBlocking(listener.fd);
    this.#watch = watchReadable(listener.fd, () => this.#accept());
  }

  /** Takes no more requests; those under way go on. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#reopening);
    this.#watch.close();
    this.#listener.close();
    for (const visitor of this.#visitors) if (visitor.watch !== undefined) this.#dismiss(visitor);
  }

  #accept(): void {
    for (let taken = 0; taken < ACCEPTED_AT_ONCE; taken++) {
      let connection: OwnedFd;
      try {
        connection = acceptConnection(this.#listener.fd);
      } catch (error) {
        const errno = errnoOf(error);
        // ECONNABORTED: it went away while it waited.
        if (errno === ERRNO.ECONNABORTED) continue;
        if (errno !== ERRNO.EAGAIN) this.#pause(error);
        return;
      }
      try {
        this.#receive(connection);
      } catch (error) {
        connection.close();
        this.#log.warn({error: String(error)}, "a user's connection was dropped");
      }
    }
  }

  #pause(error: unknown): void {
    this.#log.warn({error: String(error)}, 'no connection of users can be taken for a moment');
    this.#watch.pause();
    this.#reopening = setTimeout(() => this.#watch.resume(), OUT_OF_FDS_MS);
  }

  /** A connection that is too much is told so; it has nothing in it that closing could wait for. */
  #receive(connection: OwnedFd): void {
    setPassRights(connection.fd, false);
    const {uid, gid} = peerCredentials(connection.fd);
    const refusal = this.#refusal(uid);
    if (refusal !== undefined) {
      answer(connection, refusal);
      connection.close();
      return;
    }
    const caller = {uid, gid, groups: peerGroups(connection.fd)};
    const visitor: Visitor = {connection, caller, watch: undefined, timer: undefined};
    visitor.watch = watchReadable(connection.fd, () => this.#read(visitor));
    visitor.timer = setTimeout(() => this.#dismiss(visitor), this.#limits.patienceMs);
    this.#visitors.add(visitor);
  }

  #refusal(uid: number): UserAnswer | undefined {
    // A program of root's that was talked into connecting here should not lend its name.
    if (uid === 0) return NOT_ROOT;
    const his = [...this.#visitors].filter(({caller}) => caller.uid === uid).length;
    if (his >= this.#limits.connectionsPerUser || !this.#rate.admits(uid)) return TOO_MANY;
    return this.#visitors.size >= this.#limits.connections ? CROWDED : undefined;
  }

  #read(visitor: Visitor): void {
    const {connection} = visitor;
    let request: UserRequest | undefined;
    try {
      const packet = receivePacket(connection.fd, this.#buffer, {timeoutMs: 0});
      closeAll(packet.fds);
      if (packet.length === 0) {
        this.#dismiss(visitor);
        return;
      }
      const isWhole = !packet.truncated && !packet.controlTruncated;
      request = isWhole ? readUserRequest(this.#buffer.subarray(0, packet.length)) : undefined;
    } catch (error) {
      if (errnoOf(error) !== ERRNO.ETIMEDOUT) this.#dismiss(visitor);
      return;
    }
    this.#endWatch(visitor);
    if (request === undefined) {
      answer(connection, MALFORMED);
      this.#dismiss(visitor);
      return;
    }
    void this.#carryOut(request, visitor);
  }

  async #carryOut(request: UserRequest, visitor: Visitor): Promise<void> {
    const {connection, caller} = visitor;
    try {
      await this.#turns.run(caller.uid, async () => {
        // Somebody who went away while he waited wants nothing any more.
        if (this.#closed || hasHungUp(connection.fd)) return;
        const reply = await this.#service.handle(request, caller, connection);
        if (reply !== undefined) answer(connection, reply);
      });
    } catch (error) {
      const text = error instanceof Error ? error.stack : String(error);
      this.#log.error({uid: caller.uid, error: text}, "a user's request failed");
      if (!connection.closed) {
        answer(connection, failure('internal', 'EIO', "can't do that: the manager failed; its log says why"));
      }
    } finally {
      this.#dismiss(visitor);
    }
  }

  #endWatch(visitor: Visitor): void {
    clearTimeout(visitor.timer);
    visitor.watch?.close();
    visitor.watch = undefined;
  }

  #dismiss(visitor: Visitor): void {
    this.#endWatch(visitor);
    this.#visitors.delete(visitor);
    visitor.connection.close();
  }
}

/**
 * Listens on `mount.sock` in a directory that root alone can write to. What an earlier manager left there is replaced: whoever calls this has proved
 * to be the only manager. @throws Errno
 */
export function listenForUsers(directory: string): OwnedFd {
  removeUserSocket(directory);
  return listenSeqpacket(pathIn(directory), 0o666);
}

/** Takes the socket of a manager away that does not listen any more. */
export function removeUserSocket(directory: string): void {
  rmSync(pathIn(directory), {force: true});
}

function pathIn(directory: string): string {
  return `${directory}/${basename(USER_SOCKET)}`;
}

/** Sends what fits into the connection's buffer now; whoever does not read, or is gone, goes without. */
function answer(connection: OwnedFd, reply: UserAnswer): void {
  try {
    sendPacket(connection.fd, encodeUserPacket(reply), [], {timeoutMs: 0});
  } catch {
    // His loss.
  }
}
