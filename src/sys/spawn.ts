import {argumentVector, environmentVector} from './argument-vector.js';
import {asUser} from './credentials.js';
import {Errno} from './errno.js';
import {duplicateFrom, type OwnedFd} from './fd.js';
import {addressOf, native, viewOf} from './libc.js';

const spawn = native<
  [pid: Uint8Array, path: string, actions: Uint8Array, attributes: Uint8Array, argv: bigint, env: bigint]
>('posix_spawn', 'int', ['void *', 'str', 'void *', 'void *', 'int64', 'int64']);
const initActions = native<[actions: Uint8Array]>('posix_spawn_file_actions_init', 'int', ['void *']);
const addDup2 = native<[actions: Uint8Array, from: number, to: number]>(
  'posix_spawn_file_actions_adddup2',
  'int',
  ['void *', 'int', 'int'],
);
const addChdir = native<[actions: Uint8Array, path: string]>('posix_spawn_file_actions_addchdir_np', 'int', [
  'void *',
  'str',
]);
const destroyActions = native<[actions: Uint8Array]>('posix_spawn_file_actions_destroy', 'int', ['void *']);
const initAttributes = native<[attributes: Uint8Array]>('posix_spawnattr_init', 'int', ['void *']);
const setFlags = native<[attributes: Uint8Array, flags: number]>('posix_spawnattr_setflags', 'int', [
  'void *',
  'short',
]);
const setDefaultSignals = native<[attributes: Uint8Array, signals: Uint8Array]>(
  'posix_spawnattr_setsigdefault',
  'int',
  ['void *', 'void *'],
);
const setSignalMask = native<[attributes: Uint8Array, signals: Uint8Array]>(
  'posix_spawnattr_setsigmask',
  'int',
  ['void *', 'void *'],
);
const waitpid = native<[pid: number, status: null, options: number]>('waitpid', 'int', [
  'int',
  'void *',
  'int',
]);

// spawn.h; the same in glibc and musl.
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
const WNOHANG = 1;
/** Room for what these libraries keep in a posix_spawnattr_t (336 bytes), a posix_spawn_file_actions_t (80) and a sigset_t (128). */
const STRUCT_SIZE = 512;

/** How a program is started. */
export interface SpawnOptions {
  /** Whose it is, really and effectively, with no supplementary groups. */
  readonly uid: number;
  readonly gid: number;
  readonly directory: string;
  /** All of its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Its descriptors 0, 1, 2 and so on, by their numbers here; those of ours that are not close-on-exec come along as well. */
  readonly descriptors: readonly number[];
}

/**
 * Starts a program as somebody else, in a session of its own, with no signal blocked or ignored: posix_spawn(3), which copies nothing of this
 * process, as fork(2) does, and needs nothing of Node's. Nobody waits for it: its owner calls `reap`, or it is left to init.
 * @param args with the name that it is told as its first
 * @returns its process id
 * @throws Errno EPERM for who is not root; what became of executing it: ENOENT, EACCES
 */
export function spawnAs(
  path: string,
  args: readonly string[],
  {uid, gid, directory, environment, descriptors}: SpawnOptions,
): number {
  const argv = argumentVector(args, 'posix_spawn');
  const envp = environmentVector(environment, 'posix_spawn');
  const pid = new Uint8Array(STRUCT_SIZE);
  const attributes = new Uint8Array(STRUCT_SIZE);
  const actions = new Uint8Array(STRUCT_SIZE);
  fillAttributes(attributes);
  done(initActions()(actions), path);
  const moved: OwnedFd[] = [];
  try {
    done(addChdir()(actions, directory), path);
    for (const [to, fd] of descriptors.entries()) {
      // None may be overwritten by one that comes before it, and one that lies right already would stay close-on-exec in some libraries.
      const from = fd < descriptors.length ? duplicateFrom(fd, descriptors.length) : undefined;
      if (from !== undefined) moved.push(from);
      done(addDup2()(actions, from?.fd ?? fd, to), path);
    }
    asUser({uid, gid}, () =>
      done(spawn()(pid, path, actions, attributes, addressOf(argv), addressOf(envp)), path),
    );
  } finally {
    destroyActions()(actions);
    for (const fd of moved) fd.close();
  }
  return viewOf(pid).getInt32(0, true);
}

function fillAttributes(attributes: Uint8Array): void {
  const none = new Uint8Array(STRUCT_SIZE);
  // Those too that a C library has for itself and sigfillset(3) leaves out: glibc would have the program ignore them.
  const all = new Uint8Array(STRUCT_SIZE).fill(0xff);
  initAttributes()(attributes);
  setDefaultSignals()(attributes, all);
  setSignalMask()(attributes, none);
  setFlags()(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
}

/** These functions give the error number itself. @throws Errno */
function done(errno: number, path: string): void {
  if (errno !== 0) throw new Errno(errno, 'posix_spawn', path);
}

/** Lets go of a process that `spawnAs` started and that has ended; of one that still runs nothing happens. */
export function reap(pid: number): void {
  waitpid()(pid, null, WNOHANG);
}
