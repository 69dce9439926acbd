import {Errno} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {O_CLOEXEC, OwnedFd} from './fd.js';
import {checked, cText, lastErrno, native, repeated} from './libc.js';

export * from './mount-flags.js';

// The new mount API has the same numbers on every architecture but alpha (asm-generic/unistd.h), and no wrappers in musl.
const SYS_open_tree = 428;
const SYS_move_mount = 429;
const SYS_fsopen = 430;
const SYS_fsconfig = 431;
const SYS_fsmount = 432;

const syscallText = native<[number: number, text: string, flags: number]>('syscall', 'long', [
  'long',
  'str',
  'long',
]);
const syscallAt = native<[number: number, dirfd: number, path: string, flags: number]>('syscall', 'long', [
  'long',
  'long',
  'str',
  'long',
]);
const syscallNumbers = native<[number: number, a: number, b: number, c: number]>('syscall', 'long', [
  'long',
  'long',
  'long',
  'long',
]);
const syscallMove = native<
  [number: number, from: number, fromPath: string, to: number, toPath: string, flags: number]
>('syscall', 'long', ['long', 'long', 'str', 'long', 'str', 'long']);
const syscallConfig = native<
  [number: number, fd: number, command: number, key: string | null, value: string | null, aux: number]
>('syscall', 'long', ['long', 'long', 'long', 'str', 'str', 'long']);
const mount = native<[source: string, target: string, type: string, flags: number, data: string | null]>(
  'mount',
  'int',
  ['str', 'str', 'str', 'ulong', 'str'],
);
const umount2 = native<[target: string, flags: number]>('umount2', 'int', ['str', 'int']);
const changeDirectory = native<[fd: number]>('fchdir', 'int', ['int']);
const read = native<[fd: number, buffer: Uint8Array, size: number]>('read', 'long', [
  'int',
  'void *',
  'size_t',
]);

const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_SET_FD = 5;
const FSCONFIG_CMD_CREATE = 6;
const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const OPEN_TREE_CLONE = 1;
const AT_EMPTY_PATH = 0x1000;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_RECURSIVE = 0x8000;
/** openat(2) and friends: relative to the current directory. */
export const AT_FDCWD = -100;

/** fsopen(2): a context for a new file system of this type. @throws Errno ENODEV unknown type, ENOSYS before Linux 5.2 */
export function fsopen(type: string): OwnedFd {
  const name = cText(type, 'fsopen');
  return new OwnedFd(checked(syscallText()(SYS_fsopen, name, FSOPEN_CLOEXEC), 'fsopen', type));
}

function fsconfig(fd: number, command: number, key: string | null, value: string | null, aux: number): void {
  const call = `fsconfig(${key ?? 'CMD_CREATE'})`;
  const name = key === null ? null : cText(key, call);
  const text = value === null ? null : cText(value, call);
  checked(syscallConfig()(SYS_fsconfig, fd, command, name, text, aux), call, fd);
}

/** Sets a parameter that has a text value (at most 255 bytes). @throws Errno; reasons in {@link fsContextMessages} */
export function fsconfigString(fd: number, key: string, value: string): void {
  fsconfig(fd, FSCONFIG_SET_STRING, key, value, 0);
}

/** Sets a parameter that has no value, `ro` for instance. @throws Errno */
export function fsconfigFlag(fd: number, key: string): void {
  fsconfig(fd, FSCONFIG_SET_FLAG, key, null, 0);
}

/** Sets a parameter whose value is an open descriptor. @throws Errno */
export function fsconfigFd(fd: number, key: string, auxfd: number): void {
  fsconfig(fd, FSCONFIG_SET_FD, key, null, auxfd);
}

/** Creates the superblock from what was configured. @throws Errno */
export function fsconfigCreate(fd: number): void {
  fsconfig(fd, FSCONFIG_CMD_CREATE, null, null, 0);
}

/** fsmount(2): a mount of the created superblock that is attached nowhere yet. `attrFlags` are MOUNT_ATTR_*. @throws Errno */
export function fsmount(fd: number, attrFlags: number): OwnedFd {
  return new OwnedFd(checked(syscallNumbers()(SYS_fsmount, fd, FSMOUNT_CLOEXEC, attrFlags), 'fsmount', fd));
}

/**
 * move_mount(2) onto the file or directory behind `targetFd` (O_PATH is enough), whatever its path is by now.
 *
 * @throws Errno EINVAL when one is a directory and the other is not (mount(2) says ENOTDIR there).
 */
export function moveMount(mountFd: number, targetFd: number): void {
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  checked(syscallMove()(SYS_move_mount, mountFd, '', targetFd, '', flags), 'move_mount', targetFd);
}

/**
 * open_tree(2): a detached copy (`clone`, with submounts if `recursive`) of the mount at `path`, to be moved elsewhere, or
 * just a descriptor of it. An empty path means `dirfd` itself. Symbolic links at the end are not followed. @throws Errno
 */
export function openTree(dirfd: number, path: string, opts: {clone: boolean; recursive?: boolean}): OwnedFd {
  const name = cText(path, 'open_tree');
  const flags =
    O_CLOEXEC |
    AT_SYMLINK_NOFOLLOW |
    (path === '' ? AT_EMPTY_PATH : 0) |
    (opts.clone ? OPEN_TREE_CLONE : 0) |
    (opts.recursive === true ? AT_RECURSIVE : 0);
  return new OwnedFd(checked(syscallAt()(SYS_open_tree, dirfd, name, flags), 'open_tree', path || dirfd));
}

/** The kernel keeps eight lines per context; the bound only makes the end certain. */
const MOST_MESSAGES = 64;

/**
 * What the kernel has to say about the last failure on a file system context: lines such as `e fuse: Bad value for 'fd'`,
 * with `e`, `w` or `i` in front. Reading removes them. Never throws: it is called while another error is reported.
 */
export function fsContextMessages(fd: number): string[] {
  const lines: string[] = [];
  const buffer = new Uint8Array(4096);
  while (lines.length < MOST_MESSAGES) {
    const length = read()(fd, buffer, buffer.length);
    if (length === -1) {
      if (lastErrno() === ERRNO.EINTR) continue;
      return lines; // ENODATA: there are no more
    }
    if (length === 0) return lines;
    lines.push(new TextDecoder().decode(buffer.subarray(0, length)).trimEnd());
  }
  return lines;
}

/** Bytes of mount(2)'s data argument the kernel looks at: one page, and it must end in it. */
const LONGEST_DATA = 4095;

/** mount(2): `flags` are MS_*, `data` the file system's own options. @throws Errno */
export function mountAt(source: string, targetPath: string, type: string, flags: number, data = ''): void {
  if (new TextEncoder().encode(data).length > LONGEST_DATA) throw new Errno('E2BIG', 'mount', targetPath);
  const names = [source, targetPath, type, data].map((text) => cText(text, 'mount'));
  const [from, at, kind, options] = names as [string, string, string, string];
  checked(mount()(from, at, kind, flags, options), 'mount', targetPath);
}

/** umount2(2): `flags` are MNT_* and UMOUNT_NOFOLLOW. @throws Errno EINVAL when nothing is mounted there */
export function umount(path: string, flags = 0): void {
  const name = cText(path, 'umount2');
  repeated(() => umount2()(name, flags), 'umount2', path);
}

/** fchdir(2), for the whole process (worker threads have the same directory). @throws Errno */
export function fchdir(fd: number): void {
  checked(changeDirectory()(fd), 'fchdir', fd);
}
