import {Errno, errnoOf} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {statFd} from './fd.js';
import {checked, lastErrno, native, viewOf} from './libc.js';

const getsockname = native<[fd: number, address: Uint8Array, length: Uint8Array]>('getsockname', 'int', [
  'int',
  'void *',
  'void *',
]);
const getsockopt = native<[fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array]>(
  'getsockopt',
  'int',
  ['int', 'int', 'int', 'void *', 'void *'],
);
const setsockopt = native<[fd: number, level: number, name: number, value: Uint8Array, length: number]>(
  'setsockopt',
  'int',
  ['int', 'int', 'int', 'void *', 'uint'],
);

// asm-generic/socket.h
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_SNDBUF = 7;
const SO_PASSCRED = 16;
const SO_PEERCRED = 17;
const SO_SNDTIMEO = 21;
const SO_SNDBUFFORCE = 32;
const SO_PEERGROUPS = 59;
const SO_PASSRIGHTS = 83;

const S_IFMT = 0o170000n;
const S_IFSOCK = 0o140000n;
const AF_UNIX = 1;

/** SOCK_* of socket(2), as `socketType` tells them. */
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_SEQPACKET = 5;

function getOption(fd: number, option: number, name: string, size: number): DataView {
  const value = new Uint8Array(size);
  const length = new Uint8Array(4);
  viewOf(length).setUint32(0, size, true);
  checked(getsockopt()(fd, SOL_SOCKET, option, value, length), `getsockopt(${name})`, fd);
  return viewOf(value);
}

/** 0, or the errno. */
function setIntOption(fd: number, option: number, number: number): number {
  const value = new Uint8Array(4);
  viewOf(value).setInt32(0, number, true);
  return setsockopt()(fd, SOL_SOCKET, option, value, 4) === -1 ? lastErrno() : 0;
}

/**
 * Lets this end receive descriptors (SCM_RIGHTS), or not: off, the kernel drops them at the sender (unix(7), since
 * Linux 6.16). False on a kernel without the option. @throws Errno
 */
export function setPassRights(fd: number, on: boolean): boolean {
  const errno = setIntOption(fd, SO_PASSRIGHTS, on ? 1 : 0);
  if (errno === ERRNO.ENOPROTOOPT) return false;
  if (errno !== 0) throw new Errno(errno, 'setsockopt(SO_PASSRIGHTS)', `fd ${fd}`);
  return true;
}

/**
 * Has the kernel tell with each packet from now on who sent it (SCM_CREDENTIALS). Only packets sent after this have it.
 * @throws Errno
 */
export function setPassCredentials(fd: number, on: boolean): void {
  const errno = setIntOption(fd, SO_PASSCRED, on ? 1 : 0);
  if (errno !== 0) throw new Errno(errno, 'setsockopt(SO_PASSCRED)', `fd ${fd}`);
}

/** SO_SNDBUF in bytes as the kernel counts it, bookkeeping included. @throws Errno */
export function sendBufferSize(fd: number): number {
  return getOption(fd, SO_SNDBUF, 'SO_SNDBUF', 4).getInt32(0, true);
}

/**
 * Asks for a send buffer of at least `bytes` and returns what it is now: the kernel doubles the wish, and caps it at
 * net.core.wmem_max for whoever lacks CAP_NET_ADMIN. @throws Errno
 */
export function setSendBufferSize(fd: number, bytes: number): number {
  const errno = setIntOption(fd, SO_SNDBUF, bytes);
  if (errno !== 0) throw new Errno(errno, 'setsockopt(SO_SNDBUF)', `fd ${fd}`);
  const size = sendBufferSize(fd);
  // Refused without the capability; what SO_SNDBUF gave stands then, and the caller sees the size.
  if (size < bytes) setIntOption(fd, SO_SNDBUFFORCE, bytes);
  return sendBufferSize(fd);
}

/** How long a blocking send or connect waits, in milliseconds, before it fails with EAGAIN; 0 for ever. @throws Errno */
export function setSendTimeout(fd: number, timeoutMs: number): void {
  const value = new Uint8Array(16); // struct timeval
  const view = viewOf(value);
  view.setBigInt64(0, BigInt(Math.floor(timeoutMs / 1000)), true);
  view.setBigInt64(8, BigInt(Math.floor((timeoutMs % 1000) * 1000)), true);
  checked(setsockopt()(fd, SOL_SOCKET, SO_SNDTIMEO, value, value.length), 'setsockopt(SO_SNDTIMEO)', fd);
}

/** SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET. @throws Errno ENOTSOCK */
export function socketType(fd: number): number {
  return getOption(fd, SO_TYPE, 'SO_TYPE', 4).getInt32(0, true);
}

/** Whether `fd` is open and a socket of the AF_UNIX family. */
export function isUnixSocket(fd: number): boolean {
  try {
    if ((statFd(fd).mode & S_IFMT) !== S_IFSOCK) return false;
  } catch (error) {
    if (errnoOf(error) === ERRNO.EBADF) return false;
    throw error;
  }
  const address = new Uint8Array(128);
  const length = new Uint8Array(4);
  viewOf(length).setUint32(0, address.length, true);
  checked(getsockname()(fd, address, length), 'getsockname', fd);
  return viewOf(address).getUint16(0, true) === AF_UNIX;
}

/** Who connected (or listened, or made the pair), as of that moment: SO_PEERCRED of unix(7). @throws Errno */
export function peerCredentials(fd: number): {pid: number; uid: number; gid: number} {
  const credentials = getOption(fd, SO_PEERCRED, 'SO_PEERCRED', 12);
  return {
    pid: credentials.getInt32(0, true),
    uid: credentials.getUint32(4, true),
    gid: credentials.getUint32(8, true),
  };
}

/** The kernel's bound on the supplementary groups of a process (NGROUPS_MAX of linux/limits.h). */
const MOST_GROUPS = 65_536;

/** The supplementary groups of who connected, as of that moment: SO_PEERGROUPS of unix(7), Linux 4.13. @throws Errno */
export function peerGroups(fd: number): number[] {
  // A short list is the rule; a longer one is asked for a second time with room for the most there can be.
  for (const room of [64, MOST_GROUPS]) {
    const value = new Uint8Array(room * 4);
    const length = new Uint8Array(4);
    viewOf(length).setUint32(0, value.length, true);
    if (getsockopt()(fd, SOL_SOCKET, SO_PEERGROUPS, value, length) !== -1) {
      const count = viewOf(length).getUint32(0, true) / 4;
      return Array.from({length: count}, (_, index) => viewOf(value).getUint32(index * 4, true));
    }
    const errno = lastErrno();
    if (errno !== ERRNO.ERANGE || room === MOST_GROUPS) {
      throw new Errno(errno, 'getsockopt(SO_PEERGROUPS)', `fd ${fd}`);
    }
  }
  throw new Errno('ERANGE', 'getsockopt(SO_PEERGROUPS)', `fd ${fd}`);
}
