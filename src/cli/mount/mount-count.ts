import {MountError} from '../../helper/index.js';
import {liveRecords} from '../../launch/mount-record.js';
import {ERRNO} from '../../sys/errno-codes.js';

/**
 * Counts the mounts that a user other than root has, by their records. The manager lets one request of a user run at a time, so nobody
 * mounts twice on one count.
 *
 * @param most as policy has it
 * @throws MountError `too-many-mounts`
 */
export function checkMountCount(
  {callerUid, source, target}: {callerUid: number; source: string; target: string},
  most: number,
): void {
  if (callerUid === 0) return;
  const count = liveRecords().filter((record) => record.callerUid === callerUid).length;
  if (count < most) return;
  throw new MountError(
    {
      object: `${source} on ${target}`,
      reason: `user ${callerUid} has ${count} mounts, and policy allows ${most}`,
      code: 'too-many-mounts',
    },
    {errno: ERRNO.EPERM},
  );
}
