import {foreignText} from '../service/foreign-text.js';
import type {Option} from '../service/option-text.js';
import {Errno, errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {O_NOFOLLOW, O_PATH, type OwnedFd, openFd} from '../sys/fd.js';
import {
  fchdir,
  fsContextMessages,
  fsconfigCreate,
  fsconfigFlag,
  fsconfigString,
  fsmount,
  fsopen,
  MNT_DETACH,
  MNT_FORCE,
  mountAt,
  moveMount,
  umount,
} from '../sys/mount.js';
import {type MountEntry, readMounts} from '../sys/mount-info.js';
import {mountAttributes, superblockParameters} from './kernel-flags.js';
import {alreadyBusy, currentPath, isCovered, type MountPoint, mountIdOf} from './mount-point.js';

/** Everything the kernel is told. */
export interface KernelMountPlan {
  fuseDevice: OwnedFd;
  fuseblk: boolean;
  subtype: string;
  /** Shown in the mount table; for fuseblk the device that the kernel opens. */
  source: string;
  /** MS_* bits. */
  flags: number;
  options: Option[];
  userId: number;
  groupId: number;
  target: MountPoint;
  /** Whether the new mount API is to be tried; a server that never sent TYPE gets mount(2). */
  newApi: boolean;
}

/**
 * A mount that exists and whose FUSE_INIT is on its way. With the new mount API it is attached nowhere until
 * `attach`: nobody can walk into it before the server has proved that it answers, and if this process dies the kernel
 * dissolves it with the last descriptor.
 */
export interface KernelMount {
  /** Refers to the root of the mount. */
  root: OwnedFd;
  attached: boolean;
  /** When such a mount ends, the kernel tells its server and waits for the answer, which no signal ends. */
  readonly fuseblk: boolean;
}

/** A step of the new mount API that failed, with what the kernel had to say about it. */
export class ContextError extends Errno {
  /** Without the letter for their level; perhaps none. They may quote what the server sent. */
  readonly messages: readonly string[];

  constructor(error: Errno, lines: readonly string[]) {
    super(error.errno, error.call);
    this.messages = lines.map((line) => foreignText(line.replace(/^[ewi] /, ''), 200));
  }
}

/** Thrown inside for a kernel that lacks a piece of the new API. */
class Unavailable extends Error {}

/** Longest text that fsconfig(2) takes, bytes. */
const LONGEST_PARAMETER = 255;

/** Creates the mount. @throws ContextError with the kernel's own messages, Errno */
export function createMount(plan: KernelMountPlan): KernelMount {
  if (plan.newApi && Buffer.byteLength(plan.source) <= LONGEST_PARAMETER) {
    try {
      return {root: createDetached(plan), attached: false, fuseblk: plan.fuseblk};
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
    }
  }
  return {root: mountOldWay(plan), attached: true, fuseblk: plan.fuseblk};
}

function createDetached(plan: KernelMountPlan): OwnedFd {
  let context: OwnedFd;
  try {
    context = fsopen(plan.fuseblk ? 'fuseblk' : 'fuse');
  } catch (error) {
    if (errnoOf(error) === ERRNO.ENOSYS) throw new Unavailable();
    throw error;
  }
  try {
    fsconfigString(context.fd, 'source', plan.source);
    setSubtype(context, plan.subtype);
    fsconfigString(context.fd, 'fd', String(plan.fuseDevice.fd));
    fsconfigString(context.fd, 'rootmode', plan.target.format.toString(8));
    fsconfigString(context.fd, 'user_id', String(plan.userId));
    fsconfigString(context.fd, 'group_id', String(plan.groupId));
    for (const parameter of superblockParameters(plan.flags)) fsconfigFlag(context.fd, parameter);
    for (const {key, value} of plan.options) {
      if (value === undefined) fsconfigFlag(context.fd, key);
      else fsconfigString(context.fd, key, value);
    }
    fsconfigCreate(context.fd);
    return fsmount(context.fd, mountAttributes(plan.flags));
  } catch (error) {
    throw error instanceof Errno ? new ContextError(error, fsContextMessages(context.fd)) : error;
  } finally {
    context.close();
  }
}

/** Kernels before 5.5 have the new API but not this parameter. */
function setSubtype(context: OwnedFd, subtype: string): void {
  try {
    fsconfigString(context.fd, 'subtype', subtype);
  } catch (error) {
    if (errnoOf(error) === ERRNO.EINVAL) throw new Unavailable();
    throw error;
  }
}

/** mount(2). It attaches at once; the target is named through its descriptor, so that it can't be swapped. */
function mountOldWay(plan: KernelMountPlan): OwnedFd {
  const {target} = plan;
  const own: Option[] = [
    {key: 'fd', value: String(plan.fuseDevice.fd)},
    {key: 'rootmode', value: target.format.toString(8)},
    {key: 'user_id', value: String(plan.userId)},
    {key: 'group_id', value: String(plan.groupId)},
  ];
  const options = [...plan.options, ...own].map(({key, value}) => {
    // The text has no way to write a comma inside a value; it would start another parameter.
    if (value?.includes(',')) throw new Errno('EINVAL', 'mount', key);
    return value === undefined ? key : `${key}=${value}`;
  });
  const type = `${plan.fuseblk ? 'fuseblk' : 'fuse'}.${plan.subtype}`;
  if (findOn(target) !== undefined) throw new Errno('EBUSY', 'mount', target.name);
  if (target.isDirectory) {
    inside(target.fd, () => mountAt(plan.source, '.', type, plan.flags, options.join(',')));
  } else {
    mountAt(plan.source, `/proc/self/fd/${target.fd.fd}`, type, plan.flags, options.join(','));
  }
  try {
    return openRoot(target);
  } catch (error) {
    // The last component is a mount point to umount2, so it means what lies on the target.
    umount(`/proc/self/fd/${target.fd.fd}`, MNT_DETACH | MNT_FORCE);
    throw error;
  }
}

/** Runs `act` with the directory behind `fd` as working directory of the process; nothing else may run meanwhile. */
export function inside(fd: OwnedFd, act: () => void): void {
  const before = openFd('.', O_PATH);
  try {
    fchdir(fd.fd);
    act();
  } finally {
    fchdir(before.fd);
    before.close();
  }
}

/** The root of the mount that lies on the target, and of no other. */
function openRoot(target: MountPoint): OwnedFd {
  const entry = findOn(target);
  const root = openFd(currentPath(target.fd), O_PATH | O_NOFOLLOW);
  if (entry !== undefined && mountIdOf(root) === entry.id) return root;
  root.close();
  throw new Errno('ESTALE', 'open', target.name);
}

/** The mount whose parent is the mount that the target lies in, at the target's present path. */
function findOn(target: MountPoint): MountEntry | undefined {
  const path = currentPath(target.fd);
  return readMounts().find((entry) => entry.parentId === target.mountId && entry.target === path);
}

/**
 * Puts the mount onto its target, if it is not there yet, and makes sure of its place in the kernel's own table: on
 * the very file that was looked up at the beginning, and on no other mount that came in between.
 *
 * @throws MountError `target-busy`; Errno
 */
export function attach(mount: KernelMount, target: MountPoint): MountEntry {
  if (!mount.attached) {
    if (isCovered(currentPath(target.fd))) throw alreadyBusy(target.name);
    moveMount(mount.root.fd, target.fd.fd);
    mount.attached = true;
  }
  const id = mountIdOf(mount.root);
  const entry = readMounts().find((candidate) => candidate.id === id);
  if (entry === undefined) throw new Errno('ESTALE', 'move_mount', target.name);
  if (entry.parentId !== target.mountId) throw alreadyBusy(target.name);
  if (entry.target !== currentPath(target.fd)) throw new Errno('ESTALE', 'move_mount', target.name);
  return entry;
}

/**
 * Takes the mount away, wherever it is by now, and ends its connection: waiting requests fail. One that is attached nowhere goes with its
 * descriptor, unless the kernel would then wait for a server that owes us nothing.
 */
export function removeMount(mount: KernelMount, target: MountPoint): void {
  if (mount.attached || mount.fuseblk) abortMount(mount, target);
  else mount.root.close();
}

/**
 * Ends the connection of a mount whose server hangs and is perhaps not ours to kill, and takes it away. Only umount2 with MNT_FORCE
 * ends a connection, and it wants an attached mount, so one that is not is attached for that moment.
 */
export function abortMount(mount: KernelMount, target: MountPoint): void {
  if (!mount.attached) {
    moveMount(mount.root.fd, target.fd.fd);
    mount.attached = true;
  }
  umount(`/proc/self/fd/${mount.root.fd}`, MNT_DETACH | MNT_FORCE);
  mount.attached = false;
  mount.root.close();
}
