import {type BigIntStats, existsSync, readFileSync, realpathSync, statSync} from 'node:fs';
import {basename, dirname, join, resolve} from 'node:path';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {O_DIRECTORY, O_NOFOLLOW, O_PATH, openAtFd, openFd} from '../sys/fd.js';
import {loopAttachment, loopDevicesOf} from '../sys/loop.js';
import {MNT_DETACH, MNT_FORCE, UMOUNT_NOFOLLOW, umount} from '../sys/mount.js';
import {connectionOf, type MountEntry, mountAtPath, readMounts} from '../sys/mount-info.js';
import {eventually} from './cleanup.js';
import {errnoWords, MountError, missingWords} from './errors.js';
import {inside} from './kernel-mount.js';
import {mountIdOf} from './mount-point.js';

/** How to unmount. */
export interface UnmountOptions {
  /** Take it out of the tree now; the rest happens when nobody uses it any more. */
  lazy?: boolean;
  /** End the connection to the server first: whatever waits for it fails. */
  force?: boolean;
  /** The server of the mount, to be waited for. */
  serverPid?: number;
  /** The loop devices that were made for the mount, to be waited for; without them all that lie around the source are. */
  loopDevices?: readonly string[];
  /** Number of the mount that is meant, whatever else is at its path by now. */
  mountId?: number;
}

/** What an unmount leaves: false where a wait was not long enough. */
export interface UnmountResult {
  /** Where the mount was. */
  target: string;
  source: string;
  /** The loop devices of the mount are free. */
  loopReleased: boolean;
  /** The server is gone (also when it is not known). */
  serverGone: boolean;
  /** The same file system is mounted at another place too: then server and loop device stay, and rightly. */
  elsewhere: boolean;
}

/** How long loop device and server may take after the unmount. */
const RELEASE_MS = 2000;

/**
 * Unmounts the topmost mount on the target, if it is one of a FUSE server, and waits a moment until its loop device and its
 * server are gone.
 *
 * @throws MountError `not-mounted`, `not-ours`, `target-busy`, `unmount`
 */
export async function unmount(target: string, opts: UnmountOptions = {}): Promise<UnmountResult> {
  const entry = findMount(target);
  if (opts.mountId !== undefined && entry.id !== opts.mountId) throw notOnTop(target, opts.mountId);
  const isFree = opts.loopDevices === undefined ? loopWatch(entry) : attachmentWatch(opts.loopDevices);
  const flags =
    UMOUNT_NOFOLLOW | (opts.lazy === true ? MNT_DETACH : 0) | (opts.force === true ? MNT_FORCE : 0);
  try {
    unmountExactly(entry, flags);
  } catch (error) {
    throw explainUnmount(target, error);
  }
  const isGone = (): boolean => opts.serverPid === undefined || hasEnded(opts.serverPid);
  const elsewhere = readMounts().some((other) => connectionOf(other) === connectionOf(entry));
  // A lazy unmount ends when the last user does: there is nothing to wait for.
  if (opts.lazy !== true && !elsewhere) await eventually(() => isFree() && isGone(), RELEASE_MS);
  const {source} = entry;
  return {target: entry.target, source, loopReleased: isFree(), serverGone: isGone(), elsewhere};
}

/**
 * Unmounts this mount and no other. Its path may lead through directories of a user, who can put a link in place of one at any moment, so
 * it is followed once: to the directory that the mount lies in. What is in there by its name can't be exchanged as long as it is
 * mounted on.
 */
function unmountExactly(entry: MountEntry, flags: number): void {
  if (entry.target === '/') {
    umount(entry.target, flags);
    return;
  }
  const name = basename(entry.target);
  using parent = openFd(dirname(entry.target), O_PATH | O_DIRECTORY);
  // Held only for a moment: an open descriptor keeps a mount busy.
  using root = openAtFd(parent.fd, name, O_PATH | O_NOFOLLOW);
  if (mountIdOf(root) !== entry.id) throw notOnTop(entry.target, entry.id);
  root.close();
  inside(parent, () => umount(name, flags));
}

