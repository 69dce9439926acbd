import {existsSync} from 'node:fs';
import type {ServerPolicy} from '../policy/policy.js';

/** Where servers that someone else starts (a systemd socket unit) listen, one socket a type. */
export const SERVICE_DIRECTORY = '/run/filesystems';

/** The server that finds out the type. */
export const UNNAMED = 'auto';

/** Types that a server of our own knows; `auto` finds out which of them the source is. */
export const BUILTIN_TYPES: readonly string[] = ['ext2', 'ext3', 'ext4', 'raw', 'stripefs', UNNAMED];

/** Whether a mount of `type` starts a server of our own, by what lies ready now. @param type `auto` for one that finds out */
export function startsOwn(
  type: string,
  {driver, command}: ServerPolicy,
  directory: string = SERVICE_DIRECTORY,
): boolean {
  if (driver === 'socket' || command !== undefined || !BUILTIN_TYPES.includes(type)) return false;
  return type === UNNAMED || driver === 'builtin' || !existsSync(`${directory}/${type}`);
}
