import {type FSWatcher, watch} from 'node:fs';
import type {CloseReason, ServerState} from '../control/index.js';
import type {Containment} from '../launch/containment.js';
import type {MountRecord} from '../launch/mount-record.js';
import {expectedOf, lookAtServer, type ServerLook, sealOf} from '../launch/seal.js';
import type {Expected} from '../launch/seal-judges.js';
import type {Policy} from '../policy/index.js';
import {loopAttachment} from '../sys/loop.js';
import type {MountEntry} from '../sys/mount-info.js';
import {Aged} from './aged.js';
import type {Clock} from './clock.js';
import type {FuseMount} from './fuse-mounts.js';
import {abortFile, kernelConnection} from './fusectl.js';
import {healthOf, isLost, SlowRequestFilter} from './health.js';
import {LastWords} from './last-words.js';
import type {Health, KernelConnection, ServerUseView} from './model.js';
import {isAlive, type ProcessName} from './process-name.js';
import {Progress} from './progress.js';
import {Samples} from './samples.js';
import type {ServerLink} from './server-link.js';
import type {ServerMeetings} from './server-meetings.js';
import {type ProcessLooks, serverProcesses} from './server-processes.js';
import {ServerUse} from './server-use.js';
import type {RequestTracer} from './tracing/request-tracer.js';

/** What of the policy concerns a mount that runs. */
export type WatchPolicy = Pick<
  Policy,
  'onServerDeath' | 'slowRequestMs' | 'unresponsiveMs' | 'requestDeadlineMs' | 'containment'
>;

/** What a mount tells the registry. */
export interface MountEvents {
  healthChanged(mount: WatchedMount, before: Health): void;
  slowRequest(mount: WatchedMount, state: ServerState): void;
  breach(mount: WatchedMount, reason: CloseReason): void;
  disconnected(mount: WatchedMount, reason: CloseReason): void;
  aborted(mount: WatchedMount): void;
}

/** The mount table, the servers and the silence of servers are looked at this often. */
export const TICK_MS = 500;

/** Which processes a server has is looked for this often at most. */
const PROCESSES_MS = 2_000;
/** A server that can't be asked and always has requests waiting has them traced after so long, and for so long, to see whether it answers any. */
const SUSPICIOUS_MS = 10_000;
const SUSPECTED_MS = 2_000;

/** One FUSE connection and all that is watched of it. */
export class WatchedMount {
  /** Name in the API: the connection's number. */
  readonly id: string;
  readonly connection: number;
  readonly policy: WatchPolicy;
  /** Somebody takes it away by an order, so that its end is no accident. */
  leaving = false;
  /** What its server was asked once a second. */
  readonly samples: Samples;
  /** It was lost already when the manager came. */
  stale = false;
  readonly #clock: Clock;
  readonly #events: MountEvents;
  readonly #slow = new SlowRequestFilter();
  /** Who waits for the first judgement. */
  readonly #whenJudged: Array<() => void> = [];
  #mount: FuseMount;
  #record: MountRecord | undefined;
  #server: ProcessName | undefined;
  #lastWords: LastWords | undefined;
  #serverGone = false;
  #aborted = false;
  #health: Health = 'unknown';
  #link: ServerLink | undefined;
  #loop: {readonly device: string; readonly attachment: string} | undefined;
  #abortWatch: FSWatcher | undefined;
  readonly #looks: ProcessLooks;
  readonly #tracer: Pick<RequestTracer, 'want' | 'answersOf'>;
  readonly #meetings: Pick<ServerMeetings, 'take'>;
  readonly #progress = new Progress();
  readonly #use = new ServerUse();
  #look: {readonly at: number; readonly value: ServerLook} | undefined;
  readonly #kernel: Aged<KernelConnection | undefined>;
  readonly #processes: Aged<readonly number[]>;
  readonly #process: Aged<ServerUseView | undefined>;

  constructor(
    mount: FuseMount,
    opts: {record: MountRecord | undefined; policy: WatchPolicy},
    {
      clock,
      events,
      looks,
      tracer,
      meetings,
    }: {
      clock: Clock;
      events: MountEvents;
      looks: ProcessLooks;
      tracer: Pick<RequestTracer, 'want' | 'answersOf'>;
      meetings: Pick<ServerMeetings, 'take'>;
    },
  ) {
    this.id = String(mount.connection);
    this.connection = mount.connection;
    this.policy = opts.policy;
    this.#mount = mount;
    this.#clock = clock;
    this.samples = new Samples(clock);
    const now = () => clock.monotonic();
    this.#kernel = new Aged(() => kernelConnection(this.connection), now);
    this.#processes = new Aged(() => (this.server ? serverProcesses(this.server.pid, looks) : []), now);
    this.#process = new Aged(() => this.#use.read(this.#processes.get(PROCESSES_MS)), now);
    this.#events = events;
    this.#looks = looks;
    this.#tracer = tracer;
    this.#meetings = meetings;
    this.#watchAbort();
    if (opts.record !== undefined) this.adopt(opts.record);
  }

