import {lstatSync, type Stats} from 'node:fs';
import {CommandError} from '../command.js';

/**
 * Group that Debian gives /usr/local to on systems that were upgraded from older releases. Its members are root's equals there by
 * Debian's own word (base-passwd, users-and-groups), so what they can write is no worse for it.
 */
const STAFF = 50;

/** What makes a file or directory unfit to hold what root runs; undefined when only root, or we ourselves, can change it. */
export function changeableBy({uid, gid, mode}: Stats): string | undefined {
  if (uid !== 0 && uid !== process.geteuid?.()) return `user ${uid}, to whom it belongs`;
  if ((mode & 0o002) !== 0) return 'any user';
  if ((mode & 0o020) !== 0 && gid !== 0 && gid !== STAFF) return `group ${gid}`;
  return undefined;
}

/** The path itself and every directory above it, from / on. */
export function wayTo(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)];
}

/**
 * Makes sure that nobody but root (or the caller) can change what lies at a real path: by the file or any directory above it. In a
 * sticky directory such as /tmp names can't be taken from their owner, which is enough above.
 * @throws CommandError that names the place and who could
 */
export function checkWay(path: string, intent: string): void {
  for (const place of wayTo(path)) {
    const stat = lstatSync(place);
    if (place !== path && (stat.mode & 0o1000) !== 0 && (stat.uid === 0 || stat.uid === process.geteuid?.()))
      continue;
    const who = changeableBy(stat);
    if (who !== undefined) throw new CommandError(`can't ${intent}: ${place} can be changed by ${who}`);
  }
}
