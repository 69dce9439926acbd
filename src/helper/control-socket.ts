import {chmodSync, lstatSync, mkdirSync, rmSync} from 'node:fs';
import {dirname} from 'node:path';
import {Errno} from '../sys/errno.js';
import type {OwnedFd} from '../sys/fd.js';
import {randomBytes} from '../sys/random.js';
import {listenStream} from '../sys/socket.js';

const NAME_BYTES = 8;

/**
 * The socket on which a server that is locked down later can be reached: bound here, with our rights, and given to the server
 * as a listening descriptor, with which it can take connections and nothing else. Only root gets through its directory.
 */
export class ControlSocket {
  readonly #directory: string;
  #path: string | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Where it is; undefined until the server asked for it. */
  get path(): string | undefined {
    return this.#path;
  }

  /** Makes the socket, once; the caller passes the descriptor on and closes it. @throws Errno EBUSY the second time */
  listen(): OwnedFd {
    if (this.#path !== undefined) throw new Errno('EBUSY', 'listen', this.#path);
    ensureDirectory(this.#directory);
    const name = Buffer.from(randomBytes(NAME_BYTES)).toString('hex');
    const path = `${this.#directory}/${name}.sock`;
    const fd = listenStream(path, 0o600);
    this.#path = path;
    return fd;
  }

  /** Takes the socket out of the file system. Idempotent. */
  remove(): void {
    if (this.#path !== undefined) rmSync(this.#path, {force: true});
  }
}

/** A directory that only we may enter. @throws Errno EPERM when it is somebody else's or no directory */
function ensureDirectory(directory: string): void {
  mkdirSync(dirname(directory), {recursive: true, mode: 0o755});
  mkdirSync(directory, {recursive: true, mode: 0o700});
  const {uid, mode} = lstatSync(directory);
  const isDirectory = (mode & 0o170000) === 0o040000;
  if (!isDirectory || uid !== process.geteuid?.()) throw new Errno('EPERM', 'listen', directory);
  if ((mode & 0o777) !== 0o700) chmodSync(directory, 0o700);
}
