import {O_DIRECTORY, O_PATH, O_RDONLY, openFd} from './fd.js';
import {checked, cText, native} from './libc.js';
import {fchdir, mountAt} from './mount.js';
import {MS_PRIVATE, MS_REC} from './mount-flags.js';

const unshare = native<[flags: number]>('unshare', 'int', ['int']);
const setns = native<[fd: number, type: number]>('setns', 'int', ['int', 'int']);
const chroot = native<[path: string]>('chroot', 'int', ['str']);

/** linux/sched.h */
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
  using before = openFd('/proc/thread-self/ns/mnt', O_RDONLY);
  using root = openFd('/', O_PATH | O_DIRECTORY);
  using here = openFd('.', O_PATH | O_DIRECTORY);
  checked(unshare()(CLONE_NEWNS), 'unshare', 'mount namespace');
  try {
    mountAt('none', '/', '', MS_REC | MS_PRIVATE);
    return act();
  } finally {
    try {
      checked(setns()(before.fd, CLONE_NEWNS), 'setns', before.fd);
      // Entering a namespace makes its root the thread's root, which it was not in a changed one.
      fchdir(root.fd);
      checked(chroot()(cText('.', 'chroot')), 'chroot', '.');
      fchdir(here.fd);
    } catch {
      process.abort();
    }
  }
}
