import {readlinkSync} from 'node:fs';
import {isSourceName} from '../policy/index.js';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {
  O_EXCL,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  type OwnedFd,
  openFd,
  reopenFd,
  statFd,
  tryFlock,
} from '../sys/fd.js';
import {loopDevicesOf} from '../sys/loop.js';
import {eventually} from './cleanup.js';
import {errnoWords, MountError, missingWords} from './errors.js';

const S_IFMT = 0o170000n;
const KINDS: ReadonlyMap<bigint, OpenedSource['kind']> = new Map([
  [0o100000n, 'file'],
  [0o060000n, 'block'],
  [0o040000n, 'directory'],
]);
const WORDS: ReadonlyMap<bigint, string> = new Map([
  [0o100000n, 'file'],
  [0o060000n, 'block device'],
  [0o040000n, 'directory'],
  [0o020000n, 'character device'],
  [0o010000n, 'FIFO'],
  [0o140000n, 'socket'],
]);

/** What is mounted. It was looked up once; everything later goes through the descriptor. */
export type Source = OpenedSource | NamedSource;

/** A file, a device or a directory of this machine. */
export interface OpenedSource {
  kind: 'file' | 'block' | 'directory';
  /** As the caller wrote it. */
  name: string;
  /** Where it was found, absolute. */
  path: string;
  /** O_PATH: says which file it is, opens nothing. One that a user gave is open for reading, and all there is to read from. */
  fd: OwnedFd;
  /** Opened by a user and never to be opened again. */
  given: boolean;
  dev: bigint;
  ino: bigint;
}

/** Something that its server finds by a name, `user@host:directory`: nothing is opened. */
export interface NamedSource {
  kind: 'name';
  name: string;
  /** The name. */
  path: string;
}

/** What may be mounted besides images and block devices. */
export interface SourceKinds {
  /** A directory; else it is refused. */
  directory: boolean;
  /** What begins neither with `/` nor with `.` is a name. */
  name: boolean;
}

/** Images and block devices alone. */
export const IMAGES_ONLY: SourceKinds = {directory: false, name: false};

/**
 * Looks up the source and makes sure that it is of a kind that can be mounted, and can be read. A FIFO or a
 * character device is not opened at all: that could block, or do something.
 *
 * @throws MountError `source-missing`, `source-kind`, `source-unreadable`
 */
export function openSource(name: string): OpenedSource;
export function openSource(name: string, kinds: SourceKinds): Source;
export function openSource(name: string, kinds: SourceKinds = IMAGES_ONLY): Source {
  if (kinds.name && isSourceName(name)) return {kind: 'name', name, path: name};
  let fd: OwnedFd;
  try {
    fd = openFd(name, O_PATH);
  } catch (error) {
    const errno = errnoOf(error);
    const missing = errno === ERRNO.ENOENT || errno === ERRNO.ENOTDIR;
    throw new MountError(
      {
        object: name,
        reason: missing ? missingWords('file or device', name, error) : errnoWords(errno),
        code: missing ? 'source-missing' : 'source-unreadable',
      },
      {errno, cause: error},
    );
  }
  try {
    const source = sourceOf(name, fd, {given: false, directory: kinds.directory});
    checkReadable(source);
    return source;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** The source that a descriptor stands for, which stays the caller's on failure. @throws MountError `source-kind` */
export function sourceOf(
  name: string,
  fd: OwnedFd,
  {given, directory}: {given: boolean; directory: boolean},
): OpenedSource {
  const {mode, dev, ino} = statFd(fd.fd);
  const words = WORDS.get(mode & S_IFMT) ?? 'special file';
  const kind = KINDS.get(mode & S_IFMT);
  if (kind === undefined || (kind === 'directory' && !directory)) {
    const advice = kind === 'directory' ? '; types for directories, such as bindfs, are named by -t' : '';
    const reason = `it is a ${words}, not an image file or a block device${advice}`;
    throw new MountError(
      {object: name, reason, code: 'source-kind'},
      {errno: kind === 'directory' ? ERRNO.EISDIR : ERRNO.ENOTBLK},
    );
  }
  const path = readlinkSync(`/proc/self/fd/${fd.fd}`);
  return {kind, name, path, fd, given, dev, ino};
}

function checkReadable({fd, name}: OpenedSource): void {
  try {
    reopenFd(fd.fd, O_RDONLY | O_NONBLOCK).close();
  } catch (error) {
    const errno = errnoOf(error);
    throw new MountError(
      {object: name, reason: `it can't be read: ${errnoWords(errno)}`, code: 'source-unreadable'},
      {errno, cause: error},
    );
  }
}

/** How long a source may stay busy: loop devices let go of their file a moment after the last close. */
const BUSY_MS = 1000;

/**
 * Waits a moment for a source that is in use, then gives up. The server's own request decides; this is to tell the
 * caller early and in plain words.
 *
 * @throws MountError `source-busy`
 */
export async function waitUntilFree(source: Source): Promise<void> {
  if (!(await eventually(() => !isBusy(source), BUSY_MS, 50))) throw busy(source.name);
}

/** The sentence for a source that somebody else uses. */
export function busy(name: string): MountError {
  return new MountError(
    {object: name, reason: 'it is already mounted or in use', code: 'source-busy'},
    {errno: ERRNO.EBUSY},
  );
}

/**
 * Whether somebody uses the source: a loop device or a lock on a file (each of our mounts holds one as long as its
 * server lives), an exclusive open of a device (mounts, swap, md, dm hold one).
 */
function isBusy(source: Source): boolean {
  // A directory may be mounted as often as anybody likes, and of a name nothing is known here.
  if (source.kind === 'directory' || source.kind === 'name') return false;
  if (source.kind === 'block') {
    // Claiming it takes another open, so nobody is kept away from a device that a user gave; it is only read.
    if (source.given) return false;
    try {
      reopenFd(source.fd.fd, O_RDONLY | O_NONBLOCK | O_EXCL).close();
      return false;
    } catch (error) {
      if (errnoOf(error) === ERRNO.EBUSY) return true;
      throw error;
    }
  }
  if (loopDevicesOf(source.dev, source.ino).length > 0) return true;
  using probe = source.given ? source.fd.dup() : reopenFd(source.fd.fd, O_RDONLY);
  return !tryFlock(probe.fd);
}
