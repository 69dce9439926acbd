import {canWriteAs, type FileCredentials} from '../sys/credentials.js';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {O_PATH, O_RDONLY, type OwnedFd, openFlags, statFd} from '../sys/fd.js';
import {type MountEntry, readMounts} from '../sys/mount-info.js';
import {errnoWords, MountError} from './errors.js';
import {alreadyBusy, currentPath, type MountPoint, mountIdOf, mountPointOf} from './mount-point.js';
import {type OpenedSource, sourceOf} from './source.js';

/**
 * What an ordinary user opened himself and passed to us, so that it is his rights that opened it and no path is followed by root.
 *
 * Both are used as they are. Opened again through /proc/self/fd they would be opened with root's rights, and a file of /proc or
 * /dev may then be a different thing. The open file is his as well as ours: he can lock and unlock it, set O_DIRECT or change
 * the file while it is mounted. All of that can cost his mount and nothing else: nobody of ours reads by its offset, and who reads expects any bytes.
 */
export interface GivenDescriptors {
  /** Open for reading and not for writing. */
  readonly source: OwnedFd;
  /** O_PATH. */
  readonly target: OwnedFd;
}

const O_ACCMODE = 3;
const S_ISVTX = 0o1000n;

/** The source behind a user's descriptor. @param name for messages and for the server @throws MountError `bad-descriptor`, `other-namespace`, `source-missing`, `source-kind` */
export function givenSource(
  name: string,
  fd: OwnedFd,
  {directory, callerUid}: {directory: boolean; callerUid: number},
): OpenedSource {
  const flags = flagsOf(fd, name);
  const {path} = placeOf(name, fd, 'source');
  if ((flags & O_PATH) !== 0 || (flags & O_ACCMODE) !== O_RDONLY) {
    throw badDescriptor(name, 'its descriptor must be open for reading, and for nothing else');
  }
  const source = sourceOf(name, fd, {given: true, directory});
  if (source.kind === 'directory') checkGivenDirectory(source, path, callerUid);
  return source;
}

/**
 * A server gets the rights of its user in such a directory, by a copy that shows what lies below other mounts too. So it has to be the user's
 * own, and nothing may be mounted in it.
 */
function checkGivenDirectory({name, fd}: OpenedSource, path: string, callerUid: number): void {
  const refuse = (reason: string): never => {
    throw new MountError({object: name, reason, code: 'source-kind'}, {errno: ERRNO.EPERM});
  };
  if (statFd(fd.fd).uid !== BigInt(callerUid))
    refuse('a user can only have a directory served that is his own');
  const below = readMounts().find(({target}) => target.startsWith(`${path}/`));
  if (below !== undefined) refuse(`something is mounted in it (${below.target})`);
}

/**
 * The mount point behind a user's descriptor: a directory or file that he could write to, and in a sticky directory one that is
 * his, as fusermount(1) has it. The kernel is asked in his name. @param name for messages and for the server
 *
 * @throws MountError `bad-descriptor`, `other-namespace`, `target-missing`, `target-kind`, `target-busy`, `target-denied`
 */
export function givenMountPoint(name: string, fd: OwnedFd, caller: FileCredentials): MountPoint {
  const flags = flagsOf(fd, name);
  const {path, entry} = placeOf(name, fd, 'target');
  if ((flags & O_PATH) === 0) throw badDescriptor(name, 'its descriptor must be an O_PATH one');
  // The descriptor of a mount's root, whether or not something else lies on that by now.
  if (entry.target === path) throw alreadyBusy(name);
  const point = mountPointOf(name, path, fd);
  const {mode, uid} = statFd(fd.fd);
  const sticky = (mode & S_ISVTX) !== 0n && uid !== BigInt(caller.uid);
  if (sticky || !mayWrite(fd, caller)) {
    const reason = `user ${caller.uid} may not write to it`;
    throw new MountError(
      {verb: 'mount on', object: name, reason, code: 'target-denied'},
      {errno: ERRNO.EACCES},
    );
  }
  return point;
}

function mayWrite(fd: OwnedFd, caller: FileCredentials): boolean {
  try {
    return canWriteAs(fd.fd, caller);
  } catch {
    return false;
  }
}

function flagsOf(fd: OwnedFd, object: string): number {
  try {
    return openFlags(fd.fd);
  } catch (error) {
    throw badDescriptor(object, errnoWords(errnoOf(error)));
  }
}

function badDescriptor(object: string, reason: string): MountError {
  return new MountError({object, reason, code: 'bad-descriptor'}, {errno: ERRNO.EBADF});
}

const CODES = {
  source: ['source-missing', 'source-kind'],
  target: ['target-missing', 'target-kind'],
} as const;

/**
 * Where a file lies. Its path means something only in the mount namespace that it was opened in: somebody in a namespace of his own
 * can give any file any path, so a descriptor from there is refused.
 */
function placeOf(name: string, fd: OwnedFd, which: 'source' | 'target'): {path: string; entry: MountEntry} {
  const verb = which === 'source' ? 'mount' : 'mount on';
  const [missing, kind] = CODES[which];
  const id = mountIdOf(fd);
  const entry = readMounts().find((mount) => mount.id === id);
  const path = currentPath(fd);
  if (entry === undefined) {
    const reason = 'it lies in another mount namespace than that of the manager, or has no path';
    throw new MountError({verb, object: name, reason, code: 'other-namespace'}, {errno: ERRNO.EXDEV});
  }
  // Asking such a file anything waits for its server, which may be a program of the user's; and root would not get an answer.
  if (/^fuse/.test(entry.fsType)) {
    const reason = `it lies on a ${entry.fsType} file system, whose server could keep us waiting`;
    throw new MountError({verb, object: name, reason, code: kind}, {errno: ERRNO.EOPNOTSUPP});
  }
  if (statFd(fd.fd).nlink === 0n) {
    throw new MountError({verb, object: name, reason: 'it is deleted', code: missing}, {errno: ERRNO.ENOENT});
  }
  return {path, entry};
}
