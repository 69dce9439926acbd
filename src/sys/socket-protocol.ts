import {readlinkSync} from 'node:fs';
import {Errno} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {O_PATH, openFd} from './fd.js';
import {lastErrno, native} from './libc.js';

const getxattr = native<[path: string, name: string, value: Uint8Array, size: number]>('getxattr', 'long', [
  'str',
  'str',
  'void *',
  'size_t',
]);

/** An attribute of every socket: the name of its protocol, as in /proc/net/protocols (net/socket.c; lsof asks for it too). */
const PROTOCOL = 'system.sockprotoname';
const LONGEST_NAME = 64;

/**
 * The protocol of the socket behind a link of /proc/PID/fd: `UNIX`, `UNIX-STREAM`, `TCP`, `NETLINK`, … Undefined when there is
 * no socket behind it any more. Nothing but a socket is asked: a file that took its place could be one of a server that hangs.
 * @throws Errno when the process is gone or may not be looked at
 */
export function socketProtocol(link: string): string | undefined {
  using held = openFd(link, O_PATH);
  const own = `/proc/self/fd/${held.fd}`;
  if (!readlinkSync(own).startsWith('socket:[')) return undefined;
  const value = new Uint8Array(LONGEST_NAME);
  const length = getxattr()(own, PROTOCOL, value, value.length);
  if (length === -1) {
    const errno = lastErrno();
    // One that the kernel made without a name.
    if (errno === ERRNO.ENODATA || errno === ERRNO.EOPNOTSUPP) return 'nameless';
    throw new Errno(errno, 'getxattr', link);
  }
  return new TextDecoder().decode(value.subarray(0, length)).replace(/\0.*$/s, '') || 'nameless';
}
