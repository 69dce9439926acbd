import {mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {readMounts} from '../sys/mount-info.js';
import {RUN_DIRECTORY} from './lock.js';

/** What the mount command knew and nobody can ask the kernel for later. */
export interface MountRecord {
  /** FUSE connection, which is the minor number of the mount's st_dev. */
  readonly connectionId: number;
  readonly mountId: number;
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly options: readonly string[];
  readonly readOnly: boolean;
  readonly loopDevice?: string | undefined;
  readonly blockSize?: number | undefined;
  readonly iomap: string;
  /** Whether the server was started here or reached through a service socket. */
  readonly kind: string;
  readonly serverPid?: number | undefined;
  /** When the server started, in clock ticks since boot: with the id, the name of a process that no other ever has. */
  readonly serverStart?: string | undefined;
  /** What the server said of its lock-down. */
  readonly reported?: {readonly landlock: number; readonly systemCalls: number} | undefined;
  /** When the mount was made, ISO 8601. */
  readonly since: string;
  /** User who mounted it. */
  readonly callerUid?: number | undefined;
  /** Where its server listens for a manager; undefined for a server that knows no control channel. */
  readonly controlSocket?: string | undefined;
}

const DIRECTORY = `${RUN_DIRECTORY}/mounts`;

function fileOf(connectionId: number): string {
  return `${DIRECTORY}/${connectionId}.json`;
}

/** The start time of a process (field 22 of /proc/PID/stat), undefined when it is gone. */
export function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold anything, so count from behind its last parenthesis.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
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

/** Removes records whose mount is gone, by whatever way it went. */
export function sweepRecords(): void {
  let names: string[];
  try {
    names = readdirSync(DIRECTORY);
  } catch {
    return;
  }
  const mounts = readMounts();
  for (const name of names) {
    const id = Number(/^(\d+)\.json(\.new)?$/.exec(name)?.[1] ?? Number.NaN);
    if (!mounts.some((mount) => mount.major === 0 && mount.minor === id))
      rmSync(`${DIRECTORY}/${name}`, {force: true});
  }
}
