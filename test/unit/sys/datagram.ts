import koffi from 'koffi';
import {OwnedFd} from '../../../src/sys/fd.js';

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const bind = libc.func('int bind(int fd, void *address, uint length)');

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;

/** A datagram socket that is bound to an address, as a service manager has one; a leading @ stands for an abstract name. */
export function bindDatagram(address: string): OwnedFd {
  const name = Buffer.from(address.replace(/^@/, '\0'));
  const bytes = Buffer.concat([Buffer.from([AF_UNIX, 0]), name]);
  const fd = new OwnedFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (bind(fd.fd, bytes, bytes.length) !== 0) throw new Error(`can't bind ${address}`);
  return fd;
}
