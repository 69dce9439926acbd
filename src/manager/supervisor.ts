import type {CloseReason, ServerState} from '../control/index.js';
import {eventually} from '../helper/cleanup.js';
import {endSandbox} from '../launch/leftover-sandbox.js';
import type {MountRecord} from '../launch/mount-record.js';
import {sweepRecords} from '../launch/record-sweep.js';
import type {SealPoint} from '../launch/seal.js';
import {loopAttachment} from '../sys/loop.js';
import {Attestation, type AttestationEvents} from './attestation.js';
import type {Clock} from './clock.js';
import type {EventLog, EventName} from './event-log.js';
import {abortConnection} from './fusectl.js';
import {isLost} from './health.js';
import type {ManagerLog} from './log.js';
import type {Health} from './model.js';
import {readRecords} from './mount-records.js';
import {type Removal, removeLostMount} from './mount-removal.js';
import {Orphans} from './orphans.js';
import {isAlive, type ProcessName} from './process-name.js';
import type {Registry} from './registry.js';
import {ToldAllowance} from './told-allowance.js';
import type {MountEvents, WatchedMount} from './watched-mount.js';

/** Servers' counters are sampled every so many ticks. */
const SAMPLE_TICKS = 2;
/** Within so many ticks every server's containment is looked at. */
const LOOK_TICKS = 18;
/** How long loop device and server may take after a mount is gone. */
const RELEASE_MS = 2_000;
/** How often a first process looks for children that it never had. */
const ORPHAN_TICKS = 5;
/** In how many rounds records are swept again, by what came of it. */
const SWEEP_TICKS = {done: undefined, later: 10, busy: 1} as const;

/** Watches over the mounts of a registry: tells what happens to them, and takes away those that are lost. */
export class Supervisor implements MountEvents, AttestationEvents {
  readonly #registry: Registry;
  readonly #events: EventLog;
  readonly #log: ManagerLog;
  /** Those that were found lost while they were mounted; a server that ends after its mount is no loss. */
  readonly #toldLost = new WeakSet<WatchedMount>();
  /** Those that are taken away because their servers are not held as policy demands. */
  readonly #expelled = new WeakSet<WatchedMount>();
  /** Those that are ended because a request of theirs got no answer. */
  readonly #overdue = new WeakSet<WatchedMount>();
  readonly #allowances = new WeakMap<WatchedMount, ToldAllowance>();
  readonly #attestation: Attestation;
  #nextLook = 0;
  #ticks = 0;
  /** Where this is the first process, whose children all are that nobody else waits for. */
  readonly #orphans = process.pid === 1 ? new Orphans() : undefined;
  /** Rounds until records are swept again; undefined where nothing is left to be swept. */
  #sweepIn: number | undefined;
  #mountsMade = 0;
  #serversDied = 0;
  #telling = false;
  readonly #clock: Clock;
  #lastLook = -Infinity;

  constructor({
    registry,
    events,
    log,
    clock,
  }: {
    registry: Registry;
    events: EventLog;
    log: ManagerLog;
    clock: Clock;
  }) {
    this.#registry = registry;
    this.#events = events;
    this.#log = log;
    this.#clock = clock;
    this.#attestation = new Attestation(() => clock.monotonic(), this);
  }

