import {lstatSync, readFileSync, readlinkSync} from 'node:fs';
import {basename} from 'node:path';
import type {ServerPolicy} from '../policy/index.js';
import type {InheritedFds} from './inherited-fds.js';
import {type Limits, limitWords} from './limits.js';
import {grantsOf} from './network.js';
import {networkFiles} from './network-names.js';
import {SEALED, show} from './sandbox.js';

/** The file system that a mount program is told of, and what it may need beside. */
export const TARGET_PLACE = '/fuseward/at/target';
/** In memory, so that the adapter can make the target look mounted; and above it, since some programs refuse what is a mount point already. */
export const ABOVE_TARGET = '/fuseward/at';
/** Where the source is, a file, a device or a directory. */
export const SOURCE_PLACE = '/fuseward/source';
export const STATE_PLACE = '/fuseward/state';
/** In memory, for the stand-ins of fusermount. */
export const SHIM_PLACE = '/fuseward/bin';

/** Bytes that a command may have in /tmp. */
export const TEMPORARY_BYTES = 64 * 2 ** 20;
/** Bytes of a file that a command may write, where nothing is writable for it but memory. */
const FILE_BYTES = 64 * 2 ** 20;

/** Where distributions keep programs and libraries: directories of their own, or links into /usr. */
export const SYSTEM_DIRECTORIES = ['/bin', '/sbin', '/lib', '/lib32', '/lib64'];
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom'];
/** What libraries look up in /etc that tells nothing of the machine. */
export const PUBLIC_FILES = ['/etc/ld.so.cache', '/etc/alternatives'];
export const CERTIFICATES = [
  '/etc/ssl/certs',
  '/etc/ssl/openssl.cnf',
  '/etc/pki/tls',
  '/etc/ca-certificates',
];

/** What of a command shapes its sandbox. */
export interface CommandView {
  readonly server: ServerPolicy;
  /** The user id that it runs under, and the group. */
  readonly uid: number;
  readonly home: string;
  /** Paths outside of the sandbox and places in it, both files or both directories. */
  readonly bindings: ReadonlyArray<{readonly word: string; readonly path: string; readonly place: string}>;
  /** Whether it may write to any file of the machine. */
  readonly writes: boolean;
  /** What programs take for granted around them, and what it is told to mount on; a program that speaks the service protocol has none of it. */
  readonly surroundings: {readonly target: 'directory' | 'file'} | undefined;
  /** Further files and directories that it sees where they are here. */
  readonly files: readonly string[];
  /** A descriptor that stays open as long as anything runs in the sandbox. */
  readonly lock: number | undefined;
  /** It runs as process 1 of its namespace. */
  readonly asPid1: boolean;
  /** Number of a descriptor at which the sandbox waits, ready but for its program, until it can be read from. */
  readonly gate: number | undefined;
}

/** A directory as it is here: the same directory, the same link, or nothing. */
function asHere(path: string): string[] {
  const stat = lstatSync(path, {throwIfNoEntry: false});
  if (stat?.isSymbolicLink()) return ['--symlink', readlinkSync(path), path];
  return stat?.isDirectory() ? show(path) : [];
}

/** Whether a command sees a path anyway. */
export function isSystemFile(path: string): boolean {
  return [...SYSTEM_DIRECTORIES, '/usr'].some((place) => path.startsWith(`${place}/`));
}

/** A /dev without devices that lead anywhere. libfuse gives up where it can't open /dev/fuse, so it finds something that it can open there and that is none. */
const DEVICE_WORDS = [
  ...['--dir', '/dev'],
  ...DEVICES.flatMap((name) => ['--dev-bind', `/dev/${name}`, `/dev/${name}`]),
  ...['--dev-bind', '/dev/null', '/dev/fuse'],
  ...['--symlink', '/proc/self/fd', '/dev/fd', '--symlink', '/proc/self/fd/0', '/dev/stdin'],
  ...['--symlink', '/proc/self/fd/1', '/dev/stdout', '--symlink', '/proc/self/fd/2', '/dev/stderr'],
];

