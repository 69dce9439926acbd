import {type ChildProcess, spawn} from 'node:child_process';
import {accessSync, constants} from 'node:fs';
import type {ServerPolicy} from '../policy/index.js';
import {type OwnedFd, openFd} from '../sys/fd.js';
import {createMemfd} from '../sys/memfd.js';
import {seqpacketPair} from '../sys/socket.js';
import {EmbeddedServer} from './embedded-server.js';
import {withLaunchLock} from './lock.js';
import {findRuntime, type SandboxProgram} from './runtime.js';
import {commandArguments, sandboxArguments} from './sandbox.js';
import {unusedUserId} from './user-id.js';

/** bubblewrap, prlimit and Node are looked for here and nowhere else: PATH is the caller's. */
const TOOL_DIRECTORIES = ['/usr/bin', '/usr/local/bin', '/bin'];

/** The absolute path of a tool, or undefined when the machine has none. */
export function findTool(name: string): string | undefined {
  for (const directory of TOOL_DIRECTORIES) {
    try {
      accessSync(`${directory}/${name}`, constants.X_OK);
      return `${directory}/${name}`;
    } catch {
      // Look further.
    }
  }
  return undefined;
}

function requireTool(name: string, package_: string): string {
  const path = findTool(name);
  if (path === undefined) {
    throw new Error(`can't start a contained server: ${name} is missing (Debian package ${package_})`);
  }
  return path;
}

function openProgram(path: string): OwnedFd {
  try {
    return openFd(path, constants.O_RDONLY);
  } catch (error) {
    throw new Error(`can't start a contained server: ${path} is missing: run npm run build`, {cause: error});
  }
}

/** As OOMScoreAdjust= in the server units: when memory runs out, servers go first. A manager's own would otherwise be theirs. */
const OOM_SCORE = 500;

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

function started(child: ChildProcess): number {
  // Node reports a failed spawn by an event later and by the missing id now.
  child.on('error', () => {});
  if (child.pid === undefined)
    throw new Error(`can't start a contained server: ${child.spawnfile} does not run`);
  child.unref();
  return child.pid;
}

/**
 * Starts a contained server for `type` in bubblewrap, with one end of a new conversation as its fd 3 and the variables of
 * socket activation set: one of our own, or the program that policy names. It outlives this process; one of ours ends by itself when
 * its conversation ends without a mount, and when its mount ends.
 * @throws Error or Errno when it can't be started; nothing runs then
 */
export function launchEmbedded(type: string, policy: ServerPolicy): EmbeddedServer {
  const {command} = policy;
  if (command === undefined)
    return launchContained('server', [type, `--cache-bytes=${policy.cacheBytes}`], policy);
  // The number is that of the list below it.
  return startSandbox(policy, (bubblewrap, info) => ({
    inherited: [info.fd],
    words: commandArguments(bubblewrap, FIRST_INHERITED, policy, command),
  }));
}

/** Starts a program of ours as `launchEmbedded` starts a server. @throws Error or Errno; nothing runs then */
export function launchContained(
  name: SandboxProgram,
  programArguments: readonly string[],
  policy: ServerPolicy,
): EmbeddedServer {
  const runtime = findRuntime(name);
  using program = openProgram(runtime.program);
  using native = openFd(runtime.native, constants.O_RDONLY);
  using node = openFd(runtime.node, constants.O_RDONLY);
  // The numbers are those of the list below.
  const numbers = {program: 4, native: 5, info: 6, node: 7};
  return startSandbox(policy, (bubblewrap, info) => ({
    inherited: [program.fd, native.fd, info.fd, ...(runtime.nodeReachable ? [] : [node.fd])],
    words: sandboxArguments(bubblewrap, runtime, numbers, policy, programArguments),
  }));
}

/** Number of the first descriptor behind the conversation, which is 3. */
const FIRST_INHERITED = 4;

/** How a sandbox is started: prlimit's words, and descriptors that it gets from `FIRST_INHERITED` on. */
interface Start {
  readonly words: readonly string[];
  readonly inherited: readonly number[];
}

function startSandbox(
  policy: ServerPolicy,
  prepare: (bubblewrap: string, info: OwnedFd) => Start,
): EmbeddedServer {
  const bubblewrap = requireTool('bwrap', 'bubblewrap');
  const prlimit = requireTool('prlimit', 'util-linux');
  const choom = requireTool('choom', 'util-linux');
  using fds = new DisposableFds();
  const log = fds.add(createMemfd('fuseward-log'));
  const info = fds.add(createMemfd('fuseward-info'));
  const [ours, theirs] = seqpacketPair();
  fds.add(ours);
  using serverEnd = theirs;
  const {words, inherited} = prepare(bubblewrap, info);
  const {uid, monitor} = withLaunchLock(() => {
    const uid = unusedUserId(policy);
    const child = spawn(choom, ['-n', `${OOM_SCORE}`, '--', prlimit, ...words], {
      uid,
      gid: uid,
      cwd: '/',
      // A session of its own: a Ctrl-C for the mount command is not for the server.
      detached: true,
      env: {LISTEN_FDS: '1', LISTEN_PID: '1'},
      stdio: ['ignore', log.fd, log.fd, serverEnd.fd, ...inherited],
    });
    return {uid, monitor: started(child)};
  });
  fds.keep();
  return new EmbeddedServer(ours, uid, monitor, log, info);
}
