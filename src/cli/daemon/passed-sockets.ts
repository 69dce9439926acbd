import {OwnedFd, renumberFd} from '../../sys/fd.js';
import {isUnixSocket, SOCK_SEQPACKET, socketType} from '../../sys/socket.js';
import {listenFds, type PassedFds} from '../../sys/systemd.js';

/** Where the admin API's socket has to be for the package that listens on it. */
const ADMIN_FD = 3;

/** Names of what an earlier life of the daemon gave into systemd's keeping begin so. */
export const STORED_PREFIX = 'stored-';

/** Sockets and files that came with the start. The names are those of FileDescriptorName= in the socket units. */
export interface PassedSockets {
  /** A listening stream socket for the admin API, as descriptor 3. */
  readonly admin: OwnedFd | undefined;
  /** A listening SEQPACKET socket for the requests of ordinary users. */
  readonly mount: OwnedFd | undefined;
  /** What was stored, by name without the prefix. */
  readonly stored: ReadonlyMap<string, OwnedFd>;
}

/**
 * Takes what systemd passed to this process, by LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, and removes these from `env`. A lone
 * socket without a name of its own is the admin API's.
 * @throws Error, a sentence, for a socket that has another name, comes twice or is of a kind that would not do
 */
export function takeSockets(env: NodeJS.ProcessEnv, pid: number = process.pid): PassedSockets {
  const named = byName(listenFds(env, pid));
  const stored = new Map<string, OwnedFd>();
  for (const [name, fd] of named) {
    if (name.startsWith(STORED_PREFIX)) stored.set(name.slice(STORED_PREFIX.length), fd);
    else if (name !== 'admin' && name !== 'mount') {
      throw new Error(
        `can't take the socket "${name}" from systemd: FileDescriptorName=admin or =mount is expected`,
      );
    }
  }
  const mount = named.get('mount');
  if (mount !== undefined && !(isUnixSocket(mount.fd) && socketType(mount.fd) === SOCK_SEQPACKET)) {
    throw new Error(`can't take the socket "mount" from systemd: it is not of ListenSequentialPacket=`);
  }
  const admin = named.get('admin');
  return admin === undefined ? {admin, mount, stored} : withAdminInPlace({admin, mount, stored});
}

function byName({fds, names}: PassedFds): Map<string, OwnedFd> {
  const named = new Map<string, OwnedFd>();
  for (const [index, fd] of fds.entries()) {
    const given = names[index]!;
    // Without FileDescriptorName= systemd gives the name of the socket unit.
    const isUnnamed = fds.length === 1 && (given === 'unknown' || given.endsWith('.socket'));
    const name = isUnnamed ? 'admin' : given;
    if (named.has(name)) throw new Error(`can't take sockets from systemd: "${name}" came twice`);
    named.set(name, new OwnedFd(fd));
  }
  return named;
}

/** systemd's order is its own. Whatever has the number of the admin socket gets another one. */
function withAdminInPlace({admin, mount, stored}: PassedSockets & {admin: OwnedFd}): PassedSockets {
  const elsewhere = (fd: OwnedFd): OwnedFd => {
    if (fd.fd !== ADMIN_FD) return fd;
    const moved = fd.dup();
    fd.release();
    return moved;
  };
  const others = {
    mount: mount && elsewhere(mount),
    stored: new Map([...stored].map(([name, fd]) => [name, elsewhere(fd)])),
  };
  return {...others, admin: renumberFd(admin, ADMIN_FD)};
}
