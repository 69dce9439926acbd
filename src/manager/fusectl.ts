import {readFileSync, statSync, writeFileSync} from 'node:fs';
import {mountAt} from '../sys/mount.js';
import {readMounts} from '../sys/mount-info.js';

/** Where the kernel shows its FUSE connections, once the `fusectl` file system is mounted there. */
export const FUSECTL = '/sys/fs/fuse/connections';

/** Mounts fusectl where it is missing, as systemd does at boot. @throws Errno without the right to */
export function ensureFusectl(): void {
  if (readMounts().some(({fsType, target}) => fsType === 'fusectl' && target === FUSECTL)) return;
  mountAt('fusectl', FUSECTL, 'fusectl', 0);
}

/** Requests that the kernel waits for on a connection; undefined where there is no fusectl or no such connection. */
export function waitingRequests(connection: number): number | undefined {
  try {
    return Number(readFileSync(`${FUSECTL}/${connection}/waiting`, 'latin1'));
  } catch {
    return undefined;
  }
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
