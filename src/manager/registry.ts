import {isRecordOf, type MountRecord} from '../launch/mount-record.js';
import {type FuseMount, fuseMounts, serversByConnection} from './fuse-mounts.js';
import {RecordReader} from './mount-records.js';
import {type ProcessName, processNamed} from './process-name.js';
import type {WatchedMount} from './watched-mount.js';

/** What the registry asks and tells. */
export interface RegistryEvents {
  /** Makes the watched mount of what was found. */
  watch(mount: FuseMount, record: MountRecord | undefined): WatchedMount;
  /** A mount was found, for the first time or after another one that had its number. */
  found(mount: WatchedMount): void;
  /** A mount is not in the table any more. */
  gone(mount: WatchedMount): void;
}

/** A mount without a record waits so long for one: a mount command writes it just after it attached the mount. */
const PATIENCE_MS = 300;
/** When many servers end at once, one look at all processes serves for them all. */
const SAME_LOOK_MS = 200;
/** Pause after a search of all processes for servers, ms: it doubles up to the longest while nothing is found. */
const SEARCH_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** All FUSE mounts of this machine, by connection: what the mount table shows, together with the mount command's records. */
export class Registry {
  readonly #mounts = new Map<number, WatchedMount>();
  /** When a mount without a record was first seen. */
  readonly #seen = new Map<number, number>();
  readonly #records = new RecordReader();
  readonly #events: RegistryEvents;
  readonly #monotonic: () => number;
  #searchedAt = Number.NEGATIVE_INFINITY;
  #searchPauseMs = SEARCH_PAUSE_MS;
  #holders: {at: number; byConnection: ReadonlyMap<number, number>} | undefined;

  constructor(monotonic: () => number, events: RegistryEvents) {
    this.#monotonic = monotonic;
    this.#events = events;
  }

  /** In the order of their numbers. */
  all(): WatchedMount[] {
    return [...this.#mounts.values()].sort((a, b) => a.connection - b.connection);
  }

  get(id: string): WatchedMount | undefined {
    return /^\d{1,10}$/.test(id) ? this.#mounts.get(Number(id)) : undefined;
  }

  /**
   * Looks at the mount table and the records. @param patient false: what has no record yet is somebody else's mount
   * @throws Errno when the table can't be read; nothing has changed then
   */
  look(patient: boolean): void {
    const table = fuseMounts();
    const records = this.#records.read();
    for (const mount of this.all()) {
      const now = table.get(mount.connection);
      if (now !== undefined && mount.isStill(now, recordOf(now, records))) continue;
      this.#mounts.delete(mount.connection);
      mount.close();
      this.#events.gone(mount);
    }
    for (const connection of this.#seen.keys()) if (!table.has(connection)) this.#seen.delete(connection);
    for (const mount of table.values()) this.#take(mount, recordOf(mount, records), patient);
  }

  /**
   * Whether a mount is in the table at this moment, whatever was seen before. Its numbers alone prove nothing: a mount that was
   * made just after its end has got the same. @throws Errno
   */
  isMounted(mount: WatchedMount): boolean {
    const now = fuseMounts().get(mount.connection);
    return now !== undefined && mount.isStill(now, recordOf(now, this.#records.read()));
  }

  /** Finds the servers of mounts that nobody knows it of, if it is time for such a search. */
  findServers(): void {
    const wanting = this.all().filter(({wantsServer}) => wantsServer);
    if (wanting.length === 0 || this.#monotonic() - this.#searchedAt < this.#searchPauseMs) return;
    this.#searchedAt = this.#monotonic();
    this.#searchPauseMs = Math.min(LONGEST_PAUSE_MS, this.#searchPauseMs * 2);
    const servers = serversByConnection();
    for (const mount of wanting) {
      const server = nameOf(servers.get(mount.connection));
      if (server !== undefined) mount.foundServer(server);
    }
  }

  /** The process that holds a connection now. */
  holderOf({connection}: WatchedMount): ProcessName | undefined {
    const now = this.#monotonic();
    if (this.#holders === undefined || now - this.#holders.at > SAME_LOOK_MS) {
      this.#holders = {at: now, byConnection: serversByConnection()};
    }
    return nameOf(this.#holders.byConnection.get(connection));
  }

  #take(mount: FuseMount, record: MountRecord | undefined, patient: boolean): void {
    const known = this.#mounts.get(mount.connection);
    if (known !== undefined) {
      known.update(mount);
      if (known.record === undefined && record !== undefined) known.adopt(record);
      return;
    }
    const now = this.#monotonic();
    const seen = this.#seen.get(mount.connection) ?? now;
    if (patient && record === undefined && now - seen < PATIENCE_MS) {
      this.#seen.set(mount.connection, seen);
      return;
    }
    this.#seen.delete(mount.connection);
    const watched = this.#events.watch(mount, record);
    this.#mounts.set(mount.connection, watched);
    this.#searchPauseMs = SEARCH_PAUSE_MS;
    this.#events.found(watched);
  }
}

function recordOf(mount: FuseMount, records: ReadonlyMap<number, MountRecord>): MountRecord | undefined {
  const record = records.get(mount.connection);
  if (record === undefined) return undefined;
  const {connection, entries} = mount;
  const ids = entries.map(({id}) => id);
  return isRecordOf(record, connection, ids) ? record : undefined;
}

function nameOf(pid: number | undefined): ProcessName | undefined {
  return pid === undefined ? undefined : processNamed(pid);
}
