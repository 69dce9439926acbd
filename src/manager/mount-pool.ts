import type {OwnedFd} from '../sys/fd.js';
import type {ManagerLog} from './log.js';
import type {PoolView} from './model.js';
import {WaitingCommand} from './waiting-command.js';

/** What of a pool is told. */
type Counts = {-readonly [K in 'used' | 'failed']: PoolView[K]};

/** The waiting commands of one type. */
interface Kind extends Counts {
  wanted: number;
  readonly waiting: Set<WaitingCommand>;
  /** Failures since one last became ready. */
  inARow: number;
  /** When the next may start, ms of `performance.now()`. */
  notBefore: number;
}

/** How long after one was used the next is started: the mount that took it comes first. */
const REFILL_MS = 500;
/** The first wait after one that failed, doubled with each that follows it, and the longest. */
const BACK_OFF_MS = 1_000;
const LONGEST_BACK_OFF_MS = 60_000;
/** How long one may take to start. */
const START_MS = 45_000;

/**
 * Keeps mount commands started and waiting, as many for each type as policy says (`server.pool`), each used once. One is started at a
 * time, since starting takes the machine from mounts that are there; those that fail are tried again after longer and longer waits.
 */
export class MountPool {
  readonly #kinds = new Map<string, Kind>();
  readonly #log: ManagerLog;
  readonly #policyWords: () => readonly string[];
  readonly #onReady: (serverPid: number) => void;
  #starting: {command: WaitingCommand; timer: NodeJS.Timeout} | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param onReady gets the process of a server that has begun to wait */
  constructor({
    log,
    policyWords,
    onReady,
  }: {
    log: ManagerLog;
    policyWords: () => readonly string[];
    onReady: (serverPid: number) => void;
  }) {
    this.#log = log;
    this.#policyWords = policyWords;
    this.#onReady = onReady;
  }

  /** Ends all that wait, since they were started by another policy, and keeps as many for each type as told from now on. */
  renew(wanted: ReadonlyMap<string, number>): void {
    this.#dismissAll();
    for (const kind of this.#kinds.values()) Object.assign(kind, {wanted: 0, inARow: 0, notBefore: 0});
    for (const [type, count] of wanted) {
      const kind = this.#kinds.get(type);
      if (kind !== undefined) kind.wanted = count;
      else if (count > 0) {
        this.#kinds.set(type, {
          ...{wanted: count, waiting: new Set(), used: 0, failed: 0},
          ...{inARow: 0, notBefore: 0},
        });
      }
    }
    this.#fill();
  }

  /**
   * Has a waiting command of a type do an order.
   * @param fds as for `WaitingCommand.order`
   * @returns the command; undefined when none could
   */
  use(type: string, words: readonly string[], fds: readonly OwnedFd[]): WaitingCommand | undefined {
    const kind = this.#kinds.get(type);
    for (const command of kind?.waiting ?? []) {
      if (command.state !== 'ready') continue;
      kind!.waiting.delete(command);
      kind!.notBefore = Math.max(kind!.notBefore, performance.now() + REFILL_MS);
      this.#fill();
      if (!command.order(words, fds)) continue;
      kind!.used++;
      return command;
    }
    return undefined;
  }

  view(): PoolView[] {
    return [...this.#kinds].map(([type, {wanted, waiting, used, failed}]) => {
      const ready = [...waiting].filter(({state}) => state === 'ready');
      return {
        type,
        wanted,
        ready: ready.length,
        starting: waiting.size - ready.length,
        used,
        failed,
        servers: ready.flatMap(({serverPid}) => (serverPid === undefined ? [] : [serverPid])),
      };
    });
  }

  /** Ends all that wait. Idempotent. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#dismissAll();
  }

  #dismissAll(): void {
    clearTimeout(this.#starting?.timer);
    this.#starting = undefined;
    for (const {waiting} of this.#kinds.values()) {
      for (const command of waiting) command.dismiss();
      waiting.clear();
    }
  }

  /** Starts the next that is wanted, now or when its time comes. */
  #fill(): void {
    clearTimeout(this.#timer);
    if (this.#closed || this.#starting !== undefined) return;
    const short = [...this.#kinds].filter(([, {wanted, waiting}]) => waiting.size < wanted);
    short.sort(([, a], [, b]) => a.notBefore - b.notBefore);
    const [next] = short;
    if (next === undefined) return;
    const [type, kind] = next;
    const wait = kind.notBefore - performance.now();
    if (wait <= 0) this.#start(type, kind);
    else this.#timer = setTimeout(() => this.#fill(), wait).unref();
  }

  #start(type: string, kind: Kind): void {
    let command: WaitingCommand;
    try {
      command = new WaitingCommand(type, this.#policyWords(), (changed) => this.#changed(changed, kind));
    } catch (error) {
      this.#failed(type, kind, String(error));
      this.#fill();
      return;
    }
    kind.waiting.add(command);
    const timer = setTimeout(() => {
      command.dismiss();
      this.#changed(command, kind);
    }, START_MS);
    this.#starting = {command, timer: timer.unref()};
  }

  #changed(command: WaitingCommand, kind: Kind): void {
    if (this.#starting?.command === command) {
      clearTimeout(this.#starting.timer);
      this.#starting = undefined;
    }
    if (command.state === 'ready') {
      kind.inARow = 0;
      if (command.serverPid !== undefined) this.#onReady(command.serverPid);
    } else if (kind.waiting.delete(command)) this.#failed(command.type, kind, 'it ended');
    this.#fill();
  }

  #failed(type: string, kind: Kind, reason: string): void {
    kind.failed++;
    kind.notBefore =
      performance.now() + Math.min(LONGEST_BACK_OFF_MS, BACK_OFF_MS * 2 ** Math.min(kind.inARow, 16));
    kind.inARow++;
    this.#log.warn({type, reason, failures: kind.inARow}, 'a server of the pool is gone');
  }
}
