import {O_DIRECTORY, O_PATH, O_RDONLY, openFd} from './fd.js';
import {checked, cText, native} from './libc.js';
import {fchdir, mountAt} from './mount.js';
import {MS_PRIVATE, MS_REC} from './mount-flags.js';

const unshare = native<[flags: number]>('unshare', 'int', ['int']);
const setns = native<[fd: number, type: number]>('setns', 'int', ['int', 'int']);
const chroot = native<[path: string]>('chroot', 'int', ['str']);

/** linux/sched.h */
const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;

/**
 * Runs `act` with this thread in a mount namespace of its own, in which nothing is told to others: what it mounts there is seen by nobody but
 * the processes that it starts, and is gone with the last of them. Mount namespace, root and working directory are a thread's own
 * in Linux, and this thread has its former ones back before this returns.
 *
 * @param act only synchronous calls; work that is given to other threads is done in the namespace of before
 * @throws Errno; what `act` throws. A thread that can't go back ends the process
 */
export function inOwnMountNamespace<T>(act: () => T): T {
  return elsewhere(() => {
    checked(unshare()(CLONE_NEWNS), 'unshare', 'mount namespace');
    mountAt('none', '/', '', MS_REC | MS_PRIVATE);
    return act();
  });
}

/**
 * Runs `act` with this thread in a mount namespace that there is, at the root that its processes have. Paths are those of that namespace then, and what is mounted is seen by its processes. Whoever
 * lives there may have made the tree what it is, so no path in it is to be followed where they could have put a link.
 *
 * @param namespace a descriptor of /proc/PID/ns/mnt; CAP_SYS_ADMIN is needed over it
 * @param root a descriptor of /proc/PID/root
 * @param act only synchronous calls, as above
 * @throws Errno; what `act` throws. A thread that can't go back ends the process
 */
export function inMountNamespace<T>(namespace: number, root: number, act: () => T): T {
  return elsewhere(() => {
    // Threads that share root and working directory can't be in different namespaces.
    checked(unshare()(CLONE_FS), 'unshare', 'root and working directory');
    checked(setns()(namespace, CLONE_NEWNS), 'setns', namespace);
    enterRoot(root);
    return act();
  });
}

function enterRoot(directory: number): void {
  fchdir(directory);
  checked(chroot()(cText('.', 'chroot')), 'chroot', '.');
}

/** Runs `act`, which changes this thread's mount namespace, and comes back. */
function elsewhere<T>(act: () => T): T {
  using before = openFd('/proc/thread-self/ns/mnt', O_RDONLY);
  using root = openFd('/', O_PATH | O_DIRECTORY);
  using here = openFd('.', O_PATH | O_DIRECTORY);
  try {
    return act();
  } finally {
    try {
      checked(setns()(before.fd, CLONE_NEWNS), 'setns', before.fd);
      // Entering a namespace makes its root the thread's root, which it was not in a changed one.
      enterRoot(root.fd);
      fchdir(here.fd);
    } catch {
      process.abort();
    }
  }
}
