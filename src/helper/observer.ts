import {
  decodeReady,
  encodeObserverPacket,
  HAND_PACKET,
  isBegun,
  OBSERVER_PACKET,
} from '../control/observer.js';
import type {Deadline} from '../service/deadline.js';
import {Errno, errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import type {OwnedFd} from '../sys/fd.js';
import {
  receivePacket,
  sendPacket,
  seqpacketPair,
  setPassRights,
  setSendBufferSize,
  waitReadable,
} from '../sys/socket.js';
import {type Cleanup, eventually} from './cleanup.js';
import {KILL_MS} from './connection.js';
import type {ControlSocket} from './control-socket.js';
import {MountError} from './errors.js';
import {serverLogOf} from './failure.js';
import {type ProcessName, processName} from './serving-process.js';

/** A relay that was started contained. */
export interface RelayProcess {
  /** Our end of the conversation with it. */
  readonly socket: OwnedFd;
  readonly pid: number | undefined;
  readLog(): string;
  /** It does what it was started for, and needs nobody to wait for it. */
  unwatch(): void;
  kill(): void;
  exited(): boolean;
  /** Lets go of its log. */
  close(): void;
}

/**
 * Bytes that may be on their way in each direction. The kernel counts what packets take up with all that belongs to them; a request
 * or an answer with the most data takes about 150 KiB.
 */
const SOCKET_BYTES = 2 * 2 ** 20;
/** How long the first request may take from the kernel to the server's socket. */
const BEGIN_MS = 5_000;
/** How long the event loop may stand still while the relay starts. */
const SLICE_MS = 10;

/**
 * The relay of a mount: it holds the fuse device, and the server one end of a socket to it that looks like a fuse device. See
 * `control/observer.ts` for what is said to it.
 */
export class Observer {
  readonly #relay: RelayProcess;
  readonly #object: string;
  readonly #serverEnd: OwnedFd;
  #name: ProcessName | undefined;

  private constructor(relay: RelayProcess, object: string, serverEnd: OwnedFd) {
    this.#relay = relay;
    this.#object = object;
    this.#serverEnd = serverEnd;
  }

  /**
   * Starts a relay and gives it what it needs. It is ended again if the mount fails.
   * @throws MountError `observe`
   */
  static start(
    object: string,
    start: () => RelayProcess,
    {
      fuseDevice,
      controlSocket,
      cleanup,
    }: {fuseDevice: OwnedFd; controlSocket: ControlSocket | undefined; cleanup: Cleanup},
  ): Observer {
    try {
      const relay = start();
      cleanup.closing('close relay', relay);
      cleanup.closing('close socket of the relay', relay.socket);
      cleanup.onFailure('end relay', async () => {
        relay.kill();
        if (!(await eventually(() => relay.exited(), KILL_MS))) {
          throw new Error(`process ${relay.pid} is still there`);
        }
      });
      const [serverEnd, relayEnd] = seqpacketPair();
      cleanup.closing('close server end of the relay', serverEnd);
      using ours = relayEnd;
      for (const end of [serverEnd, ours]) {
        setSendBufferSize(end.fd, SOCKET_BYTES);
        // Closing a descriptor may wait for whoever sent it.
        setPassRights(end.fd, false);
      }
      using listener = controlSocket?.listen();
      const given = [fuseDevice.fd, ours.fd, ...(listener === undefined ? [] : [listener.fd])];
      sendPacket(relay.socket.fd, HAND_PACKET, given);
      return new Observer(relay, object, serverEnd);
    } catch (error) {
      throw failure(object, error instanceof Error ? error.message : String(error), error);
    }
  }

  /** The process, once it is ready. */
  get name(): ProcessName | undefined {
    return this.#name;
  }

  /** What the server gets as its fuse device. To be closed once it has it: the relay then sees the server's end. */
  get serverEnd(): OwnedFd {
    return this.#serverEnd;
  }

  /** Waits until it has locked itself down. @throws MountError `observe`, `deadline` */
  async ready(deadline: Deadline): Promise<void> {
    const {fd} = this.#relay.socket;
    // Ends: each round waits, and there is a deadline.
    while (!waitReadable(fd, Math.min(SLICE_MS, deadline.left))) {
      if (deadline.passed) {
        throw new MountError(
          {object: this.#object, reason: 'the relay did not start in time', code: 'deadline'},
          {errno: ERRNO.ETIMEDOUT},
        );
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (decodeReady(this.#received()) === undefined) {
      await eventually(() => this.#relay.exited(), KILL_MS);
      throw failure(this.#object, 'the relay ended before it was ready', undefined, this.#relay.readLog());
    }
    this.#name = processName(this.#relay.pid);
  }

  /**
   * The mount exists, as this type: the relay reads requests from now on, and outlives us. When this returns the first is waiting
   * for the server, as it is promised one whose mount is made. @throws Errno ETIMEDOUT; ECONNRESET when it is gone
   */
  begin(type: string): void {
    const {fd} = this.#relay.socket;
    sendPacket(fd, encodeObserverPacket({do: 'begin', type}));
    if (!isBegun(this.#received(BEGIN_MS))) throw new Errno('ECONNRESET', 'relay', this.#object);
    this.#relay.unwatch();
  }

  #received(timeoutMs?: number): Uint8Array {
    const packet = new Uint8Array(OBSERVER_PACKET);
    const waiting = timeoutMs === undefined ? {} : {timeoutMs};
    try {
      return packet.subarray(0, receivePacket(this.#relay.socket.fd, packet, waiting).length);
    } catch (error) {
      if (errnoOf(error) === ERRNO.ECONNRESET) return packet.subarray(0, 0);
      throw error;
    }
  }
}

function failure(object: string, what: string, cause: unknown, log?: string): MountError {
  const reason = `policy wants it observed (server.observe), but ${what}`;
  return new MountError(
    {object, reason, code: 'observe'},
    {errno: errnoOf(cause), details: serverLogOf(log), ...(cause === undefined ? {} : {cause})},
  );
}
