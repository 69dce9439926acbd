import {type Manager, ManagerError, type ServerOrder, type UnmountOrder} from '../../../src/manager/face.js';
import type {
  CacheStats,
  CachesView,
  ManagerEvent,
  MountOrder,
  MountStats,
  MountView,
  OperationStats,
  PoolView,
  StatusView,
} from '../../../src/manager/model.js';

export const STARTED_AT = '2026-03-01T10:00:00.000Z';

export function mountView(id: string, changes: Partial<MountView> = {}): MountView {
  return {
    id,
    mountId: 400 + Number(id),
    places: [changes.target ?? `/mnt/${id}`],
    ours: true,
    source: `/images/${id}.img`,
    target: `/mnt/${id}`,
    type: 'fuse.ext4',
    options: ['ro', 'nosuid', 'nodev'],
    callerUid: 0,
    since: '2026-03-01T10:05:00.000Z',
    rule: '/etc/fuseward/policy.d/ext4.toml:3',
    readOnly: true,
    loopDevice: null,
    members: [],
    blockSize: 4096,
    iomap: 'unsupported',
    transport: 'device',
    serverPid: 4000 + Number(id),
    unit: null,
    connected: true,
    waiting: 0,
    frozen: false,
    shutDown: false,
    health: 'ok',
    containment: {
      uid: 61_000,
      capabilities: [],
      noNewPrivs: true,
      seccompFilters: 2,
      ownNamespaces: ['user', 'pid', 'net'],
      sharedNamespaces: ['time'],
      descriptors: {fuse: 1, image: 1},
      visibleMounts: ['/'],
      limits: {memory: 2 ** 30, files: null},
      cgroup: {path: '/', sharedWith: [], memoryBytes: null, tasks: null},
      code: {files: ['/usr/bin/node'], writable: 2, anonymous: 2},
      reported: {landlock: 7, systemCalls: 44},
    },
    seal: [
      {point: 'user', state: 'verified', detail: 'user 61000', source: '/proc/PID/status'},
      {point: 'landlock', state: 'reported', detail: 'ABI 7', source: 'report of the server'},
      {
        point: 'cgroup',
        state: 'missing',
        detail: 'it has no control group of its own',
        source: '/proc/PID/cgroup',
      },
    ],
    ...changes,
  };
}

/** One that another program made. */
export const foreignMount = (id: string) =>
  mountView(id, {
    ours: false,
    source: 'sshfs#host:',
    target: '/home/"a\\b"\nc',
    type: 'fuse.sshfs',
    callerUid: 1000,
    since: null,
    blockSize: null,
    iomap: 'unknown',
    transport: 'unknown',
    serverPid: null,
    connected: false,
    waiting: null,
    health: 'unknown',
    containment: null,
    seal: null,
  });

export function operationStats(count: number, errors: Record<string, number> = {}): OperationStats {
  const buckets = Array.from({length: 23}, (_, power) => ({
    le: 2 ** power / 1e6,
    count: Math.min(count, Math.floor((count * power) / 8)),
  }));
  buckets.push({le: -1, count});
  return {
    count,
    errors: Object.values(errors).reduce((sum, value) => sum + value, 0),
    errorsByErrno: errors,
    bytesIn: 100 * count,
    bytesOut: 144 * count,
    latencySeconds: {mean: 0.00002, p50: 0.00001, p90: 0.00005, p99: 0.0002, max: 0.01, buckets},
  };
}

export function cacheStats(): CacheStats {
  return {
    capacityBytes: 64 * 2 ** 20,
    bytes: 4096 * 17,
    entries: 17,
    dirty: 0,
    hits: 120,
    misses: {cold: 17, evicted: 2, invalidated: 1, bypassed: 3},
    evictions: {capacity: 2, dropped: 0},
    hitRate: {last10s: null, last1m: 0.5, all: 0.84},
  };
}

/** A manager in memory. `failWith` makes every method that acts throw; `calls` tells what was asked. */
export class FakeManager implements Manager {
  readonly views: MountView[];
  readonly calls: unknown[][] = [];
  readonly kept: ManagerEvent[] = [];
  readonly listeners = new Set<(event: ManagerEvent) => void>();
  startedAt = STARTED_AT;
  ready = true;
  failWith: Error | undefined;
  iomap: MountStats['iomap'] = null;
  operations: Record<string, OperationStats> = {
    LOOKUP: operationStats(50, {ENOENT: 7}),
    GETATTR: operationStats(80),
    READ: operationStats(20, {EIO: 1}),
    FLUSH: operationStats(0),
  };
  /** Mounts whose server never answers. */
  readonly silent = new Set<string>();

  constructor(views: MountView[] = [mountView('41'), foreignMount('42')]) {
    this.views = views;
  }

