import {fstatSync, type Stats, statSync} from 'node:fs';
import {O_RDONLY, O_WRONLY, OwnedFd, openFlags} from '../sys/fd.js';
import {openAmong} from '../sys/poll.js';
import {closeRange, getRlimit} from '../sys/process.js';

/** Numbers that are looked at; all above are closed without a look. */
const MOST_DESCRIPTORS = 1024;
const FIRST = 3;
const ACCESS_MODE = 3;
/** Device 1:3. */
const DEV_NULL = 0x103;

interface Open {
  readonly fd: number;
  readonly stats: Stats;
}

/** Inodes of pipes of which this process has both ends. */
function ownPipes(open: readonly Open[]): Set<number> {
  const ends = (mode: number): Set<number> =>
    new Set(
      open
        .filter(({fd, stats}) => stats.isFIFO() && (openFlags(fd) & ACCESS_MODE) === mode)
        .map(({stats}) => stats.ino),
    );
  const written = ends(O_WRONLY);
  return new Set([...ends(O_RDONLY)].filter((ino) => written.has(ino)));
}

/**
 * Closes every descriptor that is neither known nor the runtime's own. The runtime's are event loops and their wake-ups, which are
 * anonymous inodes without a file type; pipes that it has both ends of; and /dev/null, or where there is none the root directory, which
 * libuv keeps in reserve and would close by its number when it runs out of descriptors.
 *
 * @param known those from 3 on that the server works with
 * @returns how many were closed
 */
export function closeUnknown(known: ReadonlySet<number>): number {
  // Nothing of ours has a number beyond the limit, but what was open before the limit was set may.
  const end = Math.min(getRlimit('NOFILE').soft, MOST_DESCRIPTORS);
  const open: Open[] = openAmong(FIRST, end).map((fd) => ({fd, stats: fstatSync(fd)}));
  const pipes = ownPipes(open);
  const root = statSync('/');
  const isRuntimes = ({stats}: Open): boolean => {
    if (stats.isFIFO()) return pipes.has(stats.ino);
    if (stats.isDirectory()) return stats.dev === root.dev && stats.ino === root.ino;
    if (stats.isCharacterDevice()) return stats.rdev === DEV_NULL;
    const hasType = stats.isFile() || stats.isSocket() || stats.isBlockDevice();
    return !hasType && !stats.isSymbolicLink();
  };
  const unknown = open.filter((each) => !known.has(each.fd) && !isRuntimes(each));
  for (const {fd} of unknown) new OwnedFd(fd).close();
  closeRange(end, Infinity);
  return unknown.length;
}
