import {readFileSync, statSync, writeFileSync} from 'node:fs';
import {mountAt} from '../sys/mount.js';
import {readMounts} from '../sys/mount-info.js';
import type {KernelConnection} from './model.js';

/** Where the kernel shows its FUSE connections, once the `fusectl` file system is mounted there. */
export const FUSECTL = '/sys/fs/fuse/connections';

/** Mounts fusectl where it is missing, as systemd does at boot. @throws Errno without the right to */
export function ensureFusectl(): void {
  if (readMounts().some(({fsType, target}) => fsType === 'fusectl' && target === FUSECTL)) return;
  mountAt('fusectl', FUSECTL, 'fusectl', 0);
}

/** A number that the kernel shows of a connection; undefined where there is no fusectl or no such connection. */
function numberIn(connection: number, file: string): number | undefined {
  try {
    const text = readFileSync(`${FUSECTL}/${connection}/${file}`, 'utf8').trim();
    return /^\d+$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

/** What the kernel shows of a connection (Documentation/filesystems/fuse.rst); undefined where there is no fusectl or no such connection. */
export function kernelConnection(connection: number): KernelConnection | undefined {
  const waiting = waitingRequests(connection);
  if (waiting === undefined) return undefined;
  return {
    waiting,
    maxBackground: numberIn(connection, 'max_background') ?? null,
    congestionThreshold: numberIn(connection, 'congestion_threshold') ?? null,
  };
}

/** Requests that the kernel waits for on a connection; undefined where there is no fusectl or no such connection. */
export function waitingRequests(connection: number): number | undefined {
  return numberIn(connection, 'waiting');
}

/** The file that ends a connection when it is written to; undefined where there is none. */
export function abortFile(connection: number): string | undefined {
  const file = `${FUSECTL}/${connection}/abort`;
  return statSync(file, {throwIfNoEntry: false}) === undefined ? undefined : file;
}

/** Ends a connection: every request that waits, and every one to come, fails. Whether there was one to end. */
export function abortConnection(connection: number): boolean {
  const file = abortFile(connection);
  if (file === undefined) return false;
  try {
    writeFileSync(file, '1');
    return true;
  } catch {
    // It was unmounted in between.
    return false;
  }
}
