import {existsSync} from 'node:fs';
import type {CacheNumbers, OperationNumbers} from '../control/messages.js';
import {RUN_DIRECTORY} from '../launch/lock.js';
import {type MountRecord, readRecord} from '../launch/mount-record.js';
import {readProcessMemfd} from '../launch/process-memfd.js';
import {processUsers} from '../launch/process-users.js';
import {type FuseMount, fuseMounts, serversByConnection} from '../manager/fuse-mounts.js';
import {kernelConnection, waitingRequests} from '../manager/fusectl.js';
import {latencyOf} from '../manager/latency.js';
import type {CacheStats, CachesView, MountStats, MountView, OperationStats} from '../manager/model.js';
import {type ProcessName, processNamed} from '../manager/process-name.js';
import {childrenByParent, serverProcesses} from '../manager/server-processes.js';
import {ServerUse} from '../manager/server-use.js';
import {
  COUNTERS_NAME,
  COUNTERS_SIZE,
  foreignCounters,
  type SharedCounters,
} from '../server/shared-counters.js';
import type {MountEntry} from '../sys/mount-info.js';
import {CommandError} from './command.js';
import type {MountSource} from './mount-source.js';
import {printable} from './terminal/text.js';

/** The server that was noted when the mount was made, if it still is that process. */
function serverOf(record: MountRecord | undefined): ProcessName | undefined {
  const process = record?.serverPid === undefined ? undefined : processNamed(record.serverPid);
  return process !== undefined && process.start === record?.serverStart ? process : undefined;
}

/** What was noted of a connection, and the place that it was mounted at first, or the first that is left: others are copies of it. */
function noted({connection, entries}: FuseMount): {entry: MountEntry; record: MountRecord | undefined} {
  for (const {id} of entries) {
    const record = readRecord(connection, id);
    if (record === undefined) continue;
    return {entry: entries.find((each) => each.id === record.mountId) ?? entries[0], record};
  }
  return {entry: entries[0], record: undefined};
}

function viewOf(mount: FuseMount): MountView {
  const {entry, record} = noted(mount);
  const server = serverOf(record);
  const options = [...new Set([...entry.options, ...entry.superOptions])];
  return {
    id: String(mount.connection),
    mountId: entry.id,
    // Only root can read a record, but everybody sees that there is one.
    ours: record !== undefined || existsSync(`${RUN_DIRECTORY}/mounts/${mount.connection}.json`),
    source: entry.source,
    target: entry.target,
    places: mount.entries.map(({target}) => target),
    type: entry.fsType,
    options,
    callerUid: null,
    since: record?.since ?? null,
    rule: record?.rule === undefined ? null : `${record.rule.file}:${record.rule.line}`,
    readOnly: options.includes('ro'),
    loopDevice: record?.loopDevice ?? null,
    members: (record?.members ?? []).map(({path, loopDevice = null}) => ({path, loopDevice})),
    blockSize: record?.blockSize ?? null,
    iomap: record?.iomap ?? 'unknown',
    transport: 'unknown',
    serverPid: server?.pid ?? null,
    unit: null,
    connected: false,
    waiting: waitingRequests(mount.connection) ?? null,
    frozen: false,
    shutDown: false,
    health: record?.serverPid !== undefined && server === undefined ? 'dead' : 'unknown',
    containment: null,
    seal: null,
  };
}

/** A count from a server's memory, which may hold anything. */
function sane(value: number): number {
  return Number.isFinite(value) && value > 0 ? value : 0;
}

function allSane<T extends Readonly<Record<string, number>>>(values: T): T {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, sane(value)])) as T;
}

function operationOf({buckets, errorsByErrno, ...numbers}: OperationNumbers): OperationStats {
  const {count, errors, bytesIn, bytesOut, totalNs, maxNs} = allSane(numbers);
  return {
    count,
    errors,
    errorsByErrno: allSane(errorsByErrno),
    bytesIn,
    bytesOut,
    latencySeconds: latencyOf({buckets: buckets.map(sane), totalNs, maxNs}),
  };
}

