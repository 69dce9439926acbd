import type {OwnedFd} from './fd.js';
import {checked, native} from './libc.js';
import {openTree} from './mount.js';
import {MOUNT_ATTR_IDMAP} from './mount-flags.js';
import {userNamespaceFor} from './user-namespace.js';

// The same on every architecture but alpha (asm-generic/unistd.h).
const SYS_mount_setattr = 442;
const AT_EMPTY_PATH = 0x1000;
/** struct mount_attr of linux/mount.h: attr_set, attr_clr, propagation, userns_fd, 64 bits each. */
const MOUNT_ATTR_SIZE = 32;

const syscallAttributes = native<
  [number: number, dirfd: number, path: string, flags: number, attributes: Uint8Array, size: number]
>('syscall', 'long', ['long', 'long', 'str', 'ulong', 'void *', 'size_t']);

/**
 * mount_setattr(2), Linux 5.12, on the mount behind a descriptor of its root: sets MOUNT_ATTR_*.
 * @param userNamespace for MOUNT_ATTR_IDMAP, which only a mount that was never attached can get
 * @throws Errno EINVAL also for a file system that can't be ID-mapped
 */
export function setMountAttributes(fd: number, attributes: number, userNamespace?: number): void {
  const argument = new DataView(new ArrayBuffer(MOUNT_ATTR_SIZE));
  argument.setBigUint64(0, BigInt(attributes), true);
  argument.setBigUint64(24, BigInt(userNamespace ?? 0), true);
  const bytes = new Uint8Array(argument.buffer);
  checked(
    syscallAttributes()(SYS_mount_setattr, fd, '', AT_EMPTY_PATH, bytes, bytes.length),
    'mount_setattr',
    fd,
  );
}

/** An owner as the file system has it, and the id (user and group alike) under which somebody else is to have the same rights. */
export interface OwnerMapping {
  readonly uid: number;
  readonly gid: number;
  readonly to: number;
}

/**
 * A copy of the file or directory behind a descriptor as a mount of its own, attached nowhere, in which what belongs to `uid` and
 * `gid` belongs to `to`, and what `to` makes there belongs to them. Whatever belongs to anybody else belongs to nobody in it: such files can't be written, and be read
 * only where everybody may. What is mounted below is not in it.
 *
 * @param fd O_PATH is enough
 * @param attributes further MOUNT_ATTR_*
 * @throws Errno EINVAL when the file system can't be ID-mapped; else of open_tree(2) and mount_setattr(2)
 */
export function mappedCopy(fd: number, mapping: OwnerMapping, attributes: number): OwnedFd {
  const copy = openTree(fd, '', {clone: true});
  try {
    using namespace = userNamespaceFor(mapping);
    setMountAttributes(copy.fd, attributes | MOUNT_ATTR_IDMAP, namespace.fd);
    return copy;
  } catch (error) {
    copy.close();
    throw error;
  }
}

/** The same with the owners that there are. @throws Errno */
export function plainCopy(fd: number, attributes: number): OwnedFd {
  const copy = openTree(fd, '', {clone: true});
  try {
    setMountAttributes(copy.fd, attributes);
    return copy;
  } catch (error) {
    copy.close();
    throw error;
  }
}
