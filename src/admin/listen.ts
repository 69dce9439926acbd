import type {Server} from 'node:http';
import {listenOnPassedSocket} from './activation.js';
import type {Admin} from './routes/plugin.js';
import {listenOnTcp, type TcpOptions} from './tcp-listener.js';
import {ADMIN_SOCKET, listenOnPath} from './unix-listener.js';

export interface ListenOptions {
  /** Default /run/fuseward/admin.sock. */
  readonly socketPath?: string;
  /** Who may use the socket besides root: a group by name or number; default `fuseward` if it exists. */
  readonly socketGroup?: string;
  /** Listens on descriptor 3, a unix stream socket that systemd passed, instead of a path. */
  readonly passed?: boolean;
  /** Listens on TCP too. */
  readonly tcp?: TcpOptions;
}

/** How long requests may take to their end once the API closes, in milliseconds. */
const GRACE_MS = 2_000;

/**
 * Opens the admin API to callers: on the socket that systemd passed, or one of its own, and on TCP if asked for. Closing
 * `admin` closes the listeners and removes the socket that was made here.
 *
 * @returns addresses for people: a path, `systemd`, or a URL
 * @throws Error, a sentence; then nothing listens
 */
export async function listenAdmin(admin: Admin, opts: ListenOptions): Promise<{addresses: string[]}> {
  await admin.ready();
  try {
    const addresses = [await listenOnSocket(admin, opts)];
    if (opts.tcp !== undefined) {
      const {server, url} = await listenOnTcp(admin, opts.tcp);
      admin.closers.push(() => closeGently(server));
      addresses.push(url);
    }
    return {addresses};
  } catch (error) {
    await admin.close();
    throw error;
  }
}

async function listenOnSocket(admin: Admin, opts: ListenOptions): Promise<string> {
  const {server, closers} = admin;
  if (opts.passed === true) {
    await listenOnPassedSocket(server);
    closers.push(() => closeGently(server));
    return 'systemd';
  }
  const path = opts.socketPath ?? ADMIN_SOCKET;
  const remove = await listenOnPath(server, path, opts.socketGroup);
  closers.push(() => {
    remove();
    return closeGently(server);
  });
  return path;
}

/** Takes no more connections, waits for the requests there are, and cuts off what is left when the time is over. */
function closeGently(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
