import {readdirSync, readFileSync, readlinkSync, realpathSync} from 'node:fs';
import {type MountEntry, mountAtPath} from '../sys/mount-info.js';
import {fuseConnectionOf} from '../sys/process.js';
import {type Containment, containmentOf} from './containment.js';
import {type MountRecord, processStart, readRecord} from './mount-record.js';

/** A mount as the kernel and the mount command's record tell it. */
export interface MountStatus {
  readonly target: string;
  readonly source: string;
  /** `fuse.ext4` and the like. */
  readonly fsType: string;
  readonly options: readonly string[];
  readonly mountId: number;
  readonly connectionId: number;
  /** Requests that the kernel waits for; undefined when fusectl is not mounted. */
  readonly waiting: number | undefined;
  /** What the mount command knew; undefined for mounts that are not ours. */
  readonly record: MountRecord | undefined;
  readonly loop: {readonly device: string; readonly backingFile: string} | undefined;
  /** How its server is held; undefined when no server is found. */
  readonly containment: Containment | undefined;
  /** The end of what the server logged: untrusted text. */
  readonly log: string;
}

function waitingOf(connectionId: number): number | undefined {
  try {
    return Number(readFileSync(`/sys/fs/fuse/connections/${connectionId}/waiting`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** The process that holds the other end: the recorded one if it still is that process, else whoever has the connection open. */
function serverOf(connectionId: number, record: MountRecord | undefined): number | undefined {
  if (record?.serverPid !== undefined && processStart(record.serverPid) === record.serverStart) {
    return record.serverPid;
  }
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (fuseConnectionOf(Number(entry)).includes(connectionId)) return Number(entry);
    } catch {
      // Gone meanwhile, or not ours to look at.
    }
  }
  return undefined;
}

function describe(pid: number | undefined): Pick<MountStatus, 'containment' | 'log' | 'loop'> {
  if (pid === undefined) return {containment: undefined, log: '', loop: undefined};
  try {
    return {containment: containmentOf(pid), log: logOf(pid), loop: loopOf(pid)};
  } catch {
    return {containment: undefined, log: '', loop: undefined};
  }
}

/** Standard error of a server that the embedded launcher started is a memfd. */
function logOf(pid: number): string {
  const path = `/proc/${pid}/fd/2`;
  if (!readlinkSync(path).startsWith('/memfd:')) return '';
  return readFileSync(path, 'utf8').slice(-65_536);
}

function loopOf(pid: number): MountStatus['loop'] {
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const device = readlinkSync(`/proc/${pid}/fd/${fd}`);
    if (!/^\/dev\/loop\d+$/.test(device)) continue;
    const backing = readFileSync(`/sys/block/${device.slice(5)}/loop/backing_file`, 'utf8').trim();
    return {device, backingFile: backing};
  }
  return undefined;
}

/** The topmost FUSE mount on exactly this path. @throws Error in a sentence when there is none */
export function findMount(target: string): MountEntry {
  let path = target;
  try {
    path = realpathSync(target);
  } catch {
    // The server may be dead: then even looking at the path fails, and it is taken as written.
  }
  const entry = mountAtPath(path);
  if (entry === undefined) throw new Error(`${target} is not a mount point`);
  if (!/^fuse(blk)?(\.|$)/.test(entry.fsType))
    throw new Error(`${target} is a mount of ${entry.fsType}, not of a FUSE server`);
  return entry;
}

/** Everything known of the mount on `target`. Needs root for the server's part. @throws Error in a sentence */
export function mountStatus(target: string): MountStatus {
  const entry = findMount(target);
  const connectionId = entry.minor;
  const record = readRecord(connectionId, entry.id);
  return {
    target: entry.target,
    source: entry.source,
    fsType: entry.fsType,
    options: [...new Set([...entry.options, ...entry.superOptions])],
    mountId: entry.id,
    connectionId,
    waiting: waitingOf(connectionId),
    record,
    ...describe(serverOf(connectionId, record)),
  };
}
