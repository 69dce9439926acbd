import {Errno} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {checked, ioctlMemory, ioctlNumber, lastErrno, viewOf} from './libc.js';

// Mainline: linux/fuse.h. The iomap ones are those of the out-of-tree fuse-iomap patches, which number them apart; a
// kernel without them answers ENOTTY.
const FUSE_DEV_IOC_CLONE = 0x8004e500;
const FUSE_DEV_IOC_SYNC_INIT = 0xe503;
const FUSE_DEV_IOC_IOMAP_SUPPORT = 0x8010e563;
const FUSE_DEV_IOC_ADD_IOMAP = 0xe565;
const FUSE_DEV_IOC_ADD_IOMAP_V6 = 0xe563;
const IOMAP_SUPPORT_SIZE = 16;
const SUPPORT_FILEIO = 1;
const SUPPORT_ATOMIC = 2;

/**
 * Makes `newFd` (a fresh /dev/fuse) one more channel of the connection that `oldFd` is mounted with. A reply must go to
 * the channel its request was read from.
 *
 * @throws Errno EPERM or EINVAL (by kernel version) when `oldFd` is not mounted; EINVAL when `newFd` already is
 */
export function cloneDevice(newFd: number, oldFd: number): void {
  const argument = new Uint8Array(4);
  viewOf(argument).setUint32(0, oldFd, true);
  checked(ioctlMemory()(newFd, FUSE_DEV_IOC_CLONE, argument), 'ioctl(FUSE_DEV_IOC_CLONE)', newFd);
}

/**
 * Lets the mount wait for the INIT reply, so that it fails when INIT fails. Another thread must then serve the device
 * while the mount is made. False on kernels before 6.18. @throws Errno EINVAL once mounted
 */
export function enableSyncInit(fd: number): boolean {
  if (ioctlNumber()(fd, FUSE_DEV_IOC_SYNC_INIT, 0) !== -1) return true;
  const errno = lastErrno();
  if (errno === ERRNO.ENOTTY) return false;
  throw new Errno(errno, 'ioctl(FUSE_DEV_IOC_SYNC_INIT)', `fd ${fd}`);
}

/** What came of asking for iomap on a connection. */
export type IomapApproval = 'approved' | 'unsupported' | 'denied';

/**
 * Allows whoever gets mounted with this not yet mounted /dev/fuse to use iomap; needs CAP_SYS_RAWIO and the module
 * parameter enable_iomap. 'unsupported' is a kernel without iomap, 'denied' one that refuses this process.
 *
 * @throws Errno for anything else
 */
export function approveIomap(fd: number): IomapApproval {
  for (const request of [FUSE_DEV_IOC_ADD_IOMAP, FUSE_DEV_IOC_ADD_IOMAP_V6]) {
    if (ioctlNumber()(fd, request, 0) !== -1) return 'approved';
    const errno = lastErrno();
    if (errno === ERRNO.EPERM) return 'denied';
    if (errno !== ERRNO.ENOTTY && errno !== ERRNO.EOPNOTSUPP) {
      throw new Errno(errno, 'ioctl(FUSE_DEV_IOC_ADD_IOMAP)', `fd ${fd}`);
    }
  }
  return 'unsupported';
}

/** What this connection may do by iomap at this moment; all false on a kernel without. @throws Errno */
export function iomapSupport(fd: number): {fileIo: boolean; atomic: boolean} {
  const support = new Uint8Array(IOMAP_SUPPORT_SIZE);
  if (ioctlMemory()(fd, FUSE_DEV_IOC_IOMAP_SUPPORT, support) === -1) {
    const errno = lastErrno();
    if (errno === ERRNO.ENOTTY || errno === ERRNO.EOPNOTSUPP) return {fileIo: false, atomic: false};
    throw new Errno(errno, 'ioctl(FUSE_DEV_IOC_IOMAP_SUPPORT)', `fd ${fd}`);
  }
  const flags = viewOf(support).getUint32(0, true);
  return {fileIo: (flags & SUPPORT_FILEIO) !== 0, atomic: (flags & SUPPORT_ATOMIC) !== 0};
}
