import {constants} from 'node:fs';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {type OwnedFd, openFd} from '../sys/fd.js';
import {approveIomap, type IomapApproval} from '../sys/fuse-device.js';
import {MS_RDONLY} from '../sys/mount-flags.js';
import {errnoWords, MountError} from './errors.js';
import type {MountPolicy} from './mount-policy.js';
import type {Source} from './source.js';

/** What came of the question for iomap; `not asked` when policy denies it, or nothing could come of it. */
export type IomapResult = IomapApproval | 'not asked';

/** @throws MountError `no-fuse` */
export function openFuseDevice(path: string, object: string): OwnedFd {
  try {
    return openFd(path, constants.O_RDWR);
  } catch (error) {
    const errno = errnoOf(error);
    const absent = errno === ERRNO.ENOENT || errno === ERRNO.ENODEV || errno === ERRNO.ENXIO;
    const reason = absent
      ? `there is no ${path}: this kernel has no FUSE, or its module is not loaded (modprobe fuse)`
      : `${path} can't be opened: ${errnoWords(errno)}`;
    throw new MountError({object, reason, code: 'no-fuse'}, {errno, cause: error});
  }
}

/** Why there is no use in asking; undefined when there may be. */
function obstacle(source: Source, policy: MountPolicy): string | undefined {
  if (source.kind === 'name' || source.kind === 'directory') return 'it takes a device';
  // The kernel wants CAP_SYS_RAWIO for it, which is not a user's, and his descriptors are used as they are.
  if (source.given) return 'it is not asked for on behalf of a user';
  if (source.kind === 'file' && policy.loop === 'never')
    return 'it takes a device, and policy allows no loop device';
  return undefined;
}

/**
 * Asks the kernel to let this connection use iomap. The permission stays with the open file, so it goes to the server
 * with the descriptor, and must be asked for before the mount.
 *
 * | policy | kernel approves | has no iomap | refuses, fails | no device, or a user's mount |
 * | --- | --- | --- | --- | --- |
 * | `allow` | approved | unsupported | denied | not asked |
 * | `require` | approved | no-iomap | no-iomap | no-iomap |
 * | `deny` | not asked | not asked | not asked | not asked |
 *
 * @throws MountError `no-iomap`
 */
export function askForIomap(
  fd: OwnedFd,
  policy: MountPolicy,
  {
    source,
    object,
    approve = approveIomap,
  }: {source: Source; object: string; approve?: (fd: number) => IomapApproval},
): IomapResult {
  if (policy.iomap === 'deny') return 'not asked';
  const reason = obstacle(source, policy);
  if (reason !== undefined) {
    if (policy.iomap === 'require') throw missingIomap(object, reason, ERRNO.EPERM);
    return 'not asked';
  }
  let result: IomapApproval;
  try {
    result = approve(fd.fd);
  } catch (error) {
    if (policy.iomap === 'require') throw missingIomap(object, errnoWords(errnoOf(error)), errnoOf(error));
    return 'denied';
  }
  if (policy.iomap === 'require' && result !== 'approved') {
    const why = result === 'unsupported' ? 'this kernel has no fuse-iomap' : 'the kernel refuses it';
    throw missingIomap(object, why, result === 'unsupported' ? ERRNO.EOPNOTSUPP : ERRNO.EPERM);
  }
  return result;
}

/**
 * What comes of iomap where a relay stands before the server, which then has no device to register files with.
 * @throws MountError `no-iomap` when policy requires it
 */
export function withoutIomap({iomap}: MountPolicy, object: string): IomapResult {
  if (iomap !== 'require') return 'not asked';
  throw missingIomap(object, 'a server that is observed can have none', ERRNO.EOPNOTSUPP);
}

/**
 * Flags that a mount must have. With iomap the kernel writes where the server says, and not every kernel asks whether the server
 * could write there itself: a device that it has for reading must not be one that the mount writes to.
 */
export function flagsForIomap(result: IomapResult, {isWritable}: {readonly isWritable: boolean}): number {
  return result === 'approved' && !isWritable ? MS_RDONLY : 0;
}

function missingIomap(object: string, reason: string, errno: number): MountError {
  return new MountError({object, reason: `policy requires iomap, but ${reason}`, code: 'no-iomap'}, {errno});
}