/** The sentence for a mount that is not the topmost at its place. */
function notOnTop(target: string, id: number): MountError {
  return new MountError(
    {verb: 'unmount', object: target, reason: `mount ${id} is not the topmost there`, code: 'not-mounted'},
    {errno: ERRNO.EINVAL},
  );
}

/** The topmost mount there. The path is compared before it is touched: the server below it may hang or be dead. */
function findMount(target: string): MountEntry {
  const entry = mountAtPath(resolve(target)) ?? mountAtPath(canonical(target));
  if (entry === undefined) {
    throw new MountError(
      {verb: 'unmount', object: target, reason: 'nothing is mounted there', code: 'not-mounted'},
      {errno: ERRNO.EINVAL},
    );
  }
  if (!/^fuse(?:blk)?(?:\.|$)/.test(entry.fsType)) {
    throw new MountError(
      {
        verb: 'unmount',
        object: target,
        reason: `it is a mount of ${entry.fsType}, not one of a FUSE server`,
        code: 'not-ours',
      },
      {errno: ERRNO.EPERM},
    );
  }
  return entry;
}

/** The parent without links and the last name as it is, or if that is no mount, all of it without links. */
function canonical(target: string): string {
  const path = resolve(target);
  try {
    const direct = join(realpathSync(dirname(path)), basename(path));
    return mountAtPath(direct) === undefined ? realpathSync(path) : direct;
  } catch (error) {
    const errno = errnoOf(error);
    const missing = errno === ERRNO.ENOENT;
    throw new MountError(
      {
        verb: 'unmount',
        object: target,
        reason: missing ? missingWords('directory or file', target, error) : errnoWords(errno),
        code: 'not-mounted',
      },
      {errno, cause: error},
    );
  }
}

/** Tells whether these loop devices are free of what is attached to them now: others may lie around the same image. */
function attachmentWatch(devices: readonly string[]): () => boolean {
  const held = devices.map((path) => ({path, attachment: loopAttachment(path)}));
  return () =>
    held.every(({path, attachment}) => attachment === undefined || loopAttachment(path) !== attachment);
}

/**
 * Tells whether the loop devices of a mount of which nothing is noted are gone. They are known by the image file, or, for fuseblk, by their own name.
 * The mount table's source is just a name, so there may be nothing to know them by.
 */
function loopWatch(entry: MountEntry): () => boolean {
  const loop = /^\/dev\/(loop\d+)$/.exec(entry.source)?.[1];
  if (loop !== undefined && entry.fsType.startsWith('fuseblk')) {
    // One that does not clear itself belongs to somebody else.
    const ours = readAttribute(`/sys/block/${loop}/loop/autoclear`) === '1';
    return () => !ours || !existsSync(`/sys/block/${loop}/loop`);
  }
  if (!entry.source.startsWith('/')) return () => true;
  // Not looked at before the mount is gone: the source may lie where another server hangs, or is dead.
  let image: BigIntStats | undefined;
  return () => {
    image ??= lookAt(entry.source);
    return image?.isFile() !== true || loopDevicesOf(image.dev, image.ino).length === 0;
  };
}

function lookAt(path: string): BigIntStats | undefined {
  try {
    return statSync(path, {bigint: true});
  } catch {
    return undefined;
  }
}

/** Whether a process is gone, or only waits for its parent to take notice. */
function hasEnded(pid: number): boolean {
  const status = readAttribute(`/proc/${pid}/stat`);
  // The name in parentheses may hold anything; the state follows the last of them.
  return status === undefined || /^[ZX]/.test(status.slice(status.lastIndexOf(')') + 2));
}

function readAttribute(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function explainUnmount(target: string, error: unknown): MountError {
  if (error instanceof MountError) return error;
  const errno = errnoOf(error);
  if (errno === ERRNO.EBUSY) {
    return new MountError(
      {
        verb: 'unmount',
        object: target,
        reason: 'it is busy: files in it are open, or it is a working directory',
        code: 'target-busy',
      },
      {errno, cause: error},
    );
  }
  const reason = errno === ERRNO.EPERM ? 'only root may unmount' : errnoWords(errno);
  return new MountError({verb: 'unmount', object: target, reason, code: 'unmount'}, {errno, cause: error});
}
