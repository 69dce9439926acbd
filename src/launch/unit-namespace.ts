import {chmodSync, chownSync, lstatSync, mkdirSync, symlinkSync, writeFileSync} from 'node:fs';
import {dirname} from 'node:path';
import {deviceOf} from '../sys/device-of.js';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {O_DIRECTORY, O_NOFOLLOW, O_PATH, type OwnedFd, openAtFd, openFd} from '../sys/fd.js';
import {mountAt} from '../sys/mount.js';
import {setMountAttributes} from '../sys/mount-attributes.js';
import {MOUNT_ATTR_RDONLY, MS_NODEV, MS_NOEXEC, MS_NOSUID} from '../sys/mount-flags.js';
import {readMounts} from '../sys/mount-info.js';
import {inMountNamespace} from '../sys/mount-namespace.js';
import type {Binding} from './binding.js';
import {ABOVE_TARGET, SHIM_PLACE, TARGET_PLACE} from './command-sandbox.js';

/** What is put into the mount namespace of a unit. */
export interface Furniture {
  readonly bindings: readonly Binding[];
  /** Files of its /etc by their names. */
  readonly files: Readonly<Record<string, string>>;
  readonly target: 'directory' | 'file';
  /** The user id of the unit's processes. */
  readonly uid: number;
}

/** All that is ours in there. */
const OURS = '/fuseward';
/** Where a program may have files of its own, or devices. */
const WRITABLE: ReadonlySet<string> = new Set(['/tmp', '/dev']);

/** Units that were written for something else, or by somebody else. */
export class StrangeUnit extends Error {
  constructor(reason: string) {
    super(`${reason}: "fuseward policy units" writes units that do`);
  }
}

/**
 * Puts what a mount is made with where the processes of a unit see it, and makes it read-only. Nobody in there can have put a link anywhere yet, since no program of others runs before this
 * is done; but a unit that is not what it should be might show the machine's own directories, so nothing is made in any file system that the machine has mounted.
 *
 * @param unit descriptors of the unit's mount namespace, which has to be its own, and of its root
 * @throws StrangeUnit; Errno, or Node's error
 */
export function furnishNamespace(
  {namespace, root}: {namespace: OwnedFd; root: OwnedFd},
  {bindings, files, target, uid}: Furniture,
): void {
  const machine = new Set(readMounts().map(({major, minor}) => `${major}:${minor}`));
  const isItsOwn = (fd: number): boolean => {
    const {major, minor} = deviceOf(fd);
    return !machine.has(`${major}:${minor}`);
  };
  inMountNamespace(namespace.fd, root.fd, () => {
    using etc = makeDirectory(root, '/etc', isItsOwn);
    if (!isItsOwn(etc.fd)) throw new StrangeUnit('the unit has no /etc in memory');
    for (const [name, text] of Object.entries(files)) writeNew(`/etc/${name}`, text);
    symlinkSync('/proc/self/mounts', '/etc/mtab');
    makeDirectory(root, OURS, isItsOwn).close();
    // With block devices, which no other mount of the unit may have.
    mountAt('fuseward', OURS, 'tmpfs', MS_NOSUID | MS_NOEXEC, 'mode=755,size=1m');
    makeTarget(target, uid);
    mkdirSync(SHIM_PLACE);
    mountAt('fuseward', SHIM_PLACE, 'tmpfs', MS_NOSUID | MS_NODEV, `mode=700,uid=${uid},gid=${uid},size=64k`);
    for (const binding of bindings) {
      using parent = makeDirectory(root, dirname(binding.place), isItsOwn);
      const isThere = lstatSync(binding.place, {throwIfNoEntry: false}) !== undefined;
      if (!isThere && !isItsOwn(parent.fd))
        throw new StrangeUnit(`the unit has no place for ${binding.place}`);
      binding.attach(binding.place);
    }
    // A device's node is shut when the mount works.
    const keepsNode = bindings.some(({word}) => word === '--dev-bind');
    for (const path of new Set([OURS, '/etc', ...bindings.map(({place}) => topOf(place))])) {
      using top = openFd(path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      const isToChange = WRITABLE.has(path) || (path === OURS && keepsNode);
      if (!isToChange && isItsOwn(top.fd)) setMountAttributes(top.fd, MOUNT_ATTR_RDONLY);
    }
  });
}

/** What lies between root and a place in it. */
export function topOf(place: string): string {
  return `/${place.split('/').find(Boolean) ?? ''}`;
}

/** As in the sandbox of our own: no mount point itself, since some programs refuse those. */
function makeTarget(target: 'directory' | 'file', uid: number): void {
  mkdirSync(ABOVE_TARGET);
  if (target === 'file') writeNew(TARGET_PLACE, '');
  else {
    mountAt('fuseward', ABOVE_TARGET, 'tmpfs', MS_NOSUID | MS_NODEV | MS_NOEXEC, 'mode=755,size=64k');
    mkdirSync(TARGET_PLACE);
  }
  chownSync(TARGET_PLACE, uid, uid);
}

/** A file that was not there: what is there could be the machine's own. */
function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, {flag: 'wx'});
  } catch (error) {
    if (errnoOf(error) === ERRNO.EEXIST) throw new StrangeUnit(`the unit has its own ${path}`);
    throw error;
  }
  chmodSync(path, 0o444);
}

/** A directory in there, name by name without following links, made where it is missing. */
function makeDirectory(root: OwnedFd, path: string, isItsOwn: (fd: number) => boolean): OwnedFd {
  let here = root.dup();
  try {
    for (const name of path.split('/').filter(Boolean)) {
      const next = openOrMake(here, name, isItsOwn);
      here.close();
      here = next;
    }
    return here;
  } catch (error) {
    here.close();
    throw error;
  }
}

function openOrMake(parent: OwnedFd, name: string, isItsOwn: (fd: number) => boolean): OwnedFd {
  const flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
  try {
    return openAtFd(parent.fd, name, flags);
  } catch (error) {
    if (errnoOf(error) !== ERRNO.ENOENT) throw error;
  }
  if (!isItsOwn(parent.fd)) throw new StrangeUnit(`the unit has no place for ${name}`);
  const path = `/proc/self/fd/${parent.fd}/${name}`;
  mkdirSync(path);
  chmodSync(path, 0o755);
  return openAtFd(parent.fd, name, flags);
}
