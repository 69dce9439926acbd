import {readdirSync, readFileSync, readlinkSync, realpathSync} from 'node:fs';
import {basename, dirname, join, resolve} from 'node:path';
import {O_NONBLOCK, O_RDONLY, openFd} from '../sys/fd.js';
import {connectionOf, type MountEntry, mountAtPath, readMounts} from '../sys/mount-info.js';
import {fuseConnectionOf} from '../sys/process.js';
import type {Containment} from './containment.js';
import {readLogEnd} from './log-memfd.js';
import {type MountRecord, processStart, readRecord} from './mount-record.js';
import {expectedOf, lookAtServer, type Seal} from './seal.js';

/** A mount as the kernel and the mount command's record tell it. */
export interface MountStatus {
  readonly target: string;
  /** Every place where it is mounted, bind mounts of it included. */
  readonly places: readonly string[];
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
  /** The same, judged; undefined when no server is found. */
  readonly seal: Seal | undefined;
  /** The end of what the server logged, and its relay before it: untrusted text. */
  readonly log: string;
}

function waitingOf(connectionId: number): number | undefined {
  try {
    return Number(readFileSync(`/sys/fs/fuse/connections/${connectionId}/waiting`, 'utf8'));
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

function describe(
  pid: number | undefined,
  expected: Parameters<typeof lookAtServer>[1],
): Pick<MountStatus, 'containment' | 'seal' | 'log' | 'loop'> {
  const start = pid === undefined ? undefined : processStart(pid);
  if (pid === undefined || start === undefined || process.geteuid?.() !== 0) {
    return {containment: undefined, seal: undefined, log: '', loop: undefined};
  }
  const look = lookAtServer({pid, start}, expected);
  try {
    return {...look, log: logOf(pid), loop: loopOf(pid)};
  } catch {
    return {...look, log: '', loop: undefined};
  }
}

/** Standard error of a server that the embedded launcher started is a memfd, which may be as large as its owner made it. */
function logOf(pid: number): string {
  const path = `/proc/${pid}/fd/2`;
  if (!readlinkSync(path).startsWith('/memfd:')) return '';
  // Should it be something else by now, opening it must not wait.
  using log = openFd(path, O_RDONLY | O_NONBLOCK);
  return readLogEnd(log.fd);
}

/** What the relay before an observed server logged, the faults that it found; or what a sandbox's first process has of a program that closed its standard error. */
function logOfNamed(named: MountRecord['observer'] | MountRecord['sandbox']): string {
  if (named === undefined || process.geteuid?.() !== 0) return '';
  try {
    return processStart(named.pid) === named.start ? logOf(named.pid) : '';
  } catch {
    return '';
  }
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

/** The path without links, or as it is written where it can't be looked at: its server may be dead. */
function canonical(target: string): string {
  try {
    // The last name stays untouched unless it is a link itself.
    const direct = join(realpathSync(dirname(target)), basename(target));
    return mountAtPath(direct) === undefined ? realpathSync(direct) : direct;
  } catch {
    return resolve(target);
  }
}

/** The topmost FUSE mount on exactly this path. @throws Error in a sentence when there is none */
export function findMount(target: string): MountEntry {
  // Compared before it is touched: looking at the root of a mount whose server hangs would wait for it.
  const entry = mountAtPath(resolve(target)) ?? mountAtPath(canonical(target));
  if (entry === undefined) throw new Error(`${target} is not a mount point`);
  if (!/^fuse(blk)?(\.|$)/.test(entry.fsType))
    throw new Error(`${target} is a mount of ${entry.fsType}, not of a FUSE server`);
  return entry;
}

/** Everything known of the mount on `target`. Needs root for the server's part. @throws Error in a sentence */
export function mountStatus(target: string): MountStatus {
  const entry = findMount(target);
  const connectionId = connectionOf(entry);
  const record = readRecord(connectionId, entry.id);
  const readOnly = [...entry.options, ...entry.superOptions].includes('ro');
  const expected = expectedOf(record, {connection: connectionId, readOnly});
  const server = describe(serverOf(connectionId, record), expected);
  return {
    target: entry.target,
    places: readMounts().flatMap((each) => (connectionOf(each) === connectionId ? [each.target] : [])),
    source: entry.source,
    fsType: entry.fsType,
    options: [...new Set([...entry.options, ...entry.superOptions])],
    mountId: entry.id,
    connectionId,
    waiting: waitingOf(connectionId),
    record,
    ...server,
    log: logOfNamed(record?.observer) + (server.log === '' ? logOfNamed(record?.sandbox) : server.log),
  };
}
