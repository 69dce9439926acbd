import {readdirSync} from 'node:fs';
import {connectionOf, type MountEntry, readMounts} from '../sys/mount-info.js';
import {fuseConnectionOf} from '../sys/process.js';

/** One FUSE connection as the mount table shows it. */
export interface FuseMount {
  /** Number of the connection in /sys/fs/fuse/connections. */
  readonly connection: number;
  /** Every place where it is mounted (bind mounts and copies have ids of their own), in the table's order. */
  readonly entries: readonly [MountEntry, ...MountEntry[]];
}

/** All connections of FUSE servers that are mounted where this process can see them. @throws Errno */
export function fuseMounts(table: readonly MountEntry[] = readMounts()): Map<number, FuseMount> {
  const found = new Map<number, [MountEntry, ...MountEntry[]]>();
  for (const entry of table) {
    if (!/^fuse(?:blk)?(?:\.|$)/.test(entry.fsType)) continue;
    const connection = connectionOf(entry);
    const entries = found.get(connection);
    if (entries === undefined) found.set(connection, [entry]);
    else entries.push(entry);
  }
  return new Map([...found].map(([connection, entries]) => [connection, {connection, entries}]));
}

/**
 * Which process serves which connection, by what /proc tells of everybody's descriptors. Kernels before 6.17 tell nothing, and
 * the result is empty then. Takes about as long as listing the descriptors of every process.
 */
export function serversByConnection(): Map<number, number> {
  const found = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      for (const connection of fuseConnectionOf(Number(name))) {
        if (!found.has(connection)) found.set(connection, Number(name));
      }
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}
