import {chmodSync} from 'node:fs';
import {Errno, errnoOf} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {OwnedFd} from './fd.js';
import {checked, native, repeated, viewOf} from './libc.js';
import {SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM, setSendTimeout} from './socket-options.js';

export * from './message.js';
export {waitAny, waitReadable, waitWritable} from './poll.js';
export * from './socket-options.js';

const socket = native<[domain: number, type: number, protocol: number]>('socket', 'int', [
  'int',
  'int',
  'int',
]);
const socketpair = native<[domain: number, type: number, protocol: number, fds: Uint8Array]>(
  'socketpair',
  'int',
  ['int', 'int', 'int', 'void *'],
);
const connect = native<[fd: number, address: Uint8Array, length: number]>('connect', 'int', [
  'int',
  'void *',
  'uint',
]);
const bind = native<[fd: number, address: Uint8Array, length: number]>('bind', 'int', [
  'int',
  'void *',
  'uint',
]);
const shutdownSocket = native<[fd: number, how: number]>('shutdown', 'int', ['int', 'int']);
const listen = native<[fd: number, backlog: number]>('listen', 'int', ['int', 'int']);
const accept4 = native<[fd: number, address: null, length: null, flags: number]>('accept4', 'int', [
  'int',
  'void *',
  'void *',
  'int',
]);
const fchmod = native<[fd: number, mode: number]>('fchmod', 'int', ['int', 'uint']);

const AF_UNIX = 1;
const SOCK_CLOEXEC = 0o2000000;
/** Bytes of `sun_path` in struct sockaddr_un, the NUL included. */
export const SUN_PATH_SIZE = 108;
const BACKLOG = 64;

function pair(type: number): [OwnedFd, OwnedFd] {
  const fds = new Uint8Array(8);
  checked(socketpair()(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 'socketpair');
  const view = viewOf(fds);
  return [new OwnedFd(view.getInt32(0, true)), new OwnedFd(view.getInt32(4, true))];
}

/** Takes nothing more: who sends from now on gets EPIPE. What has been sent can still be received, then it is the end (shutdown(2), SHUT_RD). @throws Errno */
export function shutdownReading(fd: number): void {
  checked(shutdownSocket()(fd, 0), 'shutdown', fd);
}

/** Two connected AF_UNIX SOCK_SEQPACKET ends. @throws Errno */
export function seqpacketPair(): [OwnedFd, OwnedFd] {
  return pair(SOCK_SEQPACKET);
}

/** Two connected AF_UNIX SOCK_STREAM ends. @throws Errno */
export function streamPair(): [OwnedFd, OwnedFd] {
  return pair(SOCK_STREAM);
}

/** struct sockaddr_un for a path in the file system (not an abstract name). */
function unixAddress(path: string, call: string): Uint8Array {
  const name = new TextEncoder().encode(path);
  if (name.length === 0 || name.includes(0)) throw new Errno('EINVAL', call, JSON.stringify(path));
  if (name.length + 1 > SUN_PATH_SIZE) throw new Errno('ENAMETOOLONG', call, path);
  const address = new Uint8Array(2 + name.length + 1);
  viewOf(address).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  return address;
}

function connectUnix(path: string, type: number, timeoutMs: number | undefined): OwnedFd {
  const address = unixAddress(path, 'connect');
  const fd = new OwnedFd(checked(socket()(AF_UNIX, type | SOCK_CLOEXEC, 0), 'socket'));
  try {
    if (timeoutMs !== undefined) setSendTimeout(fd.fd, Math.max(1, timeoutMs));
    // A unix connect that a signal interrupts has not happened yet and can simply be repeated.
    repeated(() => connect()(fd.fd, address, address.length), 'connect', path);
    if (timeoutMs !== undefined) setSendTimeout(fd.fd, 0);
    return fd;
  } catch (error) {
    fd.close();
    if (timeoutMs !== undefined && errnoOf(error) === ERRNO.EAGAIN)
      throw new Errno('ETIMEDOUT', 'connect', path);
    throw error;
  }
}

/**
 * Connects to a SEQPACKET socket. While the listener's backlog is full this waits, for `timeoutMs` or for ever.
 *
 * @throws Errno ENOENT no such socket; ECONNREFUSED nobody listens; EPROTOTYPE a socket of another type;
 * ENAMETOOLONG the path with its NUL does not fit 108 bytes; ETIMEDOUT
 */
export function connectSeqpacket(path: string, opts: {timeoutMs?: number} = {}): OwnedFd {
  return connectUnix(path, SOCK_SEQPACKET, opts.timeoutMs);
}

/** As {@link connectSeqpacket} for a stream socket. @throws Errno */
export function connectStream(path: string, opts: {timeoutMs?: number} = {}): OwnedFd {
  return connectUnix(path, SOCK_STREAM, opts.timeoutMs);
}

/**
 * A datagram socket whose packets go to `address`, a path, or an abstract name written with a leading `@` (unix(7)).
 * @throws Errno ENOENT, ECONNREFUSED nobody is bound to it; ENAMETOOLONG
 */
export function connectDatagram(address: string): OwnedFd {
  const bytes = unixAddress(address, 'connect');
  // An abstract name begins with a NUL and has no other end than its length.
  const isAbstract = address.startsWith('@');
  if (isAbstract) bytes[2] = 0;
  const fd = new OwnedFd(checked(socket()(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket'));
  try {
    checked(connect()(fd.fd, bytes, bytes.length - (isAbstract ? 1 : 0)), 'connect', address);
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/**
 * Binds and listens on a SEQPACKET socket with exactly these permission bits. The socket is never wider open than
 * `mode`: its inode takes the bits at bind, and nobody can connect before the listen. Its directory must be writable by
 * nobody less trusted than the caller. Unlinking the path is the caller's.
 *
 * @throws Errno EADDRINUSE when the path exists.
 */
export function listenSeqpacket(path: string, mode: number): OwnedFd {
  return listenUnix(path, SOCK_SEQPACKET, mode);
}

/** As {@link listenSeqpacket} for a stream socket. @throws Errno */
export function listenStream(path: string, mode: number): OwnedFd {
  return listenUnix(path, SOCK_STREAM, mode);
}

/** A listening stream socket that nobody finds: the kernel chooses its abstract address (unix(7), autobind). @throws Errno */
export function listenNowhere(): OwnedFd {
  const family = new Uint8Array(new Uint16Array([AF_UNIX]).buffer);
  const fd = new OwnedFd(checked(socket()(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), 'socket'));
  try {
    checked(bind()(fd.fd, family, family.length), 'bind');
    checked(listen()(fd.fd, BACKLOG), 'listen');
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

function listenUnix(path: string, type: number, mode: number): OwnedFd {
  const address = unixAddress(path, 'bind');
  const fd = new OwnedFd(checked(socket()(AF_UNIX, type | SOCK_CLOEXEC, 0), 'socket'));
  try {
    checked(fchmod()(fd.fd, mode), 'fchmod', path);
    checked(bind()(fd.fd, address, address.length), 'bind', path);
    try {
      chmodSync(path, mode); // the umask may have taken bits away
    } catch (error) {
      throw new Errno(errnoOf(error), 'chmod', path);
    }
    checked(listen()(fd.fd, BACKLOG), 'listen', path);
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** Waits for a connection and takes it, close-on-exec. @throws Errno EAGAIN on a non-blocking listener */
export function acceptConnection(fd: number): OwnedFd {
  return new OwnedFd(repeated(() => accept4()(fd, null, null, SOCK_CLOEXEC), 'accept4', fd));
}
