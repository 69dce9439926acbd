import {exitNow} from './exit.js';
import {O_RDONLY, OwnedFd, openFd} from './fd.js';
import {AF_INET, AF_INET6, familyOf, socketAddress} from './inet-address.js';
import {checked, native, viewOf} from './libc.js';

const setns = native<[fd: number, type: number]>('setns', 'int', ['int', 'int']);
const socket = native<[domain: number, type: number, protocol: number]>('socket', 'int', [
  'int',
  'int',
  'int',
]);
const bind = native<[fd: number, address: Uint8Array, length: number]>('bind', 'int', [
  'int',
  'void *',
  'uint',
]);
const listen = native<[fd: number, backlog: number]>('listen', 'int', ['int', 'int']);
const setsockopt = native<[fd: number, level: number, option: number, value: Uint8Array, length: number]>(
  'setsockopt',
  'int',
  ['int', 'int', 'int', 'void *', 'uint'],
);

const CLONE_NEWNET = 0x40000000;
const AF_NETLINK = 16;
/** Of IP the usual protocol of the type; of netlink NETLINK_ROUTE. */
const PROTOCOL = 0;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const EX_OSERR = 71;

/** Sockets of another network namespace. Whatever is done with them later is done there, wherever the process is. */
export interface NamespaceSockets {
  /** For questions about interfaces. */
  readonly datagram: OwnedFd;
  /** rtnetlink(7). */
  readonly route: OwnedFd;
  /** TCP, not bound yet, in the order of the addresses. */
  readonly streams: readonly OwnedFd[];
}

/**
 * Makes sockets in another network namespace. The calling thread is there for these few calls of socket(2) alone: a socket stays in the
 * namespace that it was made in, so all else is done from outside. Other threads are never there. A thread that could not come back would
 * do everything after in the wrong network, so the process ends then.
 *
 * @param namespace a descriptor of /proc/PID/ns/net; CAP_SYS_ADMIN is needed over it
 * @param addresses a TCP socket is made for each, of its family
 * @throws Errno EPERM; EAFNOSUPPORT for an IPv6 address where the kernel has no IPv6
 */
export function socketsIn(namespace: number, addresses: readonly string[]): NamespaceSockets {
  const families = addresses.map(familyOf);
  // Looked up before, so that nothing but the calls themselves happens there.
  const open = socket();
  const made: OwnedFd[] = [];
  const make = (domain: number, type: number): OwnedFd => {
    const fd = new OwnedFd(checked(open(domain, type | SOCK_CLOEXEC, PROTOCOL), 'socket'));
    made.push(fd);
    return fd;
  };
  using home = openFd('/proc/thread-self/ns/net', O_RDONLY);
  checked(setns()(namespace, CLONE_NEWNET), 'setns', namespace);
  try {
    return {
      datagram: make(AF_INET, SOCK_DGRAM),
      route: make(AF_NETLINK, SOCK_RAW),
      streams: families.map((family) => make(family, SOCK_STREAM)),
    };
  } catch (error) {
    for (const fd of made) fd.close();
    throw error;
  } finally {
    if (setns()(home.fd, CLONE_NEWNET) === -1) exitNow(EX_OSERR);
  }
}

/** Binds a TCP socket to exactly this address and port, and listens. @throws Errno EADDRNOTAVAIL, EADDRINUSE */
export function listenAt(fd: number, address: string, port: number, backlog: number): void {
  const name = `${address} port ${port}`;
  if (familyOf(address) === AF_INET6) {
    const one = new Uint8Array(4);
    viewOf(one).setInt32(0, 1, true);
    checked(setsockopt()(fd, IPPROTO_IPV6, IPV6_V6ONLY, one, one.length), 'setsockopt(IPV6_V6ONLY)', fd);
  }
  const where = socketAddress(address, port);
  checked(bind()(fd, where, where.length), 'bind', name);
  checked(listen()(fd, backlog), 'listen', name);
}
