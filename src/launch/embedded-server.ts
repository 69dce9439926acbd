import {fstatSync} from 'node:fs';
import type {OwnedFd} from '../sys/fd.js';
import {processState} from '../sys/process.js';
import {reap} from '../sys/spawn.js';
import {boundLog, readLogEnd} from './log-memfd.js';
import {processesWith, serversAmong, startedBy} from './sandbox-processes.js';

/** How long a process may take to stop that is told to. */
const STOP_MS = 100;

/** A program of ours; one of others, which may be several processes and starts them; or such a one that our adapter starts. */
export type Whose = 'own' | 'foreign' | 'adapted';

/** A contained server that this process started. */
export class EmbeddedServer {
  /** Our end of the conversation with it. */
  readonly socket: OwnedFd;
  /** The user id that it alone runs under. */
  readonly uid: number;
  readonly #monitor: number;
  readonly #log: OwnedFd;
  readonly #info: OwnedFd;
  #pid: number | undefined;

  /** Whether it is a program of others, which the first process of the sandbox starts and which may be several. */
  readonly isForeign: boolean;
  /** How many filters of system calls it has from its start, before what holds it (`first-filter.ts`). */
  readonly firstFilters: number;
  /** What else is to be done when a program of others has its mount. */
  onSettled: () => void = () => {};

  /** @param monitor the process of bubblewrap outside the sandbox, which ends when the program does that it started */
  constructor(
    {socket, uid, monitor, whose}: {socket: OwnedFd; uid: number; monitor: number; whose: Whose},
    {log, info}: {log: OwnedFd; info: OwnedFd},
  ) {
    this.socket = socket;
    this.uid = uid;
    this.isForeign = whose !== 'own';
    this.firstFilters = whose === 'foreign' ? 0 : 1;
    this.#monitor = monitor;
    this.#log = log;
    this.#info = info;
  }

  /**
   * The id of the sandbox's first process, or undefined while bubblewrap has not started it yet. A server of ours is that process; with it
   * everything else in the sandbox ends.
   */
  get pid(): number | undefined {
    if (this.#pid === undefined && !this.#info.closed) {
      const match = /"child-pid":\s*(\d+)/.exec(readLogEnd(this.#info.fd));
      this.#pid = match ? Number(match[1]) : undefined;
    }
    return this.#pid;
  }

  /** The end of what it and bubblewrap wrote to standard error: untrusted text. */
  readLog(): string {
    return this.#log.closed ? '' : readLogEnd(this.#log.fd);
  }

  /** Bytes that it and bubblewrap have written to standard error. */
  get logBytes(): number {
    return this.#log.closed ? 0 : fstatSync(this.#log.fd).size;
  }

  /**
   * Its program runs. Ends bubblewrap's process outside the sandbox, which has nothing to do any more but to wait for the one inside, and which is in the mount
   * namespace of whoever mounts: a mount in there would last as long as its server, and that as long as the mount, when all others have
   * left (ip-netns(8), unshare(1), units with mounts of their own).
   */
  unwatch(): void {
    if (this.pid !== undefined) this.#signal(this.#monitor, 'SIGKILL');
  }

  /** It has its mount. What a program of others says from now on has an end. */
  settle(): void {
    reap(this.#monitor);
    if (!this.isForeign) return;
    if (!this.#log.closed) boundLog(this.#log);
    this.onSettled();
  }

  /**
   * Lets go of its log, of which nothing more is known here then; the server goes on. For processes that live longer than a
   * mount takes.
   */
  close(): void {
    void this.pid;
    this.#log.close();
    this.#info.close();
  }

  /**
   * The processes that answer for a mount: of a program of others those in the sandbox that hold its fuse device, the oldest
   * first, or all that the sandbox's first process started where a relay has the device. Of a server of ours it is itself.
   */
  serving(connection: number | undefined): number[] {
    const {pid} = this;
    if (pid === undefined) return [];
    if (!this.isForeign) return [pid];
    const started = processesWith(pid, this.uid).filter((each) => each !== pid);
    if (connection !== undefined) return serversAmong([pid, ...started], connection);
    return started.length === 0 ? [pid] : started;
  }

  /** Whether nothing of it runs any more. May be passed on as a function. */
  readonly exited = (): boolean => !this.#runs(this.#monitor) && !this.#runs(this.pid ?? this.#monitor);

  /** Ends it at once, and nobody who got one of its ids after it. */
  kill(): void {
    const first = this.pid ?? this.#startedUnseen();
    for (const each of [first, this.#monitor]) if (each !== undefined) this.#signal(each, 'SIGKILL');
  }

  /**
   * The sandbox's first process where bubblewrap has made it and not told yet: it waits for a word of bubblewrap's, and would wait for ever.
   * Bubblewrap is stopped, so that none comes after the look.
   */
  #startedUnseen(): number | undefined {
    this.#signal(this.#monitor, 'SIGSTOP');
    for (const end = performance.now() + STOP_MS; this.#runs(this.#monitor, 'T'); ) {
      if (performance.now() > end) break;
    }
    return this.pid ?? startedBy(this.#monitor, this.uid)[0];
  }

  #signal(pid: number, signal: 'SIGKILL' | 'SIGSTOP'): void {
    try {
      if (this.#runs(pid)) process.kill(pid, signal);
    } catch {
      // It ended meanwhile.
    }
  }

  /**
   * Whether this process of it runs and doesn't only wait to be reaped. An id alone may be another's by now; the user id is its own.
   * @param but further states of proc_pid_status(5) that don't count as running
   */
  #runs(pid: number, but = ''): boolean {
    try {
      const {state, uids} = processState(pid);
      // Nobody waits for it, so that its id is not another's before this.
      if (state === 'Z' && pid === this.#monitor) reap(pid);
      return uids[0] === this.uid && !`ZX${but}`.includes(state);
    } catch {
      return false;
    }
  }
}