function cacheOf({misses, evictions, ...numbers}: CacheNumbers): CacheStats {
  const {capacityBytes, bytes, entries, dirty, hits} = allSane(numbers);
  const missed = allSane(misses);
  const asked = Object.values(missed).reduce((sum, value) => sum + value, hits);
  return {
    ...{capacityBytes, bytes, entries, dirty, hits},
    misses: missed,
    evictions: allSane(evictions),
    hitRate: {last10s: null, last1m: null, all: asked === 0 ? null : hits / asked},
  };
}

/**
 * What the kernel and the memory that servers count in tell without a manager. The counts are the server's own word. Needs root
 * for everything but the list of mounts.
 */
export class KernelView implements MountSource {
  readonly managed = false;
  readonly #uses = new Map<string, ServerUse>();

  async mounts(): Promise<MountView[]> {
    return [...fuseMounts().values()].map(viewOf);
  }

  async stats(id: string): Promise<MountStats> {
    const foreign = foreignServer(Number(id));
    if (foreign !== undefined) return this.#outside(id, foreign);
    const server = this.#server(id);
    const counting = this.#counting(id, server);
    const {operations, iomap, queueDepth} = counters(counting).stats();
    return {
      operations: Object.fromEntries(
        Object.entries(operations).map(([name, numbers]) => [name, operationOf(numbers)]),
      ),
      iomap: iomap === undefined ? null : allSane(iomap),
      queueDepth: sane(queueDepth),
      waiting: waitingRequests(Number(id)) ?? null,
      countedBy: counting === server.pid ? 'server' : 'relay',
      tracing: null,
      kernel: kernelConnection(Number(id)) ?? null,
      process: this.#useOf(id, server.pid),
    };
  }

  /** Requests are traced by managers alone, who also see to it that tracing ends. */
  #outside(id: string, pid: number): MountStats {
    const kernel = kernelConnection(Number(id)) ?? null;
    return {
      operations: {},
      iomap: null,
      queueDepth: kernel?.waiting ?? 0,
      waiting: kernel?.waiting ?? null,
      countedBy: 'kernel',
      tracing: {state: 'unsupported', reason: 'no manager runs', seconds: 0, gaps: 0},
      kernel,
      process: this.#useOf(id, pid),
    };
  }

  #useOf(id: string, pid: number): MountStats['process'] {
    const use = this.#uses.get(id) ?? new ServerUse();
    this.#uses.set(id, use);
    return use.read(serverProcesses(pid, {users: processUsers, children: childrenByParent})) ?? null;
  }

  async caches(id: string): Promise<CachesView> {
    const caches = counters(this.#counting(id, this.#server(id))).cacheNumbers();
    return {
      caches: Object.fromEntries(Object.entries(caches).map(([name, numbers]) => [name, cacheOf(numbers)])),
    };
  }

  close(): void {
    // Nothing is kept open.
  }

  /** The process that counts: a relay does it in the place of a server that is observed. */
  #counting(id: string, server: ProcessName): number {
    const mount = fuseMounts().get(Number(id));
    const observer = mount === undefined ? undefined : noted(mount).record?.observer;
    return observer !== undefined && processNamed(observer.pid)?.start === observer.start
      ? observer.pid
      : server.pid;
  }

  /** @throws CommandError when it is not one of our servers, is gone, or we may not look */
  #server(id: string): ProcessName {
    const mount = fuseMounts().get(Number(id));
    if (mount === undefined) throw new CommandError(`there is no mount of a FUSE server with the id ${id}`);
    const {entry, record} = noted(mount);
    const server = serverOf(record);
    if (server !== undefined) return server;
    const reason =
      process.geteuid?.() !== 0
        ? 'only root may look into the memory of a server'
        : record === undefined
          ? 'it was not mounted by fuseward, so nothing is counted'
          : 'its server is gone';
    throw new CommandError(`can't tell the counts of ${printable(entry.target)}: ${reason}`);
  }
}

/** The process that serves a mount that fuseward did not make, where the kernel tells and we may look. */
function foreignServer(connection: number): number | undefined {
  const mount = fuseMounts().get(connection);
  if (mount === undefined || noted(mount).record !== undefined || process.geteuid?.() !== 0) return undefined;
  return serversByConnection().get(connection);
}

function counters(pid: number): SharedCounters {
  const memory = readProcessMemfd(pid, COUNTERS_NAME, COUNTERS_SIZE);
  if (memory === undefined) throw new CommandError(`the server (process ${pid}) shows no counters`);
  return foreignCounters(memory);
}
