import {ERRNO} from '../sys/errno-codes.js';
import {O_RDONLY, type OwnedFd, reopenFd, statFd} from '../sys/fd.js';
import {ownedCopy, PrivateFileError} from '../sys/owned-copy.js';
import {MountError} from './errors.js';

const O_ACCMODE = 3;

/**
 * Opens a file of root's mount for a program that will open it again by the descriptor's own path (`/dev/fd/N`), under its own user id: it has the rights of
 * the file's owner there, by an ID-mapped mount that is attached nowhere. Nothing is chowned. What is opened for reading lies on a mount that is
 * read-only, so that opening it again gives no more.
 * @throws MountError `source-private` when the program could not open it; Errno
 */
export function openForHeir(
  file: OwnedFd,
  {name, uid: to, flags}: {name: string; uid: number; flags: number},
): OwnedFd {
  const writable = (flags & O_ACCMODE) !== O_RDONLY;
  const {uid, gid} = statFd(file.fd);
  try {
    using copy = ownedCopy(file.fd, {uid: Number(uid), gid: Number(gid), to}, writable);
    return reopenFd(copy.fd, flags);
  } catch (error) {
    if (!(error instanceof PrivateFileError)) throw error;
    const act = writable ? 'write to it' : 'read it';
    const reason = error.mapped
      ? `its own owner may not ${act}`
      : `its file system can't be ID-mapped, and its mode does not let others ${act}: let them (chmod), or put it on ext4, xfs, btrfs or tmpfs`;
    throw new MountError({object: name, reason, code: 'source-private'}, {errno: ERRNO.EACCES});
  }
}