  /** Mounts of ours that came, and servers that died, since the first look. */
  get counts(): {mountsMade: number; serversDied: number} {
    return {mountsMade: this.#mountsMade, serversDied: this.#serversDied};
  }

  /** When a round last got through the mount table, in milliseconds of the monotonic clock. */
  get lastLook(): number {
    return this.#lastLook;
  }

  /** What an earlier life left: mounts of ours without a server, and records without a mount. Events of mounts are told from now on. */
  begin(): void {
    this.#telling = true;
    this.#lastLook = this.#clock.monotonic();
    const mounts = this.#registry.all();
    for (const mount of mounts) {
      mount.checkServer(() => this.#registry.holderOf(mount));
      const {record, entry, lastServer, server} = mount;
      if (record === undefined || lastServer === undefined || server !== undefined) continue;
      mount.stale = true;
      const facts = {mountId: entry.id, source: entry.source, serverPid: lastServer.pid};
      this.#tell('stale', mount, {...facts, reason: 'its server died while no manager ran'}, 'warn');
      mount.judge();
    }
    for (const mount of mounts) this.guarded('containment', () => this.#attestation.check(mount));
    const known = new Set(mounts.map(({connection}) => connection));
    for (const [connection, {source, target}] of readRecords()) {
      if (known.has(connection)) continue;
      this.#log.info({connection, source, target}, 'the record of a mount that is gone is swept');
    }
    this.sweep();
  }

  /** Takes away the records of mounts that are gone, now or, when somebody else is at them, in a later round. */
  sweep(): void {
    this.#sweepIn = undefined;
    this.guarded('sweep', () => {
      this.#sweepIn = SWEEP_TICKS[sweepRecords()];
    });
  }

  /** One round: the table, the servers' processes, and how long servers have been silent. */
  tick(): void {
    this.#ticks++;
    if (this.#sweepIn !== undefined && --this.#sweepIn <= 0) this.sweep();
    this.guarded('look', () => {
      this.#registry.look(true);
      this.#lastLook = this.#clock.monotonic();
    });
    this.guarded('servers', () => this.#registry.findServers());
    const mounts = this.#registry.all();
    for (const mount of mounts) {
      this.guarded('judge', () => {
        mount.tick();
        this.#check(mount);
      });
    }
    if (this.#ticks % SAMPLE_TICKS === 0) {
      for (const mount of mounts) {
        if (mount.link === undefined) continue;
        mount.samples.take(mount.link);
        // Whoever asks for samples gets the kernel's word from the same moment.
        if (!mount.samples.wanted) continue;
        mount.process(0);
        mount.waiting(0);
      }
    }
    this.#attest(mounts);
    if (this.#ticks % ORPHAN_TICKS === 0) this.guarded('orphans', () => this.#orphans?.tick());
  }

  /** Looks at servers that are new, and at a few of the others: a look takes milliseconds. */
  #attest(mounts: readonly WatchedMount[]): void {
    const due = new Set(mounts.filter((mount) => this.#attestation.isNew(mount)));
    for (let count = Math.ceil(mounts.length / LOOK_TICKS); count > 0; count--) {
      const mount = mounts[this.#nextLook++ % mounts.length];
      if (mount !== undefined) due.add(mount);
    }
    for (const mount of due) this.guarded('containment', () => this.#attestation.check(mount));
  }

  /** Does something that must not take the daemon along when it fails. */
  guarded(what: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#log.error(
        {what, error: error instanceof Error ? error.stack : String(error)},
        'watching failed in part',
      );
    }
  }

  found(mount: WatchedMount): void {
    const {record, entry} = mount;
    const facts = {
      ours: record !== undefined,
      source: entry.source,
      type: entry.fsType,
      mountId: entry.id,
      ...(record?.loopDevice === undefined ? {} : {loopDevice: record.loopDevice}),
      ...(record?.serverPid === undefined ? {} : {serverPid: record.serverPid}),
      ...(record?.callerUid === undefined ? {} : {callerUid: record.callerUid}),
      ...(record?.rule === undefined ? {} : {rule: `${record.rule.file}:${record.rule.line}`}),
    };
    if (!this.#telling) {
      this.#log.info({mount: mount.id, target: mount.target, ...facts}, 'found');
      return;
    }
    if (record !== undefined) this.#mountsMade++;
    this.#tell('mounted', mount, facts);
    this.guarded('containment', () => this.#attestation.check(mount));
  }

  gone(mount: WatchedMount): void {
    const {entry, record} = mount;
    const reason = this.#reasonOfEnd(mount);
    const facts = {ours: record !== undefined, source: entry.source, mountId: entry.id, reason};
    this.#tell('unmounted', mount, facts);
    if (record !== undefined) this.sweep();
  }

  #reasonOfEnd(mount: WatchedMount): string {
    if (mount.leaving) return 'ordered';
    if (this.#expelled.has(mount)) return 'not-contained';
    return this.#toldLost.has(mount) ? mount.health : 'unmounted';
  }

  containmentLost(mount: WatchedMount, points: readonly SealPoint[]): void {
    this.#tell('containment-lost', mount, {serverPid: mount.server?.pid ?? null, ...factsOf(points)}, 'warn');
  }

  /** Ends the connection, takes the mount from everywhere and ends its server, in this order: files in use fail at once. */
  containmentMissing(mount: WatchedMount, points: readonly SealPoint[]): void {
    const {server, record} = mount;
    const required = [...mount.policy.containment.required];
    const facts = {serverPid: server?.pid ?? null, required, ...factsOf(points)};
    this.#tell('containment-missing', mount, facts, 'warn');
    this.#expelled.add(mount);
    try {
      this.removeLost(mount);
    } finally {
      endServer(server, record);
    }
  }

  healthChanged(mount: WatchedMount, before: Health): void {
    const {health} = mount;
    // A server ends with its mount: of one that is gone from the table it did not die.
    if (isLost(health) && !this.#registry.isMounted(mount)) {
      this.#registry.look(true);
      return;
    }
    if (before === 'unknown' && health === 'ok') {
      this.#log.debug({mount: mount.id, target: mount.target}, 'the server answers');
      return;
    }
    const level = isLost(health) || health === 'hung' ? 'warn' : 'info';
    const change = {before, now: health};
    if (isLost(health)) this.#tell('health', mount, change, level);
    else this.#tellAtTimes('health', mount, change, level);
    if (isLost(health) && !isLost(before)) this.#lost(mount);
  }

  slowRequest(mount: WatchedMount, {oldestMs, queueDepth}: ServerState): void {
    const limitSeconds = mount.policy.slowRequestMs / 1000;
    this.#tellAtTimes('slow-request', mount, {ageSeconds: oldestMs / 1000, queueDepth, limitSeconds}, 'warn');
  }

  breach(mount: WatchedMount, {code, message}: CloseReason): void {
    this.#tellAtTimes('protocol', mount, {code, message, serverPid: mount.server?.pid ?? null}, 'warn');
  }

  disconnected(mount: WatchedMount, {code}: CloseReason): void {
    this.#log.debug({mount: mount.id, target: mount.target, code}, 'no connection to the server');
    // Its process may have ended: what follows then should not wait for the next tick. Where that is because somebody aborted the connection, word of that is
    // there already, and should be heard first.
    setImmediate(() => this.guarded('judge', () => this.#check(mount)));
  }

  aborted(mount: WatchedMount): void {
    this.guarded('judge', () => mount.judge());
  }

  /** Takes a lost mount away from everywhere, and tells when its loop device is free and its process gone. */
  removeLost(mount: WatchedMount): Removal {
    const {connection, loop, server} = mount;
    const removal = removeLostMount(connection);
    // What the kernel has put into the ring of a server that hangs it does not give up before that is gone.
    if (mount.record?.queues === true) endServer(server, mount.record);
    this.sweep();
    const isFree = (): boolean => loop === undefined || loopAttachment(loop.device) !== loop.attachment;
    const isGone = (): boolean => server === undefined || !isAlive(server);
    void eventually(() => isFree() && isGone(), RELEASE_MS).then(() => {
      const facts = {...removal, loopReleased: isFree(), serverGone: isGone()};
      this.#tell('cleaned', mount, facts, removal.left.length === 0 ? 'info' : 'warn');
    });
    this.#registry.look(true);
    return removal;
  }

  #check(mount: WatchedMount): void {
    mount.checkServer(() => this.#registry.holderOf(mount));
    mount.judge();
    this.#endOverdue(mount);
  }

  /** Ends a connection on which a request waits for longer than policy allows; what follows is as for any that was ended. */
  #endOverdue(mount: WatchedMount): void {
    const {policy, server, overdueMs} = mount;
    if (policy.requestDeadlineMs === 0 || overdueMs <= policy.requestDeadlineMs) return;
    if (mount.record === undefined || mount.leaving || isLost(mount.health) || this.#overdue.has(mount))
      return;
    this.#overdue.add(mount);
    const limitSeconds = policy.requestDeadlineMs / 1000;
    this.#tell(
      'request-overdue',
      mount,
      {ageSeconds: overdueMs / 1000, limitSeconds, serverPid: server?.pid ?? null},
      'warn',
    );
    abortConnection(mount.connection);
    // One that hangs would not see that its mount is gone.
    endServer(server, mount.record);
  }

  /** A mount has become useless; policy says what is done about it. What was so at the start is only offered for removal. */
  #lost(mount: WatchedMount): void {
    const {entry, lastServer, record, health} = mount;
    this.#toldLost.add(mount);
    if (mount.stale || this.#expelled.has(mount)) return;
    const fate = record === undefined ? 'keep' : mount.policy.onServerDeath;
    if (health === 'dead') {
      this.#serversDied++;
      const systemCall = mount.forbiddenCall;
      const facts = {
        serverPid: lastServer?.pid ?? null,
        source: entry.source,
        mountId: entry.id,
        ...(systemCall === undefined ? {} : {systemCall}),
      };
      this.#tell('server-died', mount, {...facts, policy: fate}, 'warn');
    }
    if (mount.leaving || fate === 'keep') return;
    this.guarded('remove', () => this.removeLost(mount));
  }

  /** For what a server can bring about by what it says, as often as it likes: more than its share is kept back and counted. */
  #tellAtTimes(
    event: EventName,
    mount: WatchedMount,
    details: Record<string, unknown>,
    level: 'info' | 'warn',
  ): void {
    const allowance = this.#allowances.get(mount) ?? new ToldAllowance();
    this.#allowances.set(mount, allowance);
    const keptBack = allowance.take(this.#clock.monotonic());
    if (keptBack === undefined) return;
    this.#tell(event, mount, keptBack === 0 ? details : {...details, keptBack}, level);
  }

  #tell(
    event: EventName,
    mount: WatchedMount,
    details: Record<string, unknown>,
    level: 'info' | 'warn' = 'info',
  ): void {
    this.#events.add(event, {id: mount.id, target: mount.target}, details);
    this.#log[level]({mount: mount.id, target: mount.target, ...details}, event);
  }
}

/** The names of points, and a sentence for each. */
function factsOf(points: readonly SealPoint[]): {points: string[]; details: Record<string, string>} {
  return {
    points: points.map(({point}) => point),
    details: Object.fromEntries(points.map(({point, detail}) => [point, detail])),
  };
}

/** Ends this very process, and all of a program of others. What nothing is mounted from any more ends by itself, unless it is hostile. */
function endServer(server: ProcessName | undefined, record: MountRecord | undefined): void {
  if (record !== undefined) endSandbox(record);
  if (server === undefined || !isAlive(server)) return;
  try {
    process.kill(server.pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
