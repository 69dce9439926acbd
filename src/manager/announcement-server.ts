import {chmodSync, mkdirSync, rmSync} from 'node:fs';
import {createServer, type Server, type Socket} from 'node:net';
import {Type} from 'typebox';
import {Compile} from 'typebox/compile';
import {FrameError, FrameReader} from '../control/frame.js';
import {Errno, errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {flockFd, O_CREAT, O_NOFOLLOW, O_RDWR, type OwnedFd, openFd} from '../sys/fd.js';
import type {Announcement} from './announcement.js';
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

/** Announcements are one frame and done; a connection that stays open longer is closed. */
const PATIENCE_MS = 1_000;
const MOST_CONNECTIONS = 64;

/** Another manager runs with the same directory. */
export class ManagerRunsError extends Error {}

/** The socket on which commands announce mounts, and with it the proof that this is the only manager of its directory. */
export class AnnouncementServer {
  readonly #server: Server;
  readonly #lock: OwnedFd;

  /**
   * Listens in a directory of root's, which is made when it is missing. A socket that a killed manager left is replaced: the lock
   * beside it is the kernel's and went with that process.
   * @throws ManagerRunsError when a manager holds the directory; Errno
   */
  static async create(
    directory: string,
    onAnnouncement: (announcement: Announcement) => void,
    {log}: {log: ManagerLog},
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
      rmSync(path, {force: true});
      await listen(server, path);
      return new AnnouncementServer(server, lock);
    } catch (error) {
      server.close();
      lock.close();
      throw error;
    }
  }

  private constructor(server: Server, lock: OwnedFd) {
    this.#server = server;
    this.#lock = lock;
  }

  /** Stops listening, removes the socket and lets another manager in. Idempotent. */
  close(): void {
    if (this.#lock.closed) return;
    this.#server.close();
    this.#lock.close();
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new Errno(errnoOf(error), 'listen', path)));
    // The socket takes its permissions from the mask at the moment of the bind, which is within this call.
    const mask = process.umask(0o177);
    try {
      server.listen(path, () => {
        chmodSync(path, 0o600);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
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
