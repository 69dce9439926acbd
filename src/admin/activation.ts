import type {Server} from 'node:http';
import {isUnixSocket, SOCK_STREAM, socketType} from '../sys/socket.js';
import {listenFds} from '../sys/systemd.js';

/** Whether systemd handed over a socket for the admin API. The variables that say so are removed from `env`. */
export function takeActivation(env: NodeJS.ProcessEnv, pid: number = process.pid): boolean {
  const {fds, names} = listenFds(env, pid);
  if (fds.length === 0) return false;
  const [fd, name] = [fds[0] as number, names[0] as string];
  if (fds.length > 1) {
    throw new Error(
      `can't take sockets from systemd: one is expected, ${fds.length} came (${names.join(', ')})`,
    );
  }
  // Without FileDescriptorName= systemd gives the name of the socket unit.
  if (name !== 'admin' && name !== 'unknown' && !name.endsWith('.socket')) {
    throw new Error(`can't take the socket "${name}" from systemd: FileDescriptorName=admin is expected`);
  }
  // A TCP socket would be open to everybody, since here it is the file mode that decides who may connect.
  if (!isUnixSocket(fd) || socketType(fd) !== SOCK_STREAM) {
    throw new Error(
      "can't take the socket from systemd: it is not a stream socket in the file system; use --listen for TCP",
    );
  }
  return true;
}

/**
 * Listens on descriptor 3, which `takeActivation` looked at. The `systemd` package reads the count from the environment of
 * this process, so it is there for the moment of the call and for no child. The package reaches into Node by
 * `process.binding('pipe_wrap')`: that works on Node 20 and 24, and warns (DEP0111) only under --pending-deprecation.
 */
export async function listenOnPassedSocket(server: Server): Promise<void> {
  await import('systemd');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    process.env['LISTEN_FDS'] = '1';
    try {
      (server.listen as (word: string, done: () => void) => void)('systemd', () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      delete process.env['LISTEN_FDS'];
    }
  });
}
