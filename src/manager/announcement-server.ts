import {mkdirSync, rmSync} from 'node:fs';
import {connect, createServer, type Server, type Socket} from 'node:net';
import {Type} from 'typebox';
import {Compile} from 'typebox/compile';
import {FrameError, FrameReader} from '../control/frame.js';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {flockFd, O_CREAT, O_NOFOLLOW, O_RDWR, type OwnedFd, openFd} from '../sys/fd.js';
import {connectStream, listenStream} from '../sys/socket.js';
import type {Announcement} from './announcement.js';
import type {FdKeeper} from './fd-keeper.js';
import type {ManagerLog} from './log.js';

const Id = Type.Integer({minimum: 0});
const Text = Type.String({maxLength: 8192});
const schema = Compile(
  Type.Union([
    Type.Object({
      event: Type.Union([Type.Literal('mounted'), Type.Literal('unmounted')]),
      connectionId: Id,
      mountId: Id,
    }),
    Type.Object({
      event: Type.Literal('denied'),
      source: Text,
      target: Text,
      code: Text,
      errno: Type.Optional(Text),
      message: Text,
      callerUid: Type.Optional(Id),
      rule: Type.Optional(Type.Object({file: Text, line: Id})),
    }),
  ]),
);

/**
 * Announcements are one frame and done; a connection that stays open longer is closed. What waited for a manager that was being started
 * is read when that has time for it, which on a busy machine is seconds after it was accepted.
 */
const PATIENCE_MS = 10_000;
/** How long the backlog of a socket that was kept may be full for a look at whether it lives. */
const LOOK_MS = 200;
const MOST_CONNECTIONS = 64;

/** Another manager runs with the same directory. */
export class ManagerRunsError extends Error {}

const NAME = 'announcements';

/**
 * The socket on which commands announce mounts, and with it the proof that this is the only manager of its directory. With a keeper
 * the socket outlives the manager: what is announced meanwhile waits for the next.
 */
export class AnnouncementServer {
  readonly #server: Server;
  readonly #lock: OwnedFd;
  readonly #path: string;
  readonly #isKept: boolean;

  /**
   * Listens in a directory of root's, which is made when it is missing. A socket that a killed manager left is replaced: the lock
   * beside it is the kernel's and went with that process.
   * @throws ManagerRunsError when a manager holds the directory; Errno
   */
  static async create(
    directory: string,
    onAnnouncement: (announcement: Announcement) => void,
    {log, keeper}: {log: ManagerLog; keeper?: FdKeeper | undefined},
  ): Promise<AnnouncementServer> {
    mkdirSync(directory, {recursive: true, mode: 0o755});
    const lock = openFd(`${directory}/manager.lock`, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    try {
      flockFd(lock.fd, {exclusive: true, nonBlocking: true});
    } catch (error) {
      lock.close();
      if (errnoOf(error) !== ERRNO.EAGAIN) throw error;
      throw new ManagerRunsError(`a manager runs already: it holds ${directory}/manager.lock`);
    }
    const path = `${directory}/manager.sock`;
    const server = createServer((socket) => receive(socket, onAnnouncement, log));
    server.maxConnections = MOST_CONNECTIONS;
    try {
      const listener = keptListener(path, keeper?.take(NAME)) ?? newListener(path);
      keeper?.store(NAME, listener.fd);
      await listen(server, listener);
      return new AnnouncementServer(server, lock, path, keeper !== undefined);
    } catch (error) {
      server.close();
      lock.close();
      throw error;
    }
  }

  private constructor(server: Server, lock: OwnedFd, path: string, isKept: boolean) {
    this.#server = server;
    this.#lock = lock;
    this.#path = path;
    this.#isKept = isKept;
  }

  /** Whether somebody who connects now is attended to within `withinMs`. */
  answers(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.#path);
      // Ended without a word; the other side is closed in answer.
      socket.once('connect', () => socket.end());
      socket.once('end', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.setTimeout(withinMs, () => {
        resolve(false);
        socket.destroy();
      });
      socket.resume();
    });
  }

  /** Stops listening, removes a socket that nobody keeps and lets another manager in. Idempotent. */
  close(): void {
    if (this.#lock.closed) return;
    this.#server.close();
    if (!this.#isKept) rmSync(this.#path, {force: true});
    this.#lock.close();
  }
}

/** What was kept, if it is still what is at `path`: with the lock in our hands nobody else can listen there. */
function keptListener(path: string, kept: OwnedFd | undefined): OwnedFd | undefined {
  if (kept === undefined) return undefined;
  try {
    connectStream(path, {timeoutMs: LOOK_MS}).close();
  } catch (error) {
    // Full is not dead.
    if (errnoOf(error) !== ERRNO.ETIMEDOUT) {
      kept.close();
      return undefined;
    }
  }
  return kept;
}

function newListener(path: string): OwnedFd {
  rmSync(path, {force: true});
  return listenStream(path, 0o600);
}

function listen(server: Server, listener: OwnedFd): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({fd: listener.release()}, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function receive(
  socket: Socket,
  onAnnouncement: (announcement: Announcement) => void,
  log: ManagerLog,
): void {
  const reader = new FrameReader();
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    try {
      const [message] = reader.push(bytes);
      if (message === undefined) return;
      if (schema.Check(message)) onAnnouncement(message as Announcement);
      else log.warn({}, 'an announcement that is none was dropped');
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      log.warn({code: error.code}, 'an announcement that is none was dropped');
    }
    socket.destroy();
  });
}
