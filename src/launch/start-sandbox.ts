import type {ServerPolicy} from '../policy/index.js';
import {Errno} from '../sys/errno.js';
import {O_RDONLY, type OwnedFd, openFd} from '../sys/fd.js';
import {createMemfd} from '../sys/memfd.js';
import {seqpacketPair} from '../sys/socket.js';
import {spawnAs} from '../sys/spawn.js';
import {EmbeddedServer, type Whose} from './embedded-server.js';
import {InheritedFds} from './inherited-fds.js';
import {withLaunchLock} from './lock.js';
import {createLog} from './log-memfd.js';
import {asFirstToGo} from './oom-score.js';
import {requireTool} from './tools.js';
import {strangersWith, unusedUserId} from './user-id.js';

/** What starts a sandbox. */
export interface SandboxTools {
  readonly bubblewrap: string;
  /** Runs words of prlimit(1). @returns its process id */
  start(words: readonly string[], environment: Readonly<Record<string, string>>): number;
}

/** Descriptors of a start. */
export interface StartFds {
  /** Number of the one where bubblewrap writes the process id. */
  readonly info: number;
  /** The others that the process gets. */
  readonly fds: InheritedFds;
}

/** Descriptors that are closed again unless the start succeeds. */
class DisposableFds {
  #held: OwnedFd[] = [];

  add(fd: OwnedFd): OwnedFd {
    this.#held.push(fd);
    return fd;
  }

  keep(): void {
    this.#held = [];
  }

  [Symbol.dispose](): void {
    for (const fd of this.#held) fd.close();
  }
}

/** @throws Errno that says what could not be done */
function inWords<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    throw new Errno(error.errno, `can't start a contained server: ${error.call}`, error.object);
  }
}

/**
 * Starts a sandbox under an unused user id, with one end of a new conversation as its fd 3. It outlives this process.
 * @param begin calls `start` once, synchronously, and gives back what that gave
 * @throws Error or Errno when it can't be started; nothing runs then
 */
export function startSandbox(
  policy: ServerPolicy,
  whose: Whose,
  begin: (uid: number, tools: SandboxTools, fds: StartFds) => number,
): EmbeddedServer {
  const bubblewrap = requireTool('bwrap', 'bubblewrap');
  const prlimit = requireTool('prlimit', 'util-linux');
  using held = new DisposableFds();
  using fds = new InheritedFds();
  const log = held.add(createLog());
  const info = held.add(createMemfd('fuseward-info'));
  const [ours, theirs] = seqpacketPair();
  held.add(ours);
  using serverEnd = theirs;
  // Opened here and not by whoever starts it in a mount namespace that is gone a moment later, where it would have no path.
  using input = openFd('/dev/null', O_RDONLY);
  const infoNumber = fds.lend(info);
  const {uid, monitor} = withLaunchLock(() => {
    const uid = unusedUserId(policy);
    // In a session of its own: a Ctrl-C for the mount command is not for the server.
    const start: SandboxTools['start'] = (words, environment) =>
      inWords(() =>
        asFirstToGo(() =>
          spawnAs(prlimit, ['prlimit', ...words], {
            ...{uid, gid: uid, directory: '/', environment},
            descriptors: [input.fd, log.fd, log.fd, serverEnd.fd, ...fds.list],
          }),
        ),
      );
    return {uid, monitor: begin(uid, {bubblewrap, start}, {info: infoNumber, fds})};
  });
  held.keep();
  const server = new EmbeddedServer({socket: ours, uid, monitor, whose}, {log, info});
  const [stranger] = strangersWith(uid, monitor);
  if (stranger === undefined) return server;
  server.kill();
  server.socket.close();
  server.close();
  throw new Error(`can't start a contained server: process ${stranger} has its user id ${uid} as well`);
}
