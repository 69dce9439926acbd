import type {ServerPolicy} from '../policy/index.js';
import {dataLimit} from './code-range.js';
import {limitWords} from './limits.js';
import {data, PROGRAM} from './program-file.js';
import type {Runtime} from './runtime.js';

/** What puts a program of ours into its sandbox, with numbers of descriptors as they are inside before it starts. */
export interface SandboxProgramWords {
  /** Words for its files (`program-file.ts`). */
  readonly program: readonly string[];
  /** Where bubblewrap reads the texts of `hugePageTexts` from, by their paths. */
  readonly hugePages?: ReadonlyMap<string, number>;
  /** Where it reads the filter of system calls from that holds from the start. */
  readonly filter: number;
  /** Where bubblewrap writes the server's process id. */
  readonly info: number;
  /** The Node binary, where it can't be reached by its path. */
  readonly node: number;
}

/**
 * V8's flags in a server: one helper thread instead of one per core, and a heap that is bounded well below the process's
 * memory, so that garbage is collected rather than the limit hit. Without its compilers, where policy says so, the server's own
 * filter then lets no memory become executable.
 */
export function runtimeFlags(server: ServerPolicy): string[] {
  const heapMiB = Math.floor(server.memoryBytes / 4 / 2 ** 20);
  const heap = ['--v8-pool-size=1', `--max-old-space-size=${heapMiB}`, '--no-warnings'];
  return server.jitless ? [...heap, '--jitless'] : heap;
}

/** Namespaces of its own but for that of the network, and nothing to gain. */
export const SEALED: readonly string[] = [
  ...['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
  ...['--hostname', 'fuseward', '--new-session', '--cap-drop', 'ALL'],
];

/** A file or directory at the same place, read-only. */
export const show = (path: string): string[] => ['--ro-bind', path, path];

/** What makes the sandbox of a program of ours another one than a server's. */
export interface SandboxExtras {
  /** It is in this machine's network. */
  readonly inNetwork?: boolean;
  /** Descriptors that it may have open. */
  readonly openFiles?: number;
}

/**
 * The arguments of prlimit(1) that run a server in bubblewrap. It is started under the server's own unused user id and does with
 * unprivileged user namespaces what it does; no step of it has more rights than that user.
 *
 * In force afterwards: own user, pid, mount, network, ipc, uts and cgroup namespaces; a read-only file system with
 * nothing but the runtime, its libraries and the program; no /proc, /dev, /etc, and no /sys but two texts about huge
 * pages; no capabilities; no_new_privs; the limits below. The server adds landlock and seccomp itself before it sees the image.
 *
 * @param extras what a program of ours has that a server has not
 */
export function sandboxArguments(
  bubblewrap: string,
  runtime: Runtime,
  {program, ...fds}: SandboxProgramWords,
  server: ServerPolicy,
  programArguments: readonly string[],
  extras: SandboxExtras = {},
): string[] {
  const {inNetwork = false, openFiles} = extras;
  const node = runtime.nodeReachable ? runtime.node : `/proc/self/fd/${fds.node}`;
  return [
    ...limitWords(server, {data: dataLimit(server), ...(openFiles === undefined ? {} : {nofile: openFiles})}),
    bubblewrap,
    ...SEALED,
    ...(inNetwork ? [] : ['--unshare-net']),
    '--as-pid-1',
    ...[...runtime.libraries, ...runtime.data].flatMap(show),
    ...(runtime.nodeReachable ? show(runtime.node) : ['--proc', '/proc']),
    ...program,
    ...[...(fds.hugePages ?? [])].flatMap(([path, fd]) => data(fd, path)),
    ...['--remount-ro', '/', '--chdir', '/', '--info-fd', `${fds.info}`, '--seccomp', `${fds.filter}`],
    '--',
    node,
    ...runtimeFlags(server),
    PROGRAM,
    ...programArguments,
  ];
}
