import {mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {basename, dirname} from 'node:path';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {fuseConnections} from '../sys/fuse-connections.js';
import {connectionOf, type MountEntry, readMounts} from '../sys/mount-info.js';
import {processStart} from '../sys/process-state.js';
import {connectStream} from '../sys/socket.js';
import {endSandbox, isSandboxThere} from './leftover-sandbox.js';
import {RUN_DIRECTORY} from './lock.js';

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

const DIRECTORY = `${RUN_DIRECTORY}/mounts`;
/** Where the sockets of running servers are; only root may enter it. */
export const CONTROL_DIRECTORY: string = `${RUN_DIRECTORY}/control`;
const SOCKET_NAME = /^[0-9a-f]{16}\.sock$/;
/** Between being made and being listened on, a socket looks like one whose server is gone. */
const YOUNG_MS = 2_000;

function fileOf(connectionId: number): string {
  return `${DIRECTORY}/${connectionId}.json`;
}

/** Keeps the record of a mount until the mount is gone. */
export function writeRecord(record: MountRecord): void {
  mkdirSync(DIRECTORY, {recursive: true, mode: 0o755});
  const file = fileOf(record.connectionId);
  writeFileSync(`${file}.new`, JSON.stringify(record), {mode: 0o600});
  renameSync(`${file}.new`, file);
}

/** The record of a connection, if there is one and it is of this mount and not of one that had its number before. */
export function readRecord(connectionId: number, mountId: number): MountRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(fileOf(connectionId), 'utf8')) as MountRecord;
    return record.mountId === mountId ? record : undefined;
  } catch {
    return undefined;
  }
}

/** The records of mounts that are there. */
export function liveRecords(): MountRecord[] {
  return readMounts()
    .filter(({fsType}) => /^fuse(?:blk)?(?:\.|$)/.test(fsType))
    .flatMap((entry) => readRecord(connectionOf(entry), entry.id) ?? []);
}

/** How long a program of others may take to end when its mount is gone: it may have to bring home what was written. */
const LEAVING_MS = 30_000;

/**
 * Removes records whose mount is gone, by whatever way it went, and sockets without a record.
 * @param leavingMs time that a program of others has to end after its mount; what is there longer is ended
 */
export function sweepRecords(leavingMs: number = LEAVING_MS): void {
  const mounts = readMounts();
  let found: {numbers: ReadonlySet<number> | undefined} | undefined;
  const connections = (): ReadonlySet<number> | undefined => {
    found ??= {numbers: fuseConnections()};
    return found.numbers;
  };
  const inUse = new Set<string | undefined>();
  for (const name of namesIn(DIRECTORY)) {
    const id = Number(/^(\d+)\.json(\.new)?$/.exec(name)?.[1] ?? Number.NaN);
    if (isLeaving(id, mounts, connections, leavingMs)) continue;
    const socket = socketOf(id);
    if (mounts.some((mount) => connectionOf(mount) === id)) {
      inUse.add(socket);
      continue;
    }
    if (socket !== undefined) rmSync(socket, {force: true});
    rmSync(`${DIRECTORY}/${name}`, {force: true});
  }
  for (const name of namesIn(CONTROL_DIRECTORY)) {
    const path = `${CONTROL_DIRECTORY}/${name}`;
    if (SOCKET_NAME.test(name) && !inUse.has(path) && isAbandoned(path)) rmSync(path, {force: true});
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/**
 * Whether the sandbox of a program of others is still there though its mount is gone. It is ended when it has had its time: no program of a sandbox
 * outlives its mount for long.
 */
function isLeaving(
  id: number,
  mounts: readonly MountEntry[],
  connections: () => ReadonlySet<number> | undefined,
  leavingMs: number,
): boolean {
  const record = recordOf(id);
  if (record === undefined || !isSandboxThere(record)) return false;
  if (mounts.some((mount) => mount.id === record.mountId && connectionOf(mount) === id)) return false;
  // Files of a mount that was taken out of the tree may still be open.
  const open = connections();
  if (open === undefined || open.has(id)) return true;
  if (record.goneSince === undefined) {
    writeRecord({...record, goneSince: new Date().toISOString()});
    return true;
  }
  if (Math.abs(Date.now() - Date.parse(record.goneSince)) < leavingMs) return true;
  endSandbox(record);
  return false;
}

function recordOf(id: number): MountRecord | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(id), 'utf8')) as MountRecord;
  } catch {
    return undefined;
  }
}

/** The socket that a record names, if it is one of those that the helper makes. */
function socketOf(connectionId: number): string | undefined {
  try {
    const {controlSocket} = JSON.parse(readFileSync(fileOf(connectionId), 'utf8')) as MountRecord;
    if (controlSocket === undefined || dirname(controlSocket) !== CONTROL_DIRECTORY) return undefined;
    return SOCKET_NAME.test(basename(controlSocket)) ? controlSocket : undefined;
  } catch {
    return undefined;
  }
}

/** Whether nobody listens on a socket and nobody is about to. */
function isAbandoned(path: string): boolean {
  const made = statSync(path, {throwIfNoEntry: false})?.ctimeMs;
  if (made === undefined || Math.abs(Date.now() - made) < YOUNG_MS) return false;
  try {
    connectStream(path, {timeoutMs: 1}).close();
    return false;
  } catch (error) {
    return errnoOf(error) === ERRNO.ECONNREFUSED;
  }
}
