import {existsSync, readlinkSync, writeFileSync} from 'node:fs';
import {childProcess} from './child-process.js';
import {Errno, errnoOf} from './errno.js';
import {O_RDONLY, type OwnedFd, openFd} from './fd.js';

/** unshare(1) and cat(1): here and nowhere else, since PATH may be anybody's. */
const DIRECTORIES = ['/usr/bin', '/bin'];
/** How long a process may take to get into its new namespace. */
const PATIENCE_MS = 5_000;
const PAUSE_MS = 0.2;

function tool(name: string): string {
  const path = DIRECTORIES.map((directory) => `${directory}/${name}`).find((each) => existsSync(each));
  if (path === undefined) throw new Errno('ENOENT', 'spawn', name);
  return path;
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/**
 * A user namespace in which ids `uid` and `gid` stand for `to`, as mount_setattr(2) wants one for an ID-mapped mount. Only a process can be in a
 * new one, so a cat(1) is for a moment; it ends with us as well, when its input does. The namespace lives as long as the descriptor,
 * or a mount that was made with it.
 *
 * @throws Errno ENOSPC where no user namespaces may be made
 */
export function userNamespaceFor({uid, gid, to}: {uid: number; gid: number; to: number}): OwnedFd {
  const child = childProcess().spawn(tool('unshare'), ['--user', '--', tool('cat')], {
    cwd: '/',
    env: {},
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.on('error', () => {});
  // Its input ends before its event is heard of.
  child.stdin.on('error', () => {});
  const {pid} = child;
  if (pid === undefined) throw new Errno('EAGAIN', 'spawn', 'unshare');
  child.unref();
  try {
    const own = readlinkSync('/proc/self/ns/user');
    const end = performance.now() + PATIENCE_MS;
    while (namespaceOf(pid) === own) {
      if (performance.now() > end) throw new Errno('ETIMEDOUT', 'unshare', 'user namespace');
      pause(PAUSE_MS);
    }
    const namespace = openFd(`/proc/${pid}/ns/user`, O_RDONLY);
    try {
      writeMap(`/proc/${pid}/uid_map`, `${uid} ${to} 1`);
      writeMap(`/proc/${pid}/gid_map`, `${gid} ${to} 1`);
      return namespace;
    } catch (error) {
      namespace.close();
      throw error;
    }
  } finally {
    child.kill('SIGKILL');
    child.stdin.destroy();
  }
}

/** @throws Errno ENOSPC: it ended, because the kernel makes no such namespace */
function namespaceOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`);
  } catch {
    throw new Errno('ENOSPC', 'unshare', 'user namespace');
  }
}

function writeMap(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new Errno(errnoOf(error), 'write', path);
  }
}
