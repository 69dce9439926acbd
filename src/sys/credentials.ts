import {Errno} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {checked, lastErrno, native} from './libc.js';
import {rawSystemCall} from './raw-system-call.js';
import {syscallNumber} from './syscall-numbers.js';

const setFsUid = native<[uid: number]>('setfsuid', 'int', ['uint']);
const setFsGid = native<[gid: number]>('setfsgid', 'int', ['uint']);
const getGroups = native<[size: number, list: Uint8Array | null]>('getgroups', 'int', ['int', 'void *']);
const setGroups = native<[number: number, count: number, list: Uint8Array | null]>('syscall', 'long', [
  'long',
  'ulong',
  'void *',
]);
const accessAt = native<[number: number, dirfd: number, path: string, mode: number, flags: number]>(
  'syscall',
  'long',
  ['long', 'long', 'str', 'long', 'long'],
);

// linux/fcntl.h, unistd.h
const AT_EACCESS = 0x200;
const AT_EMPTY_PATH = 0x1000;
/** Permissions as access(2) has them. */
export const R_OK = 4;
export const W_OK = 2;
export const X_OK = 1;

/** Who somebody is to the file system. */
export interface FileCredentials {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

/**
 * Whether a user could write to the file or directory behind a descriptor (O_PATH is enough), as `isAllowedAs`.
 * @throws Errno
 */
export function canWriteAs(fd: number, who: FileCredentials): boolean {
  return isAllowedAs(fd, who, W_OK);
}

/**
 * Whether a user has these permissions (`R_OK | X_OK`) on the file or directory behind a descriptor (O_PATH is enough), by the kernel's own word: mode, ACL,
 * ID-mapped and read-only mounts, immutable files. Asked with the user's file-system credentials on this thread alone (setfsuid(2) takes the
 * capabilities over files away with the user id), which has its own back before this returns.
 *
 * @throws Errno of faccessat2(2) that is no refusal. A process that can't take its own credentials back ends itself.
 */
export function isAllowedAs(fd: number, who: FileCredentials, permissions: number): boolean {
  return withCredentials(who, () => {
    // The test is by the effective ids and not by the real ones, which stay as they are.
    const number = syscallNumber('faccessat2') as number;
    if (accessAt()(number, fd, '', permissions, AT_EACCESS | AT_EMPTY_PATH) === 0) return true;
    const errno = lastErrno();
    if (REFUSALS.has(errno)) return false;
    throw new Errno(errno, 'faccessat2', `fd ${fd}`);
  });
}

const REFUSALS: ReadonlySet<number> = new Set([ERRNO.EACCES, ERRNO.EPERM, ERRNO.EROFS, ERRNO.ETXTBSY]);

/**
 * Acts with other real and effective ids and no supplementary groups on this thread alone, which has its own back before this returns. Only
 * synchronous calls of this thread may be in `act`. What it executes is the user's altogether: saved ids become the effective ones then (execve(2)).
 * The thread's capabilities are out of force meanwhile and come back with the id of root (capabilities(7)).
 *
 * @throws Errno EPERM for a process that is not root's. One that can't take its own ids back ends itself.
 */
export function asUser<T>({uid, gid}: {readonly uid: number; readonly gid: number}, act: () => T): T {
  if (process.geteuid?.() !== 0) throw new Errno('EPERM', 'setresuid', String(uid));
  const before = {
    groups: ownGroups(),
    uid: process.getuid!(),
    gid: process.getgid!(),
    egid: process.getegid!(),
  };
  // Refused to the root of a user namespace, and then nothing has happened yet.
  threadGroups(new Uint8Array(0));
  try {
    threadIds('setresgid', gid, gid, before.egid);
    threadIds('setresuid', uid, uid, ROOT);
    return act();
  } finally {
    try {
      threadIds('setresuid', before.uid, ROOT, ROOT);
      threadIds('setresgid', before.gid, before.egid, before.egid);
      threadGroups(before.groups);
    } catch {
      // As above.
      process.abort();
    }
  }
}

const ROOT = 0;

/** The raw call, which acts on this thread; libc's would change all of them. @throws Errno */
function threadIds(call: 'setresuid' | 'setresgid', real: number, effective: number, saved: number): void {
  const {result, errno} = rawSystemCall(call, real, effective, saved)!; // both architectures have it
  if (result === -1) throw new Errno(errno, call, String(effective));
}

/** Only synchronous calls of this thread may be in `act`. */
function withCredentials<T>(who: FileCredentials, act: () => T): T {
  const before = {groups: ownGroups(), uid: currentFsId(setFsUid), gid: currentFsId(setFsGid)};
  // The raw call acts on this thread; libc's would change all of them. Where it is refused nothing has happened yet.
  threadGroups(packed(who.groups));
  try {
    changeFsId(setFsGid, who.gid, 'setfsgid');
    changeFsId(setFsUid, who.uid, 'setfsuid');
    return act();
  } finally {
    try {
      changeFsId(setFsUid, before.uid, 'setfsuid');
      changeFsId(setFsGid, before.gid, 'setfsgid');
      threadGroups(before.groups);
    } catch {
      // Half of somebody else, nothing that follows would mean what it says.
      process.abort();
    }
  }
}

function packed(groups: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(groups).buffer);
}

function ownGroups(): Uint8Array {
  const count = checked(getGroups()(0, null), 'getgroups');
  const list = new Uint8Array(count * 4);
  checked(getGroups()(count, list), 'getgroups');
  return list;
}

function threadGroups(list: Uint8Array): void {
  const number = syscallNumber('setgroups') as number;
  checked(setGroups()(number, list.length / 4, list.length === 0 ? null : list), 'setgroups');
}

/** setfsuid(2) answers with the id there was, whatever became of the wish; -1 is no id, so it only asks. */
function currentFsId(call: typeof setFsUid): number {
  return call()(0xffffffff) >>> 0;
}

function changeFsId(call: typeof setFsUid, id: number, name: string): void {
  call()(id);
  if (currentFsId(call) !== id >>> 0) throw new Errno('EPERM', name, String(id));
}
