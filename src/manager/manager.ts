import {eventually} from '../helper/cleanup.js';
import {type Feature, machineFeatures} from '../launch/features.js';
import {RUN_DIRECTORY} from '../launch/lock.js';
import {BUILTIN_TYPES} from '../launch/own-types.js';
import {processUsers} from '../launch/process-users.js';
import {rehearseLook} from '../launch/rehearsed-look.js';
import {POLICY_DIRECTORY} from '../policy/index.js';
import type {OwnedFd} from '../sys/fd.js';
import {Aged} from './aged.js';
import type {Announcement} from './announcement.js';
import {AnnouncementServer} from './announcement-server.js';
import {type Clock, SYSTEM_CLOCK} from './clock.js';
import {CommandRunner} from './command-runner.js';
import {badPolicy, covered, noSuchMount, vanished} from './errors.js';
import {EventFile} from './event-file.js';
import {EventLog} from './event-log.js';
import {type Manager, ManagerError, type ServerOrder, type UnmountOrder} from './face.js';
import type {FdKeeper} from './fd-keeper.js';
import {abortConnection, ensureFusectl} from './fusectl.js';
import {isLost} from './health.js';
import type {ManagerLog} from './log.js';
import type {
  CachesView,
  ManagerEvent,
  MountOrder,
  MountStats,
  MountView,
  PoolView,
  StatusView,
} from './model.js';
import {mountByCommand, unmountByCommand} from './mount-commands.js';
import {MountPool} from './mount-pool.js';
import {OutsideStats} from './outside-stats.js';
import {Registry} from './registry.js';
import {ServerMeetings} from './server-meetings.js';
import {ServerOrders} from './server-orders.js';
import {childrenByParent} from './server-processes.js';
import {Supervisor} from './supervisor.js';
import {RequestTracer} from './tracing/request-tracer.js';
import {listenForUsers, removeUserSocket, USER_LIMITS, UserDoor} from './user-door.js';
import {UserRequests} from './user-requests.js';
import {mountView} from './views.js';
import {type Reloaded, WatchPolicies} from './watch-policy.js';
import {TICK_MS, WatchedMount} from './watched-mount.js';

export interface ManagerOptions {
  /** Of this program, for `status`. */
  readonly version: string;
  /** Where the manager's own socket and lock are; /run/fuseward unless told. */
  readonly runDirectory?: string;
  /** The administrator's policy files; the usual place unless told. */
  readonly policyDirectory?: string;
  /** Who keeps events and the announcements' socket over a restart; nobody unless told. */
  readonly keeper?: FdKeeper | undefined;
  /** A listening socket for ordinary users that systemd passed, closed with the manager; undefined: one of its own. */
  readonly userListener?: OwnedFd;
}

/** Age of what is told of a server's containment: of one mount that is asked for, and in a list of many. */
const FRESH_MS = 2_000;
const LISTED_MS = 60_000;
/** Age of what is known of who runs under which user id: one look at all processes serves for many servers. */
const USERS_MS = 2_000;
/** How long a first answer of the servers is waited for at start, and by whoever asks for a mount that just came. */
const GREETING_MS = 1_000;
/** How old the last look at the mount table may be, and how long the announcements' socket may take, for a manager that works. */
const ALIVE_MS = 5_000;
/**
 * The registry of all FUSE mounts of this machine, and what is done about them. Mounts are known by the number of their FUSE
 * connection. Everything of a server's is taken for hostile; what it costs is bounded by the control client.
 *
 * Every half second it looks at the mount table, at the servers' processes and at how long servers have been silent; commands
 * announce what they did, so that it looks sooner. Events are kept over its own end where somebody keeps them; all else that it knows
 * it finds again.
 */
