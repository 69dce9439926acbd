import {chmodSync, closeSync, mkdirSync, openSync} from 'node:fs';
import {makeBlockNode} from '../sys/device-node.js';
import {errnoOf, errnoText} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {O_NOFOLLOW, O_PATH, type OwnedFd, openFd, statFd} from '../sys/fd.js';
import {mountAt, moveMount} from '../sys/mount.js';
import type {OwnerMapping} from '../sys/mount-attributes.js';
import {MS_NOEXEC, MS_NOSUID} from '../sys/mount-flags.js';
import {inOwnMountNamespace} from '../sys/mount-namespace.js';
import {ownedCopy, PrivateFileError} from '../sys/owned-copy.js';
import {GrantError} from './granted-path.js';
import {RUN_DIRECTORY} from './lock.js';

const S_IFMT = 0o170000n;
const S_IFDIR = 0o040000n;
const S_IFREG = 0o100000n;

/** Something of the machine that a sandbox is to have. */
export interface Binding {
  /** Where it is in the sandbox. */
  readonly place: string;
  /** bubblewrap's word for it. Whether it can be written to, the mount itself says. */
  readonly word: '--bind' | '--dev-bind';
  /** Puts it at a path, over what is there or as something new. @throws Errno */
  attach(path: string): void;
  /** The server has opened what it needs. */
  settle(): void;
  close(): void;
}

/**
 * Makes a file or directory ready for a sandbox whose server has the rights of its owner in it.
 * @param what its path, for messages
 * @throws GrantError when the server could not use it
 */
export function fileBinding(
  fd: OwnedFd,
  {what, place, writable, mapping}: {what: string; place: string; writable: boolean; mapping: OwnerMapping},
): Binding {
  const format = statFd(fd.fd).mode & S_IFMT;
  if (format !== S_IFDIR && format !== S_IFREG) {
    throw new GrantError(what, 'is neither a directory nor a regular file');
  }
  let copy: OwnedFd;
  try {
    copy = ownedCopy(fd.fd, mapping, writable);
  } catch (error) {
    throw new GrantError(what, whyNot(error, writable), errnoOf(error));
  }
  return {
    place,
    word: '--bind',
    attach(path) {
      makePoint(path, format === S_IFDIR);
      using point = openFd(path, O_PATH | O_NOFOLLOW);
      moveMount(copy.fd, point.fd);
    },
    settle: () => {},
    close: () => copy.close(),
  };
}

/** Something to mount on, unless there is: then the mount decides whether it will do. */
function makePoint(path: string, isDirectory: boolean): void {
  try {
    if (isDirectory) mkdirSync(path);
    else closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (errnoOf(error) !== ERRNO.EEXIST) throw error;
  }
}

function whyNot(error: unknown, writable: boolean): string {
  if (!(error instanceof PrivateFileError)) {
    return `can't be given to the server: ${errnoText(errnoOf(error))}`;
  }
  const act = writable ? 'write to it' : 'read it';
  if (error.mapped) {
    const advice = writable ? '; mount it with -o ro, or grant it "ro:"' : '';
    return `can't be given to the server: whose rights it has there may not ${act}${advice}`;
  }
  return `can't be given to the server: its file system can't be ID-mapped, and its mode does not let others ${act}; let them (chmod), or put it on ext4, xfs, btrfs or tmpfs`;
}

/**
 * Makes a block device ready: a node of the server's own, since the file system of /dev can't be ID-mapped. Once the server works nobody opens it again
 * by it, because its number may be another device's later.
 */
export function deviceBinding(
  fd: OwnedFd,
  {place, writable, uid}: {place: string; writable: boolean; uid: number},
): Binding {
  let node: OwnedFd | undefined;
  return {
    place,
    word: '--dev-bind',
    attach(path) {
      node = makeBlockNode(path, statFd(fd.fd).rdev, {uid, writable});
    },
    settle() {
      if (node !== undefined && !node.closed) chmodSync(`/proc/self/fd/${node.fd}`, 0);
    },
    close: () => node?.close(),
  };
}

/**
 * Runs `act`, which starts a process, while the bindings are attached where that process alone sees them: in a mount namespace of its own. Nobody else's
 * mount table shows them, and whatever becomes of this process, nothing is left.
 * @param act gets the paths at which they are, in order
 */
export function withAttached<T>(bindings: readonly Binding[], act: (paths: readonly string[]) => T): T {
  if (bindings.length === 0) return act([]);
  return inOwnMountNamespace(() => {
    // An empty directory that everybody can get to, over one that may have anything in it.
    mountAt('fuseward', RUN_DIRECTORY, 'tmpfs', MS_NOSUID | MS_NOEXEC, 'mode=755,size=1m');
    const paths = bindings.map((binding, index) => {
      const path = `${RUN_DIRECTORY}/${index}`;
      binding.attach(path);
      return path;
    });
    return act(paths);
  });
}
