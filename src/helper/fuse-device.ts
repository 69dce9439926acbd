import {constants} from 'node:fs';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {type OwnedFd, openFd} from '../sys/fd.js';
import {approveIomap, type IomapApproval} from '../sys/fuse-device.js';
import {errnoWords, MountError} from './errors.js';
import type {MountPolicy} from './mount-policy.js';

/** What came of the question for iomap; `not asked` when policy denies it. */
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

/**
 * Asks the kernel to let this connection use iomap. The permission stays with the open file, so it goes to the server
 * with the descriptor, and must be asked for before the mount.
 *
 * @throws MountError `no-iomap` when policy requires it and the kernel has not got it or refuses
 */
export function askForIomap(fd: OwnedFd, policy: MountPolicy, object: string): IomapResult {
  if (policy.iomap === 'deny') return 'not asked';
  let result: IomapApproval;
  try {
    result = approveIomap(fd.fd);
  } catch (error) {
    if (policy.iomap === 'require') throw missingIomap(object, errnoWords(errnoOf(error)), errnoOf(error));
    return 'denied';
  }
  if (policy.iomap === 'require' && result !== 'approved') {
    const reason = result === 'unsupported' ? 'this kernel has no fuse-iomap' : 'the kernel refuses it';
    throw missingIomap(object, reason, result === 'unsupported' ? ERRNO.EOPNOTSUPP : ERRNO.EPERM);
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

function missingIomap(object: string, reason: string, errno: number): MountError {
  return new MountError({object, reason: `policy requires iomap, but ${reason}`, code: 'no-iomap'}, {errno});
}
