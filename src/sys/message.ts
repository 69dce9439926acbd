import {Errno} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {OwnedFd} from './fd.js';
import {addressOf, lastErrno, native, repeated, viewOf} from './libc.js';
import {deadlineAfter, waitReadable, waitWritable} from './poll.js';

const sendmsg = native<[fd: number, message: Uint8Array, flags: number]>('sendmsg', 'long', [
  'int',
  'void *',
  'int',
]);
const recvmsg = native<[fd: number, message: Uint8Array, flags: number]>('recvmsg', 'long', [
  'int',
  'void *',
  'int',
]);
const send = native<[fd: number, bytes: Uint8Array, length: number, flags: number]>('send', 'long', [
  'int',
  'void *',
  'size_t',
  'int',
]);
const recv = native<[fd: number, bytes: Uint8Array, length: number, flags: number]>('recv', 'long', [
  'int',
  'void *',
  'size_t',
  'int',
]);

const MSG_CTRUNC = 0x8;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_EOR = 0x80;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SCM_CREDENTIALS = 2;

// struct msghdr and struct iovec on 64-bit Linux. musl declares some lengths as 32 bits plus padding; with the
// padding zero that is the same memory on a little-endian machine.
const MSGHDR_SIZE = 56;
const IOV_SIZE = 16;
const CMSG_HEADER = 16;
const FD_SIZE = 4;
/** struct ucred: pid, uid, gid. */
const UCRED_SIZE = 12;
/** What follows credentials in a control buffer begins so far behind them (CMSG_SPACE). */
const CREDENTIALS_SPACE = CMSG_HEADER + 16;
/** Descriptors in one packet that this code sends or takes; the protocols here use one. The kernel's bound is 253. */
const MOST_FDS = 16;

// Calls are synchronous and each thread has its own module instance, so one set of buffers serves all packets.
const message = new Uint8Array(MSGHDR_SIZE);
const messageView = viewOf(message);
const iov = new Uint8Array(IOV_SIZE);
const iovView = viewOf(iov);
const control = new Uint8Array(CREDENTIALS_SPACE + CMSG_HEADER + MOST_FDS * FD_SIZE);
const controlView = viewOf(control);

/** Fills the msghdr; `controlLength` 0 means none. */
function prepare(bytes: Uint8Array, controlLength: number): void {
  iovView.setBigUint64(0, addressOf(bytes), true);
  iovView.setBigUint64(8, BigInt(bytes.length), true);
  message.fill(0);
  messageView.setBigUint64(16, addressOf(iov), true);
  messageView.setBigUint64(24, 1n, true);
  if (controlLength > 0) {
    messageView.setBigUint64(32, addressOf(control), true);
    messageView.setBigUint64(40, BigInt(controlLength), true);
  }
}

/**
 * Sends one packet with up to 16 descriptors (SCM_RIGHTS); the receiver gets duplicates, the caller keeps its own.
 * Interruptions are repeated; a closed peer is EPIPE, without a signal. An empty packet looks like the end of the
 * conversation to its receiver. A peer that does not read fills the buffer: without `timeoutMs` this then waits for ever.
 *
 * @throws Errno ETIMEDOUT; EMSGSIZE when the packet is larger than the send buffer; EPERM when the peer takes no descriptors
 */
export function sendPacket(
  fd: number,
  bytes: Uint8Array,
  fds: readonly number[] = [],
  opts: {timeoutMs?: number} = {},
): void {
  if (fds.length > MOST_FDS) throw new Errno('ETOOMANYREFS', 'sendmsg', `fd ${fd}`);
  const controlLength = fds.length === 0 ? 0 : CMSG_HEADER + fds.length * FD_SIZE;
  const sent = before(fd, opts.timeoutMs, waitWritable, 'sendmsg', (flags) => {
    prepare(bytes, controlLength);
    if (controlLength > 0) {
      controlView.setBigUint64(0, BigInt(controlLength), true);
      controlView.setInt32(8, SOL_SOCKET, true);
      controlView.setInt32(12, SCM_RIGHTS, true);
      fds.forEach((passed, index) => {
        controlView.setInt32(CMSG_HEADER + index * FD_SIZE, passed, true);
      });
    }
    return sendmsg()(fd, message, flags | MSG_EOR | MSG_NOSIGNAL);
  });
  // SEQPACKET takes a packet whole or not at all; a stream socket handed in by mistake would not.
  if (sent !== bytes.length) throw new Errno('EMSGSIZE', 'sendmsg', `fd ${fd}`);
}

/** Who sent a packet, by the kernel's word (unix(7)): only a process with CAP_SYS_ADMIN or CAP_SETUID names another. */
export interface SenderCredentials {
  /** In our pid namespace; 0 for a process that is not in it, and for a packet sent before credentials were asked for. */
  pid: number;
  uid: number;
  gid: number;
}

/** One packet as it arrived. */
export interface ReceivedPacket {
  /** Bytes put into the buffer; 0 when the peer closed (or sent an empty packet). */
  length: number;
  /** Descriptors that came with it: the caller's to close. */
  fds: OwnedFd[];
  /** The packet was larger than the buffer; the rest is lost. */
  truncated: boolean;
  /** More descriptors were sent than `maxFds`; the surplus was closed by the kernel. */
  controlTruncated: boolean;
  /** Undefined unless asked for. */
  credentials: SenderCredentials | undefined;
}