  status(): StatusView {
    this.#act('status');
    return {
      version: '0.1.0',
      startedAt: this.startedAt,
      uptimeSeconds: 12.5,
      pid: process.pid,
      works: true,
      features: [
        {name: 'fuse', state: 'ok', found: '7.45', meaning: 'mounts work'},
        {name: 'iomap', state: 'missing', found: 'no', meaning: 'reads go through the server'},
      ],
      totals: {
        mounts: this.views.length,
        ours: this.views.filter(({ours}) => ours).length,
        unhealthy: 0,
        serverResidentBytes: 40e6,
        mountsMade: 3,
        serversDied: 1,
      },
    };
  }

  mounts(): MountView[] {
    this.#act('mounts');
    return this.views;
  }

  mount(id: string): MountView {
    this.#act('mount', id);
    return this.#find(id);
  }

  async stats(id: string, maxAgeMs = 0): Promise<MountStats> {
    this.#act('stats', id, maxAgeMs);
    const {ours} = this.#find(id);
    if (this.silent.has(id)) await new Promise(() => {});
    const process = {
      ...{cpuSeconds: 1.5, userSeconds: 1, systemSeconds: 0.5, residentBytes: 40e6, privateBytes: 30e6},
      ...{minorFaults: 9000, majorFaults: 2, threads: 11, processes: 1, openFiles: 20},
      ...{voluntarySwitches: 700, involuntarySwitches: 30},
      io: {readBytes: 1e6, writtenBytes: 2000, storageReadBytes: 5e5, storageWrittenBytes: 0},
    };
    const kernel = {waiting: 0, maxBackground: 12, congestionThreshold: 9};
    return {
      ...{operations: this.operations, iomap: this.iomap, queueDepth: 1, waiting: 0, process, kernel},
      countedBy: ours ? 'server' : 'kernel',
      tracing: ours ? null : {state: 'on', reason: null, seconds: 12.5, gaps: 1},
    };
  }

  async caches(id: string, maxAgeMs = 0): Promise<CachesView> {
    this.#act('caches', id, maxAgeMs);
    this.#findOurs(id);
    return {
      caches: {block: cacheStats(), inode: cacheStats(), directory: cacheStats(), mapping: cacheStats()},
    };
  }

  async create(order: MountOrder): Promise<MountView> {
    this.#act('create', order);
    const made = mountView('43', {source: order.source, target: order.target});
    this.views.push(made);
    return made;
  }

  async remove(id: string, order: UnmountOrder): Promise<void> {
    this.#act('remove', id, order);
    this.views.splice(this.views.indexOf(this.#find(id)), 1);
  }

  async dropCaches(id: string): Promise<CachesView> {
    this.#act('dropCaches', id);
    return this.caches(id);
  }

  async limitCache(id: string, bytes: number): Promise<CachesView> {
    this.#act('limitCache', id, bytes);
    return this.caches(id);
  }

  async order(id: string, order: ServerOrder): Promise<MountView> {
    this.#act('order', id, order);
    return this.#findOurs(id);
  }

  reloadPolicy(): {files: string[]} {
    this.#act('reloadPolicy');
    return {files: ['/etc/fuseward/policy.d/ext4.toml']};
  }

  pool(): PoolView[] {
    this.#act('pool');
    return [{type: 'ext4', wanted: 2, ready: 1, starting: 1, used: 3, failed: 0, servers: [4711]}];
  }

  subscribe(since: number | undefined, listener: (event: ManagerEvent) => void): () => void {
    this.#act('subscribe', since);
    if (since !== undefined) for (const event of this.kept) if (event.id > since) listener(event);
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Lets something happen. `keep` is how many events are kept. */
  happen(details: Record<string, unknown> = {}, keep = 1000): ManagerEvent {
    const event: ManagerEvent = {
      id: (this.kept.at(-1)?.id ?? 0) + 1,
      time: '2026-03-01T10:06:00.000Z',
      event: 'health',
      mount: '41',
      target: '/mnt/41',
      details,
    };
    this.kept.push(event);
    if (this.kept.length > keep) this.kept.splice(0, this.kept.length - keep);
    for (const listener of this.listeners) listener(event);
    return event;
  }

  #act(...call: unknown[]): void {
    this.calls.push(call);
    if (this.failWith !== undefined) throw this.failWith;
  }

  #find(id: string): MountView {
    const found = this.views.find((view) => view.id === id);
    if (found === undefined) throw new ManagerError('not-found', 'no-such-mount', `there is no mount ${id}`);
    return found;
  }

  #findOurs(id: string): MountView {
    const found = this.#find(id);
    if (!found.ours) {
      throw new ManagerError('unsupported', 'not-ours', `mount ${id} has a server of another program`, {
        errno: 'ENOTSUP',
        hint: 'only the kernel can tell of it',
      });
    }
    return found;
  }
}
