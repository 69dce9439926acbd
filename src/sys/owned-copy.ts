import {isAllowedAs, R_OK, W_OK, X_OK} from './credentials.js';
import {Errno, errnoOf} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {type OwnedFd, statFd} from './fd.js';
import {mappedCopy, type OwnerMapping, plainCopy} from './mount-attributes.js';
import {MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY} from './mount-flags.js';

const S_IFMT = 0o170000n;
const S_IFDIR = 0o040000n;

/** What the kernel says for a file system, or a machine, where owners can't be mapped. */
const UNMAPPABLE: ReadonlySet<number> = new Set([
  ERRNO.EINVAL,
  ERRNO.ENOSYS,
  ERRNO.EOPNOTSUPP,
  ERRNO.ENOSPC,
  ERRNO.ENOENT,
]);

/** A file or directory that could be given to nobody else: its owner can't be mapped, and its mode keeps others out. */
export class PrivateFileError extends Errno {
  /** Whether an ID-mapped mount was to be had. */
  readonly mapped: boolean;

  constructor(mapped: boolean) {
    super('EACCES', 'open');
    this.mapped = mapped;
  }
}

/**
 * The file or directory behind a descriptor as a mount that is attached nowhere, nosuid and nodev, in which `mapping.to` has the rights of its owner: by
 * an ID-mapped mount, or where there is none to be had because its mode lets everybody in.
 *
 * @throws PrivateFileError when `to` could not read it, or with `writable` write to it; Errno
 */
export function ownedCopy(fd: number, mapping: OwnerMapping, writable: boolean): OwnedFd {
  const attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (writable ? 0 : MOUNT_ATTR_RDONLY);
  let copy: OwnedFd;
  let mapped = true;
  try {
    copy = mappedCopy(fd, mapping, attributes);
  } catch (error) {
    if (!UNMAPPABLE.has(errnoOf(error))) throw error;
    mapped = false;
    copy = plainCopy(fd, attributes);
  }
  const isDirectory = (statFd(fd).mode & S_IFMT) === S_IFDIR;
  const needed = R_OK | (isDirectory ? X_OK : 0) | (writable ? W_OK : 0);
  const who = {uid: mapping.to, gid: mapping.to, groups: []};
  try {
    if (!isAllowedAs(copy.fd, who, needed)) throw new PrivateFileError(mapped);
    return copy;
  } catch (error) {
    copy.close();
    throw error;
  }
}
