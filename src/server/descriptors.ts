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

/** Nothing of ours has a number beyond the limit, but what was open before the limit was set may. */
function endOfLook(): number {
  return Math.min(getRlimit('NOFILE').soft, MOST_DESCRIPTORS);
}

/**
 * The descriptors that are neither known nor the runtime's own, among the numbers that can be looked at. The runtime's are event loops and their wake-ups, which are
 * anonymous inodes without a file type; pipes that it has both ends of; and /dev/null, or where there is none the root directory, which
 * libuv keeps in reserve and would close by its number when it runs out of descriptors.
 *
 * @param known those from 3 on that the server works with
 */
export function unknownDescriptors(known: ReadonlySet<number>): number[] {
  const open: Open[] = openAmong(FIRST, endOfLook()).map((fd) => ({fd, stats: fstatSync(fd)}));
  const pipes = ownPipes(open);
  const root = statSync('/');
  const isRuntimes = ({stats}: Open): boolean => {
    if (stats.isFIFO()) return pipes.has(stats.ino);
    if (stats.isDirectory()) return stats.dev === root.dev && stats.ino === root.ino;
    if (stats.isCharacterDevice()) return stats.rdev === DEV_NULL;
    const hasType = stats.isFile() || stats.isSocket() || stats.isBlockDevice();
    return !hasType && !stats.isSymbolicLink();
  };
  return open.flatMap((each) => (known.has(each.fd) || isRuntimes(each) ? [] : [each.fd]));
}

/** Closes those that `unknownDescriptors` finds, and all that have higher numbers. @returns how many it found */
export function closeUnknown(known: ReadonlySet<number>): number {
  const unknown = unknownDescriptors(known);
  for (const fd of unknown) new OwnedFd(fd).close();
  closeRange(endOfLook(), Infinity);
  return unknown.length;
}