/** How to receive: at most this many descriptors (0 to 16, none unless told), and how long to wait (for ever unless told). */
export interface ReceiveOptions {
  maxFds?: number;
  timeoutMs?: number;
  /** Room for the sender's credentials, which a socket with SO_PASSCRED gets with each packet. */
  credentials?: boolean;
}

/**
 * Receives one packet. Descriptors arrive close-on-exec, into a control buffer for exactly `maxFds` (CMSG_LEN; CMSG_SPACE
 * would have room for one more where `maxFds` is odd).
 *
 * @throws Errno ETIMEDOUT after `timeoutMs`; ECONNRESET when the peer closed with unread packets.
 */
export function receivePacket(fd: number, buffer: Uint8Array, opts: ReceiveOptions = {}): ReceivedPacket {
  const maxFds = opts.maxFds ?? 0;
  if (!Number.isInteger(maxFds) || maxFds < 0 || maxFds > MOST_FDS) {
    throw new Errno('EINVAL', 'recvmsg', `room for ${maxFds} descriptors`);
  }
  const forFds = maxFds === 0 ? 0 : CMSG_HEADER + maxFds * FD_SIZE;
  // Credentials come first. With no descriptors behind them there is room for nothing else, not even padding.
  const forCredentials = maxFds === 0 ? CMSG_HEADER + UCRED_SIZE : CREDENTIALS_SPACE;
  const controlLength = forFds + (opts.credentials === true ? forCredentials : 0);
  const length = before(fd, opts.timeoutMs, waitReadable, 'recvmsg', (flags) => {
    prepare(buffer, controlLength);
    return recvmsg()(fd, message, flags | MSG_CMSG_CLOEXEC);
  });
  const flags = messageView.getInt32(48, true);
  const used = controlLength === 0 ? 0 : Math.min(messageView.getUint32(40, true), controlLength);
  const {fds, credentials} = receivedControl(used);
  return {
    length,
    fds,
    credentials,
    truncated: (flags & MSG_TRUNC) !== 0,
    controlTruncated: (flags & MSG_CTRUNC) !== 0,
  };
}

/** All descriptors, and the sender's credentials, in the first `used` bytes of the control buffer. */
function receivedControl(used: number): Pick<ReceivedPacket, 'fds' | 'credentials'> {
  const fds: OwnedFd[] = [];
  let credentials: SenderCredentials | undefined;
  // Ends: each round moves on by at least a header.
  for (let at = 0; at + CMSG_HEADER <= used; ) {
    const length = controlView.getUint32(at, true);
    if (length < CMSG_HEADER) break;
    const end = Math.min(at + length, used);
    const body = at + CMSG_HEADER;
    const type =
      controlView.getInt32(at + 8, true) === SOL_SOCKET ? controlView.getInt32(at + 12, true) : undefined;
    if (type === SCM_RIGHTS) {
      for (let i = body; i + FD_SIZE <= end; i += FD_SIZE)
        fds.push(new OwnedFd(controlView.getInt32(i, true)));
    } else if (type === SCM_CREDENTIALS && body + UCRED_SIZE <= end) {
      credentials = {
        pid: controlView.getInt32(body, true),
        uid: controlView.getUint32(body + 4, true),
        gid: controlView.getUint32(body + 8, true),
      };
    }
    at += (length + 7) & ~7;
  }
  return {fds, credentials};
}

/**
 * Runs a call until it says something else than "interrupted" or, when there is a limit in time, "not now": then with MSG_DONTWAIT
 * and poll(2) before it.
 */
function before(
  fd: number,
  timeoutMs: number | undefined,
  wait: (fd: number, timeoutMs: number) => boolean,
  call: string,
  attempt: (flags: number) => number,
): number {
  if (timeoutMs === undefined) return repeated(() => attempt(0), call, fd);
  const deadline = deadlineAfter(timeoutMs) as number;
  for (;;) {
    if (!wait(fd, deadline - performance.now())) throw new Errno('ETIMEDOUT', call, `fd ${fd}`);
    const result = attempt(MSG_DONTWAIT);
    if (result !== -1) return result;
    const errno = lastErrno();
    if (errno !== ERRNO.EINTR && errno !== ERRNO.EAGAIN) throw new Errno(errno, call, `fd ${fd}`);
  }
}

/** Writes all of `bytes` to a connected stream socket. @throws Errno ETIMEDOUT (part may be sent), EPIPE */
export function writeStream(fd: number, bytes: Uint8Array, timeoutMs?: number): void {
  const deadline = deadlineAfter(timeoutMs);
  for (let done = 0; done < bytes.length; ) {
    const rest = bytes.subarray(done);
    const left = deadline === undefined ? undefined : deadline - performance.now();
    done += before(fd, left, waitWritable, 'send', (flags) =>
      send()(fd, rest, rest.length, flags | MSG_NOSIGNAL),
    );
  }
}

/** Reads what is there (at least a byte) from a connected stream socket; 0 when the peer closed. @throws Errno ETIMEDOUT */
export function readStream(fd: number, buffer: Uint8Array, timeoutMs?: number): number {
  return before(fd, timeoutMs, waitReadable, 'recv', (flags) => recv()(fd, buffer, buffer.length, flags));
}
