import {deviceOf} from '../sys/device-of.js';
import {connectionOf} from '../sys/mount-info.js';
import {processStart} from '../sys/process-state.js';
import {eventually} from './cleanup.js';
import type {Connection} from './connection.js';
import type {LockDownReport} from './control-channel.js';
import type {KernelMount} from './kernel-mount.js';

/** A process by id and start time (clock ticks since boot), which no other process ever has together. */
export interface ProcessName {
  readonly pid: number;
  readonly start: string;
}

/** The process that serves a new mount, what the mount gave it, and what it says of itself. */
export interface ServingProcess {
  /** Undefined where the kernel does not tell who it is, or it is gone. */
  readonly name: ProcessName | undefined;
  readonly kind: Connection['kind'];
  /** A relay holds the fuse device in its place. */
  readonly observed: boolean;
  /** Absolute and without symbolic links. */
  readonly sourcePath: string;
  /** Inode number of a source that is a file, decimal. */
  readonly sourceInode: string | undefined;
  readonly loopDevice: string | undefined;
  /** Further sources that it was given, absolute, and the loop devices around them. */
  readonly members: ReadonlyArray<{readonly path: string; readonly loopDevice?: string}>;
  readonly readOnly: boolean;
  /** It was told of queues, and may hold an io_uring for them. */
  readonly queues: boolean;
  /** Filters of system calls that it had from its start, before its own. */
  readonly firstFilters: number;
  /** A program of others. */
  readonly isForeign: boolean;
  readonly lockDown: LockDownReport | undefined;
}

/** The process that has this id now. */
export function processName(pid: number | undefined): ProcessName | undefined {
  const start = pid === undefined ? undefined : processStart(pid);
  return pid === undefined || start === undefined ? undefined : {pid, start};
}

/** Whether the id is still that process's. */
export function isStill(name: ProcessName | undefined): boolean {
  return name !== undefined && processStart(name.pid) === name.start;
}

/** How long whoever had a mount made for a program may take to be gone. */
const LEAVING_MS = 500;

/**
 * The process of a program of others that answers for a new mount. Whoever had the mount made for it holds the fuse device too until it is gone, unless it
 * became the program; so does a program's own first process that only waits for the second. Then it is the oldest that is left.
 * @param adapter who had the mount made, by the kernel's word
 * @param observed a relay has the fuse device, so that it is whoever runs there
 */
export async function servingProcess(
  {server, unit}: Connection,
  {root}: KernelMount,
  {adapter, observed}: {adapter: number | undefined; observed: boolean},
): Promise<ProcessName | undefined> {
  const connection = connectionOf(deviceOf(root.fd));
  let holders: number[] = [];
  await eventually(() => {
    const among = observed ? undefined : connection;
    holders = (unit === undefined ? server?.serving?.(among) : unit.serving(among)) ?? [];
    return holders.length === 1;
  }, LEAVING_MS);
  return processName(holders.find((pid) => pid !== adapter) ?? holders[0]);
}
