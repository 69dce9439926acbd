import {Deadline} from '../service/deadline.js';
import type {Log} from '../service/log.js';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {before, type Connection, KILL_MS, lastWords} from './connection.js';
import {errnoWords, MountError} from './errors.js';
import {serverLogOf} from './failure.js';
import {abortMount, type KernelMount} from './kernel-mount.js';
import {lookAt} from './look.js';
import type {MountPoint} from './mount-point.js';

/**
 * The first stat of the root goes all the way to the server, so it tells whether the mount works. A server that dies
 * meanwhile makes it fail; one that hangs is cut off at the deadline.
 *
 * @throws MountError `server-died`, `server-refused`, `deadline`
 */
export async function firstStat(
  mounted: KernelMount,
  {
    object,
    target,
    deadline,
    connection,
    caller,
    log,
  }: {
    object: string;
    target: MountPoint;
    deadline: Deadline;
    connection: Connection;
    /** Whose mount it is: FUSE answers nobody else, not even root, unless all are let in. */
    caller: {uid: number; gid: number};
    log: Log;
  },
): Promise<void> {
  const answer = lookAt(mounted.root, caller).then(
    () => 'works' as const,
    (error: unknown) => errnoOf(error),
  );
  const outcome = await before(deadline, answer);
  if (outcome === 'works') return;
  const details = serverLogOf(await lastWords(connection));
  if (outcome !== 'late') {
    throw new MountError({object, ...whyNot(outcome)}, {errno: outcome, details});
  }
  // The stat waits in the kernel, and this process could not even exit before it comes back.
  connection.server?.kill();
  const patience = new Deadline(connection.server === undefined ? 0 : KILL_MS);
  if ((await before(patience, answer)) === 'late') {
    log.warn({target: target.path}, 'the server hangs, aborting its connection');
    try {
      abortMount(mounted, target);
    } catch (error) {
      log.warn({target: target.path, error: String(error)}, 'connection not aborted');
    }
    await before(new Deadline(KILL_MS), answer);
  }
  throw new MountError(
    {object, reason: 'the server did not answer the first stat in time', code: 'deadline'},
    {errno: ERRNO.ETIMEDOUT, details},
  );
}

/** What the kernel says of a connection that has ended. */
const ENDED: readonly (number | undefined)[] = [ERRNO.ENOTCONN, ERRNO.ECONNABORTED, ERRNO.EINTR];

/** What the errno of the first stat tells of the server. */
function whyNot(errno: number): {reason: string; code: 'server-died' | 'server-refused'} {
  if (ENDED.includes(errno)) {
    return {reason: 'the server died before the mount worked', code: 'server-died'};
  }
  // The kernel's word for an answer to FUSE_INIT that is none.
  if (errno === ERRNO.ECONNREFUSED) {
    return {reason: "the server doesn't speak this kernel's FUSE protocol", code: 'server-refused'};
  }
  // The kernel makes it EIO when what the server says of the root can't be true.
  const what = errno === ERRNO.EIO ? 'is not that of a file system' : 'refuses the look at its root';
  return {reason: `the server's first answer ${what}: ${errnoWords(errno)}`, code: 'server-refused'};
}