/** Files of an /etc that knows the command's own user and this very host, by name. */
export function configurationFiles({
  server,
  uid,
  home,
}: Pick<CommandView, 'server' | 'uid' | 'home'>): Record<string, string> {
  const own = server.asRoot ? '' : `fuseward:x:${uid}:${uid}:fuseward:${home}:/usr/sbin/nologin\n`;
  const root = `root:x:0:0:root:${server.asRoot ? home : '/'}:/usr/sbin/nologin\n`;
  const files: Record<string, string> = {
    passwd: `${root}${own}nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n`,
    group: `root:x:0:\n${server.asRoot ? '' : `fuseward:x:${uid}:\n`}nogroup:x:65534:\n`,
    hosts: '127.0.0.1 localhost\n::1 localhost\n',
    'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  };
  if (server.network === 'host') files['resolv.conf'] = readOrNothing('/etc/resolv.conf');
  if (typeof server.network !== 'string') Object.assign(files, networkFiles(grantsOf(server.network)));
  return files;
}

function configuration(view: CommandView, fds: InheritedFds): string[] {
  return [
    ...Object.entries(configurationFiles(view)).flatMap(([name, text]) => [
      ...['--perms', '0444', '--ro-bind-data', `${fds.text(`etc-${name}`, text)}`, `/etc/${name}`],
    ]),
    ...['--symlink', '/proc/self/mounts', '/etc/mtab'],
    ...(view.server.network === 'none' ? PUBLIC_FILES : [...PUBLIC_FILES, ...CERTIFICATES]).flatMap(
      (path) => ['--ro-bind-try', path, path],
    ),
  ];
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** libfuse executes these before it looks at PATH. */
export const FUSERMOUNT = ['/usr/bin/fusermount3', '/usr/bin/fusermount'];

/** Puts a call of the stand-in over each that there is; a link leads to the other. */
function fusermountWords(fds: InheritedFds): string[] {
  return FUSERMOUNT.filter((path) => lstatSync(path, {throwIfNoEntry: false})?.isFile()).flatMap((path) => {
    const script = `#!/bin/sh\nexec ${SHIM_PLACE}/${basename(path)} "$@"\n`;
    return ['--perms', '0555', '--ro-bind-data', `${fds.text('fusermount', script)}`, path];
  });
}

function surroundings(view: CommandView, target: 'directory' | 'file', fds: InheritedFds): string[] {
  return [
    ...['--proc', '/proc', ...DEVICE_WORDS],
    ...configuration(view, fds),
    ...['--size', `${TEMPORARY_BYTES}`, '--perms', '1777', '--tmpfs', '/tmp'],
    ...['--size', '65536', '--tmpfs', SHIM_PLACE],
    // Some make files in it.
    ...(target === 'directory'
      ? ['--size', '65536', '--tmpfs', ABOVE_TARGET, '--dir', TARGET_PLACE]
      : ['--dir', ABOVE_TARGET, '--file', `${fds.text('target', '')}`, TARGET_PLACE]),
    ...fusermountWords(fds),
  ];
}

/** What the adapter and the stand-ins of fusermount take beside the program itself. */
const LEAST_TASKS = 64;

/** More than our own servers take: programs of others open files one by one, and write them. */
export function commandLimits({writes, server}: Pick<CommandView, 'writes' | 'server'>): Partial<Limits> {
  return {
    nofile: 4096,
    nproc: Math.max(server.tasks, LEAST_TASKS),
    sigpending: 256,
    fsize: writes ? 'unlimited' : FILE_BYTES,
  };
}

/**
 * The arguments of prlimit(1) that run a program of others in bubblewrap, up to the words of the program itself.
 *
 * In force afterwards, as for a server of our own: own user, pid, mount, ipc, uts and cgroup namespaces, and that of the network unless policy shares it; no capabilities;
 * no_new_privs; limits. It sees /usr and the directories of libraries, read-only; /proc of its own processes; the few devices that lead nowhere; an /etc of its
 * own; memory at /tmp and for the stand-ins of fusermount; and the bindings.
 *
 * @param info descriptor where bubblewrap writes the process id
 * @param more words of bubblewrap for what the program itself takes
 */
export function commandSandbox(
  bubblewrap: string,
  {info, more}: {info: number; more: readonly string[]},
  view: CommandView,
  fds: InheritedFds,
): string[] {
  const {server, bindings, files, asPid1, gate} = view;
  return [
    ...limitWords(server, commandLimits(view)),
    bubblewrap,
    ...SEALED,
    ...(server.network === 'host' ? [] : ['--unshare-net']),
    ...(server.asRoot ? ['--uid', '0', '--gid', '0'] : []),
    ...(asPid1 ? ['--as-pid-1'] : []),
    ...show('/usr'),
    ...SYSTEM_DIRECTORIES.flatMap(asHere),
    ...(view.surroundings === undefined ? [] : surroundings(view, view.surroundings.target, fds)),
    ...files.filter((path) => !isSystemFile(path)).flatMap(show),
    // Of which it may write to, the mounts themselves say.
    ...bindings.flatMap(({word, path, place}) => [word, path, place]),
    ...more,
    ...(view.lock === undefined ? [] : ['--sync-fd', `${view.lock}`]),
    ...(gate === undefined ? [] : ['--block-fd', `${gate}`]),
    ...['--remount-ro', '/', '--chdir', '/', '--info-fd', `${info}`],
  ];
}
