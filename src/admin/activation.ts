import type {Server} from 'node:http';
import {isUnixSocket, SOCK_STREAM, socketType} from '../sys/socket.js';

/** The only number that the `systemd` package takes a socket from: SD_LISTEN_FDS_START. */
const PASSED_FD = 3;

/**
 * Listens on descriptor 3, which systemd passed and which is the server's from now on. The `systemd` package reads the count from the
 * environment of this process, so it is there for the moment of the call and for no child. The package reaches into Node by
 * `process.binding('pipe_wrap')`: that works on Node 20 and 24, and warns (DEP0111) only under --pending-deprecation.
 * @throws Error, a sentence, for a socket of another kind
 */
export async function listenOnPassedSocket(server: Server): Promise<void> {
  // A TCP socket would be open to everybody, since here it is the file mode that decides who may connect.
  if (!isUnixSocket(PASSED_FD) || socketType(PASSED_FD) !== SOCK_STREAM) {
    throw new Error(
      "can't take the socket from systemd: it is not a stream socket in the file system; use --listen for TCP",
    );
  }
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
