import {readdirSync, readFileSync, rmSync, statSync} from 'node:fs';
import {basename, dirname} from 'node:path';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {fuseConnections} from '../sys/fuse-connections.js';
import {connectionOf, type MountEntry, readMounts} from '../sys/mount-info.js';
import {isRunning} from '../sys/process-state.js';
import {connectStream} from '../sys/socket.js';
import {endSandbox, isSandboxThere} from './leftover-sandbox.js';
import {
  CONTROL_DIRECTORY,
  type MountRecord,
  RECORD_DIRECTORY,
  recordFile,
  writeRecord,
} from './mount-record.js';
import {takeRecordLock} from './record-lock.js';

const SOCKET_NAME = /^[0-9a-f]{16}\.sock$/;
/** Between being made and being listened on, a socket looks like one whose server is gone. */
const YOUNG_MS = 2_000;
/** How long a sweep waits for another, or for a mount to be noted: a few milliseconds each. The daemon waits with all it does. */
const PATIENCE_MS = 100;
/** How long a program of others may take to end when its mount is gone: it may have to bring home what was written. */
const LEAVING_MS = 30_000;

/**
 * Removes records whose mount is gone, by whatever way it went, and sockets without a record.
 * @returns `busy` when the records were somebody else's all the time that this waits for them, and nothing was done; `later` when there are some of mounts
 *     that this mount table has not got and that live on, or whose program still has to end
 * @param leavingMs time that a program of others has to end after its mount; what is there longer is ended
 * @throws Errno
 */
export function sweepRecords(leavingMs: number = LEAVING_MS): 'done' | 'later' | 'busy' {
  using lock = takeRecordLock(PATIENCE_MS);
  return lock === undefined ? 'busy' : sweep(leavingMs);
}

function sweep(leavingMs: number): 'done' | 'later' {
  const mounts = readMounts();
  let found: {numbers: ReadonlySet<number> | undefined} | undefined;
  const connections = (): ReadonlySet<number> | undefined => {
    found ??= {numbers: fuseConnections()};
    return found.numbers;
  };
  const inUse = new Set<string | undefined>();
  let left: 'done' | 'later' = 'done';
  for (const name of namesIn(RECORD_DIRECTORY)) {
    const id = Number(/^(\d+)\.json(\.new)?$/.exec(name)?.[1] ?? Number.NaN);
    if (isLeaving(id, mounts, connections, leavingMs)) {
      left = 'later';
      continue;
    }
    const socket = socketOf(id);
    const isHere = mounts.some((mount) => connectionOf(mount) === id);
    if (isHere || isElsewhere(id, connections)) {
      inUse.add(socket);
      if (!isHere) left = 'later';
      continue;
    }
    if (socket !== undefined) rmSync(socket, {force: true});
    rmSync(`${RECORD_DIRECTORY}/${name}`, {force: true});
  }
  for (const name of namesIn(CONTROL_DIRECTORY)) {
    const path = `${CONTROL_DIRECTORY}/${name}`;
    if (SOCKET_NAME.test(name) && !inUse.has(path) && isAbandoned(path)) rmSync(path, {force: true});
  }
  return left;
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

/** Whether a mount that is not in this table lives on: in another mount namespace, or taken out of the tree while files in it are open. */
function isElsewhere(id: number, connections: () => ReadonlySet<number> | undefined): boolean {
  const record = recordOf(id);
  if (record?.serverPid === undefined || record.serverStart === undefined) return false;
  if (!isRunning({pid: record.serverPid, start: record.serverStart})) return false;
  return connections()?.has(id) ?? true;
}

function recordOf(id: number): MountRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordFile(id), 'utf8')) as MountRecord;
  } catch {
    return undefined;
  }
}

/** The socket that a record names, if it is one of those that the helper makes. */
function socketOf(connectionId: number): string | undefined {
  const controlSocket = recordOf(connectionId)?.controlSocket;
  if (controlSocket === undefined || dirname(controlSocket) !== CONTROL_DIRECTORY) return undefined;
  return SOCKET_NAME.test(basename(controlSocket)) ? controlSocket : undefined;
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