  /** The place it was mounted at first, or the first that is left. */
  get entry(): MountEntry {
    const {entries} = this.#mount;
    return entries.find(({id}) => id === this.#record?.mountId) ?? entries[0];
  }

  /** Every place it is mounted at, in the order of the mount table. */
  get places(): readonly MountEntry[] {
    return this.#mount.entries;
  }

  get target(): string {
    return this.entry.target;
  }

  get record(): MountRecord | undefined {
    return this.#record;
  }

  get health(): Health {
    return this.#health;
  }

  /** The process that serves it, while that is known and runs. */
  get server(): ProcessName | undefined {
    return this.#serverGone ? undefined : this.#server;
  }

  /** The last process that is known to have served it. */
  get lastServer(): ProcessName | undefined {
    return this.#server;
  }

  get link(): ServerLink | undefined {
    return this.#link;
  }

  /** Its loop device and what was attached to it when the mount was found. */
  get loop(): {readonly device: string; readonly attachment: string} | undefined {
    return this.#loop;
  }

  /** Requests that the kernel waits for. @param maxAgeMs how old the answer may be */
  waiting(maxAgeMs: number): number | undefined {
    return this.#kernel.get(maxAgeMs)?.waiting;
  }

  /** What the kernel shows of the connection. @param maxAgeMs how old the answer may be */
  kernel(maxAgeMs: number): KernelConnection | undefined {
    return this.#kernel.get(maxAgeMs);
  }

  /** What the server has used, with all its processes. @param maxAgeMs how old the answer may be */
  process(maxAgeMs: number): ServerUseView | undefined {
    return this.server === undefined ? undefined : this.#process.get(maxAgeMs);
  }

  /** The forbidden system call for which its server ended, by the server's own word. */
  get forbiddenCall(): string | undefined {
    return this.#lastWords?.forbiddenCall();
  }

  /** Whether this is still the mount that the table shows under the connection's number, which is used again. */
  isStill(mount: FuseMount, record: MountRecord | undefined): boolean {
    if (this.#record !== undefined && record !== undefined) {
      return this.#record.since === record.since && this.#record.serverPid === record.serverPid;
    }
    const known = new Set(this.#mount.entries.map(({id}) => id));
    return mount.entries.some(({id}) => known.has(id));
  }

  /** Takes the table's new state of the same mount. */
  update(mount: FuseMount): void {
    this.#mount = mount;
  }

  /** Takes the record of a mount of ours and opens the way to its server. */
  adopt(record: MountRecord): void {
    this.#record = record;
    const {serverPid: pid, serverStart: start, controlSocket, loopDevice: device} = record;
    const attachment = device === undefined ? undefined : loopAttachment(device);
    if (device !== undefined && attachment !== undefined) this.#loop = {device, attachment};
    if (pid !== undefined && start !== undefined) {
      this.#server = {pid, start};
      this.#serverGone = !isAlive(this.#server);
      this.#listenTo(pid);
    }
    if (controlSocket === undefined || this.#serverGone) return;
    const met = this.#meetings.take(controlSocket);
    if (met?.containment !== undefined) this.#saw(met.containment);
    this.#link = met?.link;
    this.#link?.listen({
      breach: (reason) => this.#events.breach(this, reason),
      lost: (reason) => this.#events.disconnected(this, reason),
      answered: (state) => this.#answered(state),
    });
    // It may have been asked while the mount was made.
    if (this.#link?.answered === true) this.judge();
  }

  /** Whether somebody has to look which process serves this mount. */
  get wantsServer(): boolean {
    return this.#server === undefined && !isLost(this.#health);
  }

  /**
   * Looks whether the server still runs.
   * @param holder which process serves the connection by the kernel's word; asked only when it matters
   */
  checkServer(holder: () => ProcessName | undefined): void {
    if (this.#server === undefined || this.#serverGone || isAlive(this.#server)) return;
    // One that puts itself into the background goes on in a child.
    const other = holder();
    if (other === undefined) this.#serverGone = true;
    else this.foundServer(other);
  }

  /** Whether the server's process runs at this moment, whatever was found before. */
  isServerAlive(): boolean {
    return this.server !== undefined && isAlive(this.server);
  }

  foundServer(server: ProcessName): void {
    this.#server = server;
    this.#serverGone = false;
    this.#look = undefined;
    this.#listenTo(server.pid);
  }

  /** Asks the server how it is, or if it is one that can't be asked, looks whether it gets on with its requests. */
  tick(): void {
    if (this.#link === undefined) this.#watchProgress();
    else this.#link.tick();
  }

  #watchProgress(): void {
    const now = this.#clock.monotonic();
    const progress = this.#progress;
    const waiting = this.waiting(0);
    const answers = this.#tracer.answersOf(this.connection);
    progress.look(now, {waiting, answers, activity: () => this.#activity()});
    const {slowRequestMs} = this.policy;
    if (progress.waitingMs(now) > Math.min(slowRequestMs, SUSPICIOUS_MS))
      void this.#tracer.want(this.connection, SUSPECTED_MS);
    const oldestMs = progress.stalledMs(now) ?? 0;
    if (oldestMs > slowRequestMs && this.#slow.tells(now, oldestMs)) {
      const queueDepth = waiting ?? 0;
      this.#events.slowRequest(this, {oldestMs, queueDepth, held: 0, frozen: false, shutDown: false});
    }
  }

  #activity(): number | undefined {
    const use = this.process(0);
    return use && use.voluntarySwitches + use.involuntarySwitches + use.cpuSeconds;
  }

  /**
   * How long somebody has waited for an answer, milliseconds: by the word of the server, or as long as it has been silent, or has got no
   * further, while the kernel waits for it.
   */
  get overdueMs(): number {
    const link = this.#link;
    if (link === undefined) return this.#progress.stalledMs(this.#clock.monotonic()) ?? 0;
    const silentMs = link.silentTicks * TICK_MS;
    const isSilent = silentMs > this.policy.unresponsiveMs && (this.waiting(TICK_MS) ?? 0) > 0;
    return Math.max(isSilent ? silentMs : 0, link.state?.oldestMs ?? 0);
  }

  /** Judges anew, and tells when the judgement is another one. */
  judge(): void {
    const link = this.#link;
    const before = this.#health;
    this.#health = healthOf(
      {
        aborted: this.#aborted,
        serverAlive: this.#server === undefined ? undefined : !this.#serverGone,
        canAsk: link !== undefined,
        answered: link?.answered ?? false,
        silentMs: (link?.silentTicks ?? 0) * TICK_MS,
        oldestRequestMs: link?.state?.oldestMs ?? 0,
        stalledMs: this.#progress.stalledMs(this.#clock.monotonic()),
      },
      {slowMs: this.policy.slowRequestMs, hungMs: this.policy.unresponsiveMs},
    );
    if (this.#health === before) return;
    for (const tell of this.#whenJudged.splice(0)) tell();
    if (isLost(this.#health)) this.#link?.close();
    this.#events.healthChanged(this, before);
  }

  /** Waits until it is known how it is, or `withinMs` are over. */
  async judgedWithin(withinMs: number): Promise<void> {
    if (this.#health !== 'unknown') return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#whenJudged.push(resolve);
      timer = setTimeout(resolve, withinMs);
    });
    clearTimeout(timer);
  }

  /** How the server is held, judged; looked at again when the last look is older than `maxAgeMs`. Undefined without a server. */
  look(maxAgeMs: number): ServerLook | undefined {
    const {server} = this;
    // What was seen of a process that is gone is true no more.
    if (server === undefined) this.#look = undefined;
    else if (this.#look === undefined || this.#clock.monotonic() - this.#look.at > maxAgeMs) {
      const users = maxAgeMs === 0 ? undefined : () => this.#looks.users();
      const value = lookAtServer(server, this.#expected(), users);
      this.#look = {at: this.#clock.monotonic(), value};
    }
    return this.#look?.value;
  }

  /** Takes what was seen of the server a moment ago instead of a look; it is judged here. */
  #saw(containment: Containment): void {
    const {server} = this;
    if (server === undefined || containment.pid !== server.pid || containment.start !== server.start) return;
    const value = {containment, seal: sealOf(containment, this.#expected())};
    this.#look = {at: this.#clock.monotonic(), value};
  }

  #expected(): Expected {
    const {options, superOptions} = this.entry;
    const mount = {connection: this.connection, readOnly: [...options, ...superOptions].includes('ro')};
    return expectedOf(this.#record, mount);
  }

  /** Stops watching; the mount stays. Idempotent. */
  close(): void {
    this.#abortWatch?.close();
    this.#abortWatch = undefined;
    this.#lastWords?.close();
    this.#lastWords = undefined;
    this.#link?.close();
  }

  #listenTo(pid: number): void {
    this.#lastWords?.close();
    this.#lastWords = LastWords.of(pid);
  }

  #answered(state: ServerState): void {
    if (this.#health !== 'ok') this.judge();
    const {slowRequestMs} = this.policy;
    if (state.oldestMs > slowRequestMs && this.#slow.tells(this.#clock.monotonic(), state.oldestMs)) {
      this.#events.slowRequest(this, state);
    }
  }

  /** Whoever ends the connection does it by writing to this file, or by umount2(2) with MNT_FORCE. */
  #watchAbort(): void {
    const file = abortFile(this.connection);
    if (file === undefined) return;
    try {
      this.#abortWatch = watch(file, {persistent: false}, (event) => {
        if (event !== 'change' || this.#aborted) return;
        this.#aborted = true;
        this.#events.aborted(this);
      });
      this.#abortWatch.on('error', () => this.#abortWatch?.close());
    } catch {
      // Unmounted meanwhile, or no watch is left for this user: the server's end tells as much a moment later.
    }
  }
}
