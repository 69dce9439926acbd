import {lstatSync, readlinkSync} from 'node:fs';
import type {ServerPolicy} from '../policy/index.js';
import type {Runtime} from './runtime.js';

/** Descriptor numbers inside the sandbox process before the server starts. */
export interface SandboxFds {
  /** Where bubblewrap reads the server program from. */
  readonly program: number;
  /** Where bubblewrap reads koffi's native module from. */
  readonly native: number;
  /** Where bubblewrap writes the server's process id. */
  readonly info: number;
  /** The Node binary, where it can't be reached by its path. */
  readonly node: number;
}

/** Where the program lies inside the sandbox. */
const PROGRAM = '/fuseward/program.js';

/**
 * Bytes a file may grow to, which is what bubblewrap needs to copy the program in. The server lowers it to what its log, a
 * memfd, may take.
 */
const FILE_LIMIT = 16 * 2 ** 20;

/**
 * V8's flags in a server: one helper thread instead of one per core, and a heap that is bounded well below the process's
 * memory, so that garbage is collected rather than the limit hit. Without its compilers, where policy says so, the server's own
 * filter then lets no memory become executable.
 */
function runtimeFlags(server: ServerPolicy): string[] {
  const heapMiB = Math.floor(server.memoryBytes / 4 / 2 ** 20);
  const heap = ['--v8-pool-size=1', `--max-old-space-size=${heapMiB}`, '--no-warnings'];
  return server.jitless ? [...heap, '--jitless'] : heap;
}

const SEALED = [
  ...['--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts'],
  ...['--unshare-cgroup-try', '--hostname', 'fuseward', '--new-session', '--as-pid-1', '--cap-drop', 'ALL'],
];

const show = (path: string): string[] => ['--ro-bind', path, path];

/** Words of prlimit(1) that bound what a server takes. */
function limitsOf(server: ServerPolicy): string[] {
  const limits = {
    core: 0,
    data: server.memoryBytes,
    fsize: FILE_LIMIT,
    memlock: 0,
    msgqueue: 0,
    nofile: 64,
    // Counted by user id, and each server has its own: bubblewrap's own two processes are among them.
    nproc: server.tasks,
    rtprio: 0,
    sigpending: 64,
  };
  return Object.entries(limits).map(([name, value]) => `--${name}=${value}`);
}

/**
 * The arguments of prlimit(1) that run a server in bubblewrap. It is started under the server's own unused user id and does with
 * unprivileged user namespaces what it does; no step of it has more rights than that user.
 *
 * In force afterwards: own user, pid, mount, network, ipc, uts and cgroup namespaces; a read-only file system with
 * nothing but the runtime, its libraries and the program; no /proc, /dev, /sys, /etc; no capabilities; no_new_privs; the
 * limits below. The server adds landlock and seccomp itself before it sees the image.
 */
export function sandboxArguments(
  bubblewrap: string,
  runtime: Runtime,
  fds: SandboxFds,
  server: ServerPolicy,
  programArguments: readonly string[],
): string[] {
  const node = runtime.nodeReachable ? runtime.node : `/proc/self/fd/${fds.node}`;
  return [
    ...limitsOf(server),
    bubblewrap,
    ...SEALED,
    ...[...runtime.libraries, ...runtime.data].flatMap(show),
    ...(runtime.nodeReachable ? show(runtime.node) : ['--proc', '/proc']),
    ...['--perms', '0444', '--ro-bind-data', `${fds.program}`, PROGRAM],
    ...['--perms', '0444', '--ro-bind-data', `${fds.native}`, '/fuseward/koffi.node'],
    ...['--remount-ro', '/', '--chdir', '/', '--info-fd', `${fds.info}`],
    '--',
    node,
    ...runtimeFlags(server),
    PROGRAM,
    ...programArguments,
  ];
}

/** Where distributions keep programs and libraries: directories of their own, or links into /usr. */
const SYSTEM_DIRECTORIES = ['/bin', '/sbin', '/lib', '/lib32', '/lib64'];

/** A directory as it is here: the same directory, the same link, or nothing. */
function asHere(path: string): string[] {
  const stat = lstatSync(path, {throwIfNoEntry: false});
  if (stat?.isSymbolicLink()) return ['--symlink', readlinkSync(path), path];
  return stat?.isDirectory() ? show(path) : [];
}

/**
 * The same for a program of the administrator's (policy's `server.command`): it sees /usr, the directories of libraries and its own file,
 * read-only, and nothing else. What a server of ours does to itself beyond that is the program's own affair.
 *
 * @param info descriptor where bubblewrap writes the program's process id
 */
export function commandArguments(
  bubblewrap: string,
  info: number,
  server: ServerPolicy,
  command: readonly string[],
): string[] {
  const [program = ''] = command;
  return [
    ...limitsOf(server),
    bubblewrap,
    ...SEALED,
    ...show('/usr'),
    ...SYSTEM_DIRECTORIES.flatMap(asHere),
    ...([...SYSTEM_DIRECTORIES, '/usr'].some((place) => program.startsWith(`${place}/`))
      ? []
      : show(program)),
    ...['--remount-ro', '/', '--chdir', '/', '--info-fd', `${info}`],
    '--',
    ...command,
  ];
}
