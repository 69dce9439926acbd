import type {ServerPolicy} from '../policy/index.js';
import {getRlimit, type RlimitResource} from '../sys/process.js';

/** Bounds of resources (getrlimit(2)) by prlimit(1)'s names for them. */
export type Limits = Record<
  'core' | 'data' | 'fsize' | 'memlock' | 'msgqueue' | 'nofile' | 'nproc' | 'rtprio' | 'sigpending',
  number | 'unlimited'
>;

/**
 * Bytes a file may grow to, which is what bubblewrap needs to copy the program in. The server lowers it to what its log, a
 * memfd, may take.
 */
const FILE_LIMIT = 16 * 2 ** 20;

/** What the rings of a server may take, bytes. */
const RING_MEMORY = 1 << 20;

/** A bound, or this process's own where that is lower: prlimit(1) runs as the server's user, who can't raise what he gets from here. */
function lower(resource: RlimitResource, bound: number | 'unlimited'): number {
  return Math.min(bound === 'unlimited' ? Infinity : bound, getRlimit(resource).hard);
}

/**
 * Words of prlimit(1) that bound what a server takes. A container may give less locked memory and fewer signals, which a server can do without: by
 * the device it needs neither. It can't do without the rest, and prlimit says so.
 * @param other where it is something else than for our own
 */
export function limitWords(
  server: Pick<ServerPolicy, 'memoryBytes' | 'tasks'>,
  other: Partial<Limits> = {},
): string[] {
  const limits: Limits = {
    core: 0,
    data: server.memoryBytes,
    fsize: FILE_LIMIT,
    // An io_uring counts as locked memory.
    memlock: RING_MEMORY,
    msgqueue: 0,
    nofile: 64,
    // Counted by user id, and each server has its own: bubblewrap's own two processes are among them.
    nproc: server.tasks,
    rtprio: 0,
    sigpending: 64,
    ...other,
  };
  const words = {
    ...limits,
    // The server raises the soft limit for its own ring, and the lock-down takes both away; at the start there is none (see also `firstFilter`).
    memlock: `0:${lower('MEMLOCK', limits.memlock)}`,
    sigpending: lower('SIGPENDING', limits.sigpending),
  };
  return Object.entries(words).map(([name, value]) => `--${name}=${value}`);
}
