import {readFileSync, readlinkSync, realpathSync} from 'node:fs';
import {resolve} from 'node:path';
import type {MountPointFormat} from '../service/commands.js';
import {Errno, errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {O_NOFOLLOW, O_PATH, type OwnedFd, openFd, statFd} from '../sys/fd.js';
import {mountAtPath} from '../sys/mount-info.js';
import {errnoWords, MountError, missingWords} from './errors.js';

const S_IFMT = 0o170000n;
const S_IFDIR = 0o040000n;
const S_IFREG = 0o100000n;

/** Where a mount will go. It was looked up once; everything later goes through the descriptor. */
export interface MountPoint {
  /** As the caller wrote it. */
  name: string;
  /** Absolute, without symbolic links, at the time of the look-up. */
  path: string;
  /** O_PATH. */
  fd: OwnedFd;
  isDirectory: boolean;
  /** File-type bits, as the kernel's `rootmode` wants them. */
  format: number;
  /** Id of the mount that it lies in. */
  mountId: number;
  dev: bigint;
  ino: bigint;
}

/**
 * Looks up the target: a directory or a regular file on which nothing is mounted but autofs.
 *
 * @throws MountError `target-missing`, `target-kind`, `target-busy`, `target-changed`
 */
export function openMountPoint(name: string): MountPoint {
  // Asked before anything touches the path: a mount whose server hangs would hang us too.
  if (isCovered(resolve(name))) throw alreadyBusy(name);
  const {path, fd} = lookUp(name);
  try {
    return mountPointOf(name, path, fd);
  } catch (error) {
    fd.close();
    throw error;
  }
}

/**
 * The mount point that a descriptor stands for. @param path where it was found; the descriptor stays the caller's on failure
 * @throws MountError as `openMountPoint`
 */
export function mountPointOf(name: string, path: string, fd: OwnedFd): MountPoint {
  const {mode, dev, ino} = statFd(fd.fd);
  const format = mode & S_IFMT;
  if (format !== S_IFDIR && format !== S_IFREG) {
    throw new MountError(
      {
        verb: 'mount on',
        object: name,
        reason: 'it is neither a directory nor a regular file',
        code: 'target-kind',
      },
      {errno: ERRNO.EACCES},
    );
  }
  if (currentPath(fd) !== path) {
    throw new MountError(
      {verb: 'mount on', object: name, reason: 'it was moved meanwhile', code: 'target-changed'},
      {errno: ERRNO.EAGAIN},
    );
  }
  if (isCovered(path)) throw alreadyBusy(name);
  return {
    name,
    path,
    fd,
    isDirectory: format === S_IFDIR,
    format: Number(format),
    mountId: mountIdOf(fd),
    dev,
    ino,
  };
}

function lookUp(name: string): {path: string; fd: OwnedFd} {
  try {
    const path = realpathSync(name);
    // The path holds no link now; one that appears at its end is not followed.
    return {path, fd: openFd(path, O_PATH | O_NOFOLLOW)};
  } catch (error) {
    const errno = errnoOf(error);
    const missing = errno === ERRNO.ENOENT;
    throw new MountError(
      {
        verb: 'mount on',
        object: name,
        reason: missing ? missingWords('directory or file', name, error) : errnoWords(errno),
        code: missing ? 'target-missing' : 'target-kind',
      },
      {errno, cause: error},
    );
  }
}

/**
 * Whether something is mounted there that must not be covered. An autofs is there to be: systemd's automount unit mounts it, and when
 * somebody comes calls mount(8), whose mount goes on top.
 */
export function isCovered(path: string): boolean {
  const top = mountAtPath(path);
  return top !== undefined && top.fsType !== 'autofs';
}

/** The sentence for a target that has a mount on it. */
export function alreadyBusy(name: string): MountError {
  return new MountError(
    {verb: 'mount on', object: name, reason: 'it is already busy with another mount', code: 'target-busy'},
    {errno: ERRNO.EBUSY},
  );
}

/** MNTP's expectation. @throws MountError `target-kind` (ENOTDIR, EISDIR) */
export function checkFormat(point: MountPoint, expected: MountPointFormat): void {
  if (expected === 'any' || (expected === 'directory') === point.isDirectory) return;
  const [here, wanted] = point.isDirectory ? ['directory', 'single file'] : ['file', 'directory'];
  const reason = `it is a ${here}, and what is to be mounted there is a ${wanted}`;
  throw new MountError(
    {verb: 'mount on', object: point.name, reason, code: 'target-kind'},
    {errno: point.isDirectory ? ERRNO.EISDIR : ERRNO.ENOTDIR},
  );
}

/** Where the file behind a descriptor is now, as the kernel tells. */
export function currentPath(fd: OwnedFd): string {
  return readlinkSync(`/proc/self/fd/${fd.fd}`);
}

/** The id of the mount through which a descriptor was opened (`mnt_id` of proc_pid_fdinfo(5)). */
export function mountIdOf(fd: OwnedFd): number {
  const match = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd.fd}`, 'utf8'));
  if (match === null) throw new Errno('EIO', 'read', `/proc/self/fdinfo/${fd.fd}`);
  return Number(match[1]);
}
