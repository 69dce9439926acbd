import {readlinkSync} from 'node:fs';
import {Errno, errnoOf, errnoText} from '../sys/errno.js';
import {O_DIRECTORY, O_NOFOLLOW, O_PATH, type OwnedFd, openAtFd, openFd, statFd} from '../sys/fd.js';

const S_IFMT = 0o170000n;
const S_IFLNK = 0o120000n;
const S_IFDIR = 0o040000n;
const S_ISVTX = 0o1000n;
const OTHERS_WRITE = 0o022n;
/** As many symbolic links as the kernel follows. */
const MOST_LINKS = 40;

/** A path that policy names and that can't be opened as it has to be. The message ends a sentence. */
export class GrantError extends Error {
  readonly path: string;
  readonly errno: number | undefined;
  /** It is among the secrets. */
  isSecret = false;

  constructor(path: string, reason: string, errno?: number) {
    super(`${path} ${reason}`);
    this.path = path;
    this.errno = errno;
  }
}

const names = (path: string): string[] => path.split('/').filter((name) => name !== '' && name !== '.');

/** Whether others than root can put things into a directory under names that are not theirs. */
function isOpenToOthers(mode: bigint, uid: bigint): boolean {
  return uid !== 0n || ((mode & OTHERS_WRITE) !== 0n && (mode & S_ISVTX) === 0n);
}

/**
 * Opens what an administrator's path names, once, name by name. A symbolic link is followed only where it is root's and lies in a directory
 * that is root's, so that nobody else can lead root elsewhere.
 *
 * @returns an O_PATH descriptor
 * @throws GrantError
 */
export function openGranted(path: string): OwnedFd {
  const left = names(path);
  let here = openFd('/', O_PATH | O_DIRECTORY);
  const above: OwnedFd[] = [];
  let links = 0;
  try {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      if (name === '..') {
        const parent = above.pop();
        if (parent === undefined) continue;
        here.close();
        here = parent;
        continue;
      }
      const next = openAtFd(here.fd, name, O_PATH | O_NOFOLLOW);
      const {mode, uid} = statFd(next.fd);
      if ((mode & S_IFMT) !== S_IFLNK) {
        if (left.length > 0 && (mode & S_IFMT) !== S_IFDIR) {
          next.close();
          throw new Errno('ENOTDIR', 'open', path);
        }
        above.push(here);
        here = next;
        continue;
      }
      next.close();
      const directory = statFd(here.fd);
      if (uid !== 0n || isOpenToOthers(directory.mode, directory.uid)) {
        throw new GrantError(
          path,
          `has a symbolic link (${name}) that others than root could have put there`,
        );
      }
      links++;
      if (links > MOST_LINKS) throw new Errno('ELOOP', 'open', path);
      // The name may not be another file's by now: nobody but root can exchange it.
      const target = readlinkSync(`/proc/self/fd/${here.fd}/${name}`);
      left.unshift(...names(target));
      if (target.startsWith('/')) {
        for (const each of [...above.splice(0), here]) each.close();
        here = openFd('/', O_PATH | O_DIRECTORY);
      }
    }
    return here.dup();
  } catch (error) {
    if (error instanceof GrantError) throw error;
    throw new GrantError(path, `can't be opened: ${errnoText(errnoOf(error))}`, errnoOf(error));
  } finally {
    for (const each of [...above, here]) each.close();
  }
}
