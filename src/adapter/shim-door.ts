import {accessSync, chmodSync, constants, writeFileSync} from 'node:fs';
import {MountRefusal} from '../server/driver.js';
import {log} from '../server/log.js';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {type OwnedFd, setNonBlocking} from '../sys/fd.js';
import {acceptConnection, listenSeqpacket, receivePacket, sendPacket} from '../sys/socket.js';
import type {Door} from './door.js';
import {type OneMount, Refused} from './one-mount.js';
import {decodeQuestion, encodeAnswer, LARGEST_QUESTION} from './shim-packets.js';
import {sortWishes} from './wishes.js';

/** Callers that may be connected at once; one more is turned away. */
const MOST_CALLERS = 8;
/** How long somebody may take to take an answer for which there is always room, ms. */
const ANSWER_MS = 100;

/** The names under which programs look for it: libfuse 3's, and everybody else's. */
const NAMES = ['fusermount3', 'fusermount'];

/**
 * fusermount as a program finds it: stand-ins in `directory`, which has to be first on its PATH, and a socket beside them on which
 * they ask. Whoever is in the sandbox may connect, and say whatever he likes.
 */
export class ShimDoor implements Door {
  readonly name = 'fusermount';
  readonly #mount: OneMount;
  readonly #listener: OwnedFd;
  readonly #callers = new Map<number, OwnedFd>();
  readonly #buffer = new Uint8Array(LARGEST_QUESTION);

  /**
   * @param directory the program's user may write there, and it lies in memory
   * @param shim the words that run the stand-in, before the socket's path, its own name and the arguments
   * @throws Errno, or Node's error, where the directory can't be written to or the words can't be run
   */
  constructor(mount: OneMount, {directory, shim}: {directory: string; shim: readonly string[]}) {
    this.#mount = mount;
    // A Node that the sandbox was given as a descriptor alone can't be started again by its path.
    accessSync(shim[0]!, constants.X_OK);
    const socket = `${directory}/.adapter`;
    this.#listener = listenSeqpacket(socket, 0o600);
    setNonBlocking(this.#listener.fd);
    const words = [...shim, socket].map(quoted).join(' ');
    for (const name of NAMES) {
      const path = `${directory}/${name}`;
      writeFileSync(path, `#!/bin/sh\nexec ${words} ${name} "$@"\n`, {mode: 0o555, flag: 'wx'});
      chmodSync(path, 0o555);
    }
  }

  readonly fds = (): readonly number[] => [this.#listener.fd, ...this.#callers.keys()];

  serve(fd: number): void {
    if (fd === this.#listener.fd) this.#accept();
    else this.#answer(fd);
  }

  close(): void {
    this.#listener.close();
    for (const caller of this.#callers.values()) caller.close();
    this.#callers.clear();
  }

  #accept(): void {
    let caller: OwnedFd;
    try {
      caller = acceptConnection(this.#listener.fd);
    } catch (error) {
      if (errnoOf(error) === ERRNO.EAGAIN || errnoOf(error) === ERRNO.ECONNABORTED) return;
      throw error;
    }
    if (this.#callers.size < MOST_CALLERS) this.#callers.set(caller.fd, caller);
    else caller.close();
  }

  /** One question, one answer, and nobody is listened to twice. */
  #answer(fd: number): void {
    using caller = this.#callers.get(fd);
    if (caller === undefined) return;
    this.#callers.delete(fd);
    try {
      this.#reply(fd);
    } catch (error) {
      // What can go wrong with a caller is the caller's; what ends the mount is not.
      if (error instanceof MountRefusal || !isOfCaller(error)) throw error;
    }
  }

  #reply(fd: number): void {
    const {length, fds, truncated} = receivePacket(fd, this.#buffer, {timeoutMs: 0});
    for (const stray of fds) stray.close();
    const question = truncated ? undefined : decodeQuestion(this.#buffer.subarray(0, length));
    if (question === undefined) return;
    const wishes = sortWishes(question.options);
    try {
      const device = this.#mount.request(wishes, question.target);
      log('info', {options: question.options.join(',').slice(0, 200)}, 'the program asks by fusermount');
      sendPacket(fd, encodeAnswer({unsafe: wishes.unsafe}), [device], {timeoutMs: ANSWER_MS});
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      sendPacket(fd, encodeAnswer({unsafe: wishes.unsafe, refused: error.message}), [], {
        timeoutMs: ANSWER_MS,
      });
    }
  }
}

const OF_CALLER: readonly number[] = [
  ERRNO.EPIPE,
  ERRNO.ECONNRESET,
  ERRNO.ETIMEDOUT,
  ERRNO.EAGAIN,
  ERRNO.ENOTCONN,
];

function isOfCaller(error: unknown): boolean {
  return OF_CALLER.includes(errnoOf(error)) && 'call' in (error as object);
}

/** A word for sh(1). */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