export class MountManager implements Manager {
  readonly #opts: ManagerOptions;
  readonly #log: ManagerLog;
  readonly #clock: Clock;
  readonly #events: EventLog;
  readonly #eventFile: EventFile | undefined;
  readonly #policies: WatchPolicies;
  readonly #registry: Registry;
  readonly #supervisor: Supervisor;
  readonly #tracer: RequestTracer;
  readonly #orders: ServerOrders;
  readonly #pool: MountPool;
  readonly #meetings: ServerMeetings;
  readonly #commands: CommandRunner;
  readonly #started: {readonly at: string; readonly monotonic: number};
  #features: readonly Feature[] = [];
  #announcements: AnnouncementServer | undefined;
  #userDoor: UserDoor | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ready = false;
  #closed = false;

  /** Starts to watch. @throws ManagerRunsError when another manager does; Errno */
  static async create(opts: ManagerOptions, deps: {log: ManagerLog; clock?: Clock}): Promise<MountManager> {
    const manager = new MountManager(opts, deps);
    try {
      await manager.#start();
      return manager;
    } catch (error) {
      await manager.close();
      throw error;
    }
  }

  private constructor(opts: ManagerOptions, {log, clock = SYSTEM_CLOCK}: {log: ManagerLog; clock?: Clock}) {
    this.#opts = opts;
    this.#log = log;
    this.#clock = clock;
    this.#started = {at: new Date(clock.now()).toISOString(), monotonic: clock.monotonic()};
    this.#eventFile =
      opts.keeper &&
      EventFile.open(opts.keeper, (error) => log.error({error: String(error)}, 'an event is not kept'));
    this.#events = new EventLog(
      () => clock.now(),
      (error) => log.error({error: String(error)}, 'a listener of events failed'),
      this.#eventFile,
    );
    this.#policies = new WatchPolicies(
      opts.policyDirectory ?? POLICY_DIRECTORY,
      `${opts.runDirectory ?? RUN_DIRECTORY}/policy.json`,
      {log},
    );
    const users = new Aged(processUsers, () => clock.monotonic());
    const children = new Aged(childrenByParent, () => clock.monotonic());
    const looks = {users: () => users.get(USERS_MS), children: () => children.get(USERS_MS)};
    this.#meetings = new ServerMeetings(users);
    this.#pool = new MountPool({log, policyWords: () => this.#policyWords(), onReady: rehearseLook});
    this.#commands = new CommandRunner({pool: this.#pool});
    this.#tracer = new RequestTracer({clock, log});
    this.#orders = new ServerOrders({log, clock, outside: new OutsideStats(this.#tracer)});
    this.#registry = new Registry(() => clock.monotonic(), {
      watch: (mount, record) => {
        const type = record?.type ?? mount.entries[0].fsType.replace(/^fuse(blk)?\.?/, '');
        const policy = this.#policies.of(type);
        return new WatchedMount(
          mount,
          {record, policy},
          {clock, events: this.#supervisor, looks, tracer: this.#tracer, meetings: this.#meetings},
        );
      },
      found: (mount) => this.#supervisor.found(mount),
      gone: (mount) => {
        this.#tracer.forget(mount.connection);
        this.#supervisor.gone(mount);
      },
    });
    this.#supervisor = new Supervisor({registry: this.#registry, events: this.#events, log, clock});
  }

  get ready(): boolean {
    return this.#ready;
  }

  status(): StatusView {
    const mounts = this.#registry.all();
    const features = this.#features.map((feature) => ({...feature}));
    const resident = mounts.map((mount) => mount.process(FRESH_MS)?.residentBytes ?? 0);
    return {
      version: this.#opts.version,
      startedAt: this.#started.at,
      uptimeSeconds: (this.#clock.monotonic() - this.#started.monotonic) / 1000,
      pid: process.pid,
      works: features.every(({state}) => state !== 'missing'),
      features,
      totals: {
        mounts: mounts.length,
        ours: mounts.filter(({record}) => record !== undefined).length,
        unhealthy: mounts.filter(({health}) => health !== 'ok' && health !== 'unknown').length,
        serverResidentBytes: resident.reduce((sum, bytes) => sum + bytes, 0),
        ...this.#supervisor.counts,
      },
    };
  }

  mounts(): MountView[] {
    return this.#registry.all().map((mount) => mountView(mount, LISTED_MS));
  }

  mount(id: string): MountView {
    return mountView(this.#find(id), FRESH_MS);
  }

  async stats(id: string, maxAgeMs?: number): Promise<MountStats> {
    return await this.#orders.stats(this.#find(id), maxAgeMs);
  }

  async caches(id: string, maxAgeMs?: number): Promise<CachesView> {
    return await this.#orders.caches(this.#find(id), maxAgeMs);
  }

  async dropCaches(id: string): Promise<CachesView> {
    return await this.#orders.dropCaches(this.#find(id));
  }

  async limitCache(id: string, bytes: number): Promise<CachesView> {
    return await this.#orders.limitCache(this.#find(id), bytes);
  }

  async order(id: string, order: ServerOrder): Promise<MountView> {
    const mount = this.#find(id);
    await this.#orders.order(mount, order);
    return mountView(mount, FRESH_MS);
  }

  async create(order: MountOrder): Promise<MountView> {
    const {source, target} = order;
    let made: Awaited<ReturnType<typeof mountByCommand>>;
    try {
      made = await mountByCommand(this.#commands, order, {
        policyWords: this.#policyWords(),
        meetings: this.#meetings,
      });
    } catch (error) {
      if (error instanceof ManagerError && error.kind === 'denied') {
        const {code, errno, message, rule} = error;
        this.#denied({source, target, code, errno, message, rule});
      }
      throw error;
    }
    try {
      this.#registry.look(true);
    } finally {
      this.#meetings.drop(made.server);
    }
    const mount = this.#registry.get(made.id);
    if (mount === undefined) throw vanished(target);
    await mount.judgedWithin(GREETING_MS);
    return mountView(mount, FRESH_MS);
  }

  /** Takes the mount from every place it is mounted at, the last first. */
  async remove(id: string, order: UnmountOrder): Promise<void> {
    // Numbers are used again: the one that is meant is the one that is there now.
    this.#registry.look(true);
    const mount = this.#find(id);
    const {target} = mount;
    mount.leaving = true;
    try {
      if (isLost(mount.health) || (order.force && abortConnection(mount.connection))) {
        // Nothing waits for a server any more. And whoever has files open has nothing of them.
        const {left} = this.#supervisor.removeLost(mount);
        if (left.length > 0) throw covered(left.join(', '));
      } else {
        for (const entry of mount.places.toReversed()) await unmountByCommand(this.#commands, entry, order);
      }
      this.#supervisor.sweep();
      this.#registry.look(true);
    } finally {
      mount.leaving = false;
    }
    this.#log.info({mount: id, target, ...order}, 'removed');
  }

  pool(): PoolView[] {
    return this.#pool.view();
  }

  subscribe(since: number | undefined, listener: (event: ManagerEvent) => void): () => void {
    return this.#events.subscribe(since, listener);
  }

  /** Reads policy and the machine's features again; mounts that are watched already keep their rules. */
  reload(): void {
    this.#features = machineFeatures();
    this.#readPolicy();
  }

  reloadPolicy(): {files: string[]} {
    const reloaded = this.#readPolicy();
    if ('problems' in reloaded) throw badPolicy(reloaded.problems);
    return {files: [...reloaded.files]};
  }

  /** Stops watching. Mounts and their servers go on. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#ready = false;
    clearInterval(this.#timer);
    this.#pool.close();
    this.#closeUserDoor();
    this.#policies.close();
    // Last of what the directory has: with it goes the lock.
    this.#announcements?.close();
    for (const mount of this.#registry.all()) mount.close();
    this.#eventFile?.close();
    await this.#tracer.close();
  }

  /** Whether it does its work: the mount table was looked at a moment ago, and an announcement would be heard. */
  async alive(): Promise<boolean> {
    const sinceLook = this.#clock.monotonic() - this.#supervisor.lastLook;
    if (sinceLook > ALIVE_MS || this.#announcements === undefined) return false;
    return await this.#announcements.answers(ALIVE_MS);
  }

  async #start(): Promise<void> {
    const directory = this.#opts.runDirectory ?? RUN_DIRECTORY;
    this.#announcements = await AnnouncementServer.create(directory, (each) => this.#announced(each), {
      log: this.#log,
      keeper: this.#opts.keeper,
    });
    this.#policies.begin();
    try {
      ensureFusectl();
    } catch (error) {
      this.#log.warn({error: String(error)}, 'fusectl is not mounted: waiting requests are not known');
    }
    this.#features = machineFeatures();
    this.#registry.look(false);
    this.#registry.findServers();
    this.#supervisor.begin();
    const mounts = this.#registry.all();
    await eventually(() => mounts.every(({link}) => link === undefined || link.answered), GREETING_MS);
    this.#ready = true;
    this.#log.info({mounts: mounts.length, ours: mounts.filter(({record}) => record).length}, 'watching');
    this.#timer = setInterval(() => this.#supervisor.tick(), TICK_MS);
    this.#userDoor = this.#openUserDoor(directory);
    this.#renewPool();
  }

  /** Commands for ordinary users are run apart from those for the admin API, so that neither keeps the other waiting; the door counts them. */
  #openUserDoor(directory: string): UserDoor {
    const listener = this.#opts.userListener ?? listenForUsers(directory);
    const requests = new UserRequests(
      {
        all: () => this.#registry.all(),
        view: (mount) => mountView(mount, LISTED_MS),
        removeLost: (mount) => this.#supervisor.removeLost(mount).left.length === 0,
        look: () => this.#supervisor.guarded('look', () => this.#registry.look(true)),
        denied: (facts) => this.#denied(facts),
      },
      {
        commands: new CommandRunner({atOnce: USER_LIMITS.connections, pool: this.#pool}),
        policyWords: () => this.#policyWords(),
      },
    );
    return new UserDoor(listener, requests, {log: this.#log, clock: this.#clock});
  }

  #closeUserDoor(): void {
    if (this.#userDoor === undefined) return;
    this.#userDoor.close();
    // One that systemd passed goes on listening, for the next manager.
    if (this.#opts.userListener === undefined) removeUserSocket(this.#opts.runDirectory ?? RUN_DIRECTORY);
  }

  #find(id: string): WatchedMount {
    const mount = this.#registry.get(id);
    if (mount === undefined) throw noSuchMount(id);
    return mount;
  }

  #announced(announcement: Announcement): void {
    if (announcement.event === 'denied') {
      const {event: _, rule, ...facts} = announcement;
      this.#denied({...facts, ...(rule === undefined ? {} : {rule: `${rule.file}:${rule.line}`})});
    } else this.#supervisor.guarded('look', () => this.#registry.look(true));
  }

  /** What tells a command that mounts which policy holds. */
  #policyWords(): string[] {
    const {policyDirectory} = this.#opts;
    const {heldFile} = this.#policies;
    return [
      ...(policyDirectory === undefined ? [] : [`--policy=${policyDirectory}`]),
      ...(heldFile === undefined ? [] : [`--held-policy=${heldFile}`]),
    ];
  }

  #readPolicy(): Reloaded {
    const reloaded = this.#policies.reload();
    const event = 'problems' in reloaded ? 'policy-refused' : 'policy-reloaded';
    this.#events.add(event, undefined, {...reloaded});
    if (!('problems' in reloaded)) this.#renewPool();
    return reloaded;
  }

  /** Servers that wait were started by settings that may be others now. Types with a command of the administrator's have none. */
  #renewPool(): void {
    const wanted = BUILTIN_TYPES.map((type): [string, number] => {
      const {command, pool} = this.#policies.of(type).server;
      return [type, command === undefined ? pool : 0];
    });
    this.#pool.renew(new Map(wanted));
  }

  #denied(facts: Record<string, unknown>): void {
    this.#events.add('denied', undefined, facts);
    this.#log.warn(facts, 'a mount was denied');
  }
}
