import {existsSync, stat} from 'node:fs';
import {childProcess} from '../sys/child-process.js';
import {Errno, errnoText} from '../sys/errno.js';
import {ERRNO, type ErrnoCode} from '../sys/errno-codes.js';
import type {OwnedFd} from '../sys/fd.js';

/** stat(1) of coreutils or busybox: here and nowhere else, since PATH may be anybody's. */
const STAT = ['/usr/bin/stat', '/bin/stat'];
/** The error that the C library calls so, which is all that stat(1) tells. */
function errnoCalled(text: string): number | undefined {
  return Object.values(ERRNO).find((errno) => errnoText(errno) === text);
}

/**
 * Looks at the root of a mount as the user it belongs to, so that the look goes all the way to its server. FUSE wants all three user ids
 * to be his, and a thread that had given up root's for a moment would be his to signal; so for others than root it is a small process of
 * his. It holds nothing but the root of his own mount, as a place.
 *
 * @throws Errno of the look; EINTR when he ended the process
 */
export async function lookAt(root: OwnedFd, {uid, gid}: {uid: number; gid: number}): Promise<void> {
  if (uid === 0) {
    return await new Promise((resolve, reject) => {
      stat(`/proc/self/fd/${root.fd}`, (error) => (error === null ? resolve() : reject(error)));
    });
  }
  const program = STAT.find((path) => existsSync(path));
  if (program === undefined) throw new Errno('ENOENT', 'spawn', STAT[0]);
  const child = childProcess().spawn(program, ['-L', '-c', '%f', '/proc/self/fd/3'], {
    uid,
    gid,
    cwd: '/',
    env: {LC_ALL: 'C'},
    stdio: ['ignore', 'ignore', 'pipe', root.fd],
  });
  let text = '';
  child.stderr!.setEncoding('utf8').on('data', (piece: string) => {
    if (text.length < 4096) text += piece;
  });
  const {code, signal} = await new Promise<{code: number | null; signal: ErrnoCode | string | null}>(
    (resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({code, signal}));
    },
  );
  if (code === 0) return;
  if (signal !== null) throw new Errno('EINTR', 'stat', `as user ${uid}`);
  const reason = text.trim().split(': ').at(-1)?.toLowerCase() ?? '';
  throw new Errno(errnoCalled(reason) ?? 'EIO', 'stat', `as user ${uid}`);
}
