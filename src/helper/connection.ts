import type {Deadline} from '../service/deadline.js';
import {MIN_SEND_BUFFER} from '../service/magic.js';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import type {OwnedFd} from '../sys/fd.js';
import {sendBufferSize, setPassRights} from '../sys/socket.js';
import {type Cleanup, eventually} from './cleanup.js';
import {MountError} from './errors.js';

/** A connected server. */
export interface Connection {
  /** SEQPACKET; the helper owns it from now on. */
  socket: OwnedFd;
  /** `socket`: a running service; `embedded`: started for this mount, with `server` to supervise it. */
  kind: 'socket' | 'embedded';
  server?: StartedServer;
  /** It was told hello already (`sayHello`). */
  greeted?: boolean;
  /** A running service that is policy's command, a program of others. */
  unit?: ServingUnit;
}

/** A unit that waits for what belongs to the mount. */
export interface ServingUnit {
  /** Its name and user id, once they are known. */
  readonly place: {name: string; uid: number} | undefined;
  /**
   * Gives it everything, once its first process has answered.
   * @returns what that process may ask for; they stay the unit's
   * @throws MountError
   */
  furnish(process: {pid: number | undefined; uid: number | undefined}): Promise<ReadonlyMap<string, OwnedFd>>;
  /** Its processes that hold the fuse device of a connection, the oldest first; all of them where another has that. */
  serving(connection: number | undefined): number[];
  readLog(): string;
  /** Its mount works. */
  settle(): void;
  kill(): void;
  exited(): boolean;
  close(): void;
}

/** A server that was started for a mount. */
export interface StartedServer {
  readonly pid: number | undefined;
  /** A program of others, which may be several processes: `pid` is what they all end with. */
  readonly isForeign?: boolean;
  /** Filters of system calls that it has from its start. */
  readonly firstFilters?: number;
  readLog(): string;
  /** Its mount is made: it needs nobody to wait for it. */
  unwatch?(): void;
  /** Its mount works. */
  settle?(): void;
  kill(): void;
  exited(): boolean;
  /** Its processes that hold the fuse device of a connection, the oldest first; all of them where another has that. */
  serving?(connection: number | undefined): number[];
}

/** What a server is wanted for. */
export interface ServerNeeds {
  readonly source:
    | {
        readonly kind: 'file' | 'block' | 'directory';
        readonly path: string;
        readonly fd: OwnedFd;
        readonly given: boolean;
      }
    | {readonly kind: 'name'; readonly path: string};
  readonly readOnly: boolean;
  readonly callerUid: number;
  readonly callerGid: number;
  readonly target: 'directory' | 'file';
}

/** Gives a server for a subtype (undefined: one that finds out); undefined when there is none. */
export type Connect = (
  subtype: string | undefined,
  needs: ServerNeeds,
) => Connection | undefined | Promise<Connection | undefined>;

/** How long a killed server may take to be gone. */
export const KILL_MS = 2000;
/** How long a failed server may take for its last words. */
const LAST_WORDS_MS = 300;

/**
 * Reaches a server before the deadline. What it started is ended again if the mount fails.
 *
 * @throws MountError `no-driver` (exit code 2), `connect`, `deadline`
 */
export async function connectServer(
  object: string,
  subtype: string | undefined,
  connect: () => ReturnType<Connect>,
  {cleanup, deadline}: {cleanup: Cleanup; deadline: Deadline},
): Promise<Connection> {
  let connection: Connection | undefined;
  try {
    const connecting = Promise.resolve(connect());
    const first = await before(deadline, connecting);
    if (first === 'late') {
      connecting.then(drop, () => {});
      throw new MountError(
        {object, reason: 'the server did not start in time', code: 'deadline'},
        {errno: ERRNO.ETIMEDOUT},
      );
    }
    connection = first;
  } catch (error) {
    if (error instanceof MountError) throw error;
    const reason = `the server can't be reached: ${error instanceof Error ? error.message : String(error)}`;
    throw new MountError({object, reason, code: 'connect'}, {errno: errnoOf(error), cause: error});
  }
  if (connection === undefined) {
    throw noDriver(object, subtype);
  }
  const {server, unit, socket} = connection;
  const started = server ?? unit;
  if (started !== undefined) {
    cleanup.onFailure('end server', async () => {
      started.kill();
      if (!(await eventually(() => started.exited(), KILL_MS))) {
        throw new Error(`${server === undefined ? 'its unit' : `process ${server.pid}`} is still there`);
      }
    });
  }
  if (unit !== undefined) cleanup.closing("close what the server's unit was given", unit);
  cleanup.closing('close socket', socket);
  if (sendBufferSize(socket.fd) < MIN_SEND_BUFFER) {
    throw new MountError(
      {object, reason: `the socket's send buffer is below ${MIN_SEND_BUFFER} bytes`, code: 'no-driver'},
      {errno: ERRNO.ENOBUFS, exitCode: 2},
    );
  }
  setPassRights(socket.fd, false);
  return connection;
}

/** Nobody serves the type. */
export function noDriver(object: string, subtype: string | undefined): MountError {
  const reason = `there is no safe file system driver for ${subtype ?? 'an unnamed type'}`;
  return new MountError({object, reason, code: 'no-driver'}, {errno: ERRNO.ENODEV, exitCode: 2});
}

/** Gets rid of a server that nobody waits for any more. */
function drop(connection: Connection | undefined): void {
  connection?.server?.kill();
  connection?.socket.close();
}

/** The log of a server that failed; it gets a moment to end, because its last lines tell most. */
export async function lastWords({server, unit}: Connection): Promise<string | undefined> {
  const started = server ?? unit;
  if (started === undefined) return undefined;
  await eventually(() => started.exited(), LAST_WORDS_MS);
  return started.readLog();
}

/** What a promise brings, or `late` when the deadline comes first. */
export async function before<T>(deadline: Deadline, promise: Promise<T>): Promise<T | 'late'> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, deadline.left, 'late');
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
