import {mkdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs';
import {connectionOf, readMounts} from '../sys/mount-info.js';
import {fuseConnectionOf} from '../sys/process.js';
import {isRunning, processStart} from '../sys/process-state.js';
import {RUN_DIRECTORY} from './lock.js';
import {takeRecordLock} from './record-lock.js';

export {processStart};

/** What the mount command knew and nobody can ask the kernel for later. */
export interface MountRecord {
  /** FUSE connection, which is the minor number of the mount's st_dev. */
  readonly connectionId: number;
  readonly mountId: number;
  readonly source: string;
  /** Where the source was found, absolute and without symbolic links. */
  readonly sourcePath?: string | undefined;
  /** Inode number of a source that is a file, decimal. */
  readonly sourceInode?: string | undefined;
  readonly target: string;
  readonly type: string;
  readonly options: readonly string[];
  readonly readOnly: boolean;
  readonly loopDevice?: string | undefined;
  /** Further sources that the file system lies on, absolute, and the loop devices around them. */
  readonly members?: ReadonlyArray<{readonly path: string; readonly loopDevice?: string}> | undefined;
  readonly blockSize?: number | undefined;
  readonly iomap: string;
  /** The server was told of queues, and may hold an io_uring. */
  readonly queues?: boolean | undefined;
  /** Filters of system calls that the server had from its start, before its own. */
  readonly firstFilters?: number | undefined;
  /** Whether the server was started here or reached through a service socket. */
  readonly kind: string;
  /** The server is a program of others. */
  readonly foreign?: boolean | undefined;
  /** Policy granted that program places in the network. */
  readonly network?: boolean | undefined;
  /** First process of the sandbox of such a program, by id and start: all that it started ends with that. */
  readonly sandbox?: {readonly pid: number; readonly start: string} | undefined;
  /** The unit of systemd's that such a program runs in otherwise, and the user id that it has there. */
  readonly unit?: {readonly name: string; readonly uid: number} | undefined;
  /** When it was noticed that the mount is gone while the sandbox is still there, ISO 8601. */
  readonly goneSince?: string | undefined;
  readonly serverPid?: number | undefined;
  /** When the server started, in clock ticks since boot: with the id, the name of a process that no other ever has. */
  readonly serverStart?: string | undefined;
  /** The relay between the server and the kernel, where there is one, by process id and start. */
  readonly observer?: {readonly pid: number; readonly start: string} | undefined;
  /** What the server said of its lock-down. */
  readonly reported?: {readonly landlock: number; readonly systemCalls: number} | undefined;
  /** When the mount was made, ISO 8601. */
  readonly since: string;
  /** User who mounted it. */
  readonly callerUid?: number | undefined;
  /** Where its server listens for a manager; undefined for a server that knows no control channel. */
  readonly controlSocket?: string | undefined;
  /** The policy's rule that allowed the mount. */
  readonly rule?: {readonly file: string; readonly line: number} | undefined;
}

/** Where records are kept: one file a mount, by the number of its connection. */
export const RECORD_DIRECTORY: string = `${RUN_DIRECTORY}/mounts`;
/** Where the sockets of running servers are; only root may enter it. */
export const CONTROL_DIRECTORY: string = `${RUN_DIRECTORY}/control`;
/** Longer than anybody has the lock who runs. A mount without a record is worse than a record that a sweep could take. */
const PATIENCE_MS = 2_000;

/** Where the record of a connection is. */
export function recordFile(connectionId: number): string {
  return `${RECORD_DIRECTORY}/${connectionId}.json`;
}

/** Keeps the record of a mount, which is attached already, until the mount is gone. @throws Errno */
export function keepRecord(record: MountRecord): void {
  using _ = takeRecordLock(PATIENCE_MS);
  writeRecord(record);
}

/** Writes a record for who has the lock of the records. @throws Errno */
export function writeRecord(record: MountRecord): void {
  mkdirSync(RECORD_DIRECTORY, {recursive: true, mode: 0o755});
  const file = recordFile(record.connectionId);
  writeFileSync(`${file}.new`, JSON.stringify(record), {mode: 0o600});
  renameSync(`${file}.new`, file);
}

/** The record of a connection, if there is one and it is of this mount and not of one that had its number before. */
export function readRecord(connectionId: number, mountId: number): MountRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(recordFile(connectionId), 'utf8')) as MountRecord;
    return isRecordOf(record, connectionId, [mountId]) ? record : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether a record tells of this mount and not of one that had the connection's number before: it has the id of one of its places, or its
 * server still runs and holds this connection (the place it was mounted at first may be gone, and a bind mount left).
 */
export function isRecordOf(record: MountRecord, connection: number, mountIds: readonly number[]): boolean {
  if (mountIds.includes(record.mountId)) return true;
  // A relay has the device in the server's place.
  const {serverPid, serverStart, observer} = record;
  const {pid, start} = observer ?? {pid: serverPid, start: serverStart};
  if (pid === undefined || start === undefined || !isRunning({pid, start})) return false;
  try {
    return fuseConnectionOf(pid).includes(connection);
  } catch {
    return false;
  }
}

/** The records of mounts that are there. */
export function liveRecords(): MountRecord[] {
  return readMounts()
    .filter(({fsType}) => /^fuse(?:blk)?(?:\.|$)/.test(fsType))
    .flatMap((entry) => readRecord(connectionOf(entry), entry.id) ?? []);
}
