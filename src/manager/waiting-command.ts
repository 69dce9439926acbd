import {type ChildProcess, spawn} from 'node:child_process';
import type {OwnedFd} from '../sys/fd.js';
import {receivePacket, sendPacket, seqpacketPair} from '../sys/socket.js';
import {type ReadableWatch, watchReadable} from '../sys/watch.js';
import {COMMAND_ENVIRONMENT, programWords} from './command-runner.js';
import {encodeOrder, LONGEST_READY, readReady} from './pool-protocol.js';

/**
 * A mount command that was started before there was anything to mount. It has its code loaded and a server of its own that waits, and does one
 * order. Both end when this socket is closed, which the kernel does for a manager that is killed.
 */
export class WaitingCommand {
  readonly type: string;
  readonly child: ChildProcess;
  readonly #channel: OwnedFd;
  readonly #watch: ReadableWatch;
  #serverPid: number | undefined;
  #state: 'starting' | 'ready' | 'gone' = 'starting';

  /**
   * @param policyWords options that tell which policy holds
   * @param changed called when it is ready or gone, at most once each; not after `take` or `dismiss`
   * @throws Errno
   */
  constructor(type: string, policyWords: readonly string[], changed: (command: WaitingCommand) => void) {
    this.type = type;
    const [ours, theirs] = seqpacketPair();
    using given = theirs;
    this.#channel = ours;
    this.child = spawn(process.execPath, programWords(['wait-for-order', `--type=${type}`, ...policyWords]), {
      cwd: '/',
      // As other commands of the manager: a signal from the daemon's terminal is not meant for them.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', given.fd],
      env: COMMAND_ENVIRONMENT,
    });
    const leave = (): void => {
      if (this.#state === 'gone') return;
      this.#leave();
      changed(this);
    };
    this.child.once('error', leave);
    this.child.once('exit', leave);
    this.#watch = watchReadable(ours.fd, () => {
      const wasStarting = this.#state === 'starting';
      if (this.#hear() && wasStarting) changed(this);
      else leave();
    });
  }

  get state(): 'starting' | 'ready' | 'gone' {
    return this.#state;
  }

  /** The process of its server, as it says itself. */
  get serverPid(): number | undefined {
    return this.#serverPid;
  }

  /**
   * Gives it what to do. It is its caller's from then on.
   * @param fds what it gets along, one at most; still the caller's to close
   * @returns false when it can't do that any more
   */
  order(words: readonly string[], fds: readonly OwnedFd[]): boolean {
    const packet = encodeOrder(words);
    if (this.#state !== 'ready' || packet === undefined || fds.length > 1) return false;
    this.#state = 'gone';
    this.#watch.close();
    try {
      sendPacket(
        this.#channel.fd,
        packet,
        fds.map(({fd}) => fd),
        {timeoutMs: 0},
      );
      return true;
    } catch {
      this.child.kill('SIGKILL');
      return false;
    } finally {
      this.#channel.close();
    }
  }

  /** Ends it and its server. */
  dismiss(): void {
    if (this.#state !== 'gone') this.#leave();
  }

  /** Its one word. @returns false when there is none, or another one */
  #hear(): boolean {
    try {
      const buffer = new Uint8Array(LONGEST_READY);
      const {length} = receivePacket(this.#channel.fd, buffer, {timeoutMs: 0});
      if (length === 0 || this.#state !== 'starting') return false;
      this.#serverPid = readReady(buffer.subarray(0, length)).serverPid;
      this.#state = 'ready';
      return true;
    } catch {
      return false;
    }
  }

  #leave(): void {
    this.#state = 'gone';
    this.#watch.close();
    this.#channel.close();
    // While it starts it does not look at its socket.
    this.child.kill('SIGKILL');
  }
}
