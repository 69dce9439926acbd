import {Errno} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {ioctlMemory, ioctlNumber, lastErrno, viewOf} from './libc.js';

// Mainline: linux/fuse.h. The iomap ones are those of the out-of-tree fuse-iomap patches, which number them apart; a
// kernel without them answers ENOTTY.
const FUSE_DEV_IOC_CLONE = 0x8004e500;
const FUSE_DEV_IOC_BACKING_OPEN = 0x4010e501;
const FUSE_DEV_IOC_SYNC_INIT = 0xe503;
const FUSE_DEV_IOC_IOMAP_SUPPORT = 0x8010e563;
const FUSE_DEV_IOC_SET_NOFS = 0x4004e564;
const FUSE_DEV_IOC_IOMAP_SET_BLOCKSIZE = 0x4008e566;
const FUSE_DEV_IOC_IOMAP_SET_BLOCKSIZE_V6 = 0x4008e563;
const FUSE_DEV_IOC_ADD_IOMAP = 0xe565;
const FUSE_DEV_IOC_ADD_IOMAP_V6 = 0xe563;
const IOMAP_SUPPORT_SIZE = 16;
const SUPPORT_FILEIO = 1;
const SUPPORT_ATOMIC = 2;
/** fd i32, flags u32, padding u64. */
const BACKING_MAP_SIZE = 16;
/** The type of what is registered, in the low byte of the flags. */
const BACKING_IOMAP = 1;

/** What a process that talks about iomap asks of the fuse device after it was locked down. */
export const IOMAP_IOCTLS: readonly number[] = [
  FUSE_DEV_IOC_BACKING_OPEN,
  FUSE_DEV_IOC_SET_NOFS,
  FUSE_DEV_IOC_IOMAP_SET_BLOCKSIZE,
  FUSE_DEV_IOC_IOMAP_SET_BLOCKSIZE_V6,
];

/** ioctl(2) as the kernel has it: the result, or a negative errno. */
export type Ioctl = (fd: number, request: number, argument: Uint8Array | 0) => number;

function realIoctl(fd: number, request: number, argument: Uint8Array | 0): number {
  const result = argument === 0 ? ioctlNumber()(fd, request, 0) : ioctlMemory()(fd, request, argument);
  return result === -1 ? -lastErrno() : result;
}

/** @throws Errno for a negative result */
function orThrow(result: number, name: string, fd: number): number {
  if (result < 0) throw new Errno(-result, `ioctl(${name})`, `fd ${fd}`);
  return result;
}

/**
 * Makes `newFd` (a fresh /dev/fuse) one more channel of the connection that `oldFd` is mounted with. A reply must go to
 * the channel its request was read from.
 *
 * @throws Errno EPERM or EINVAL (by kernel version) when `oldFd` is not mounted; EINVAL when `newFd` already is
 */
export function cloneDevice(newFd: number, oldFd: number): void {
  const argument = new Uint8Array(4);
  viewOf(argument).setUint32(0, oldFd, true);
  orThrow(realIoctl(newFd, FUSE_DEV_IOC_CLONE, argument), 'FUSE_DEV_IOC_CLONE', newFd);
}

/**
 * Lets the mount wait for the INIT reply, so that it fails when INIT fails. Another thread must then serve the device
 * while the mount is made. False on kernels before 6.18. @throws Errno EINVAL once mounted
 */
export function enableSyncInit(fd: number): boolean {
  const result = realIoctl(fd, FUSE_DEV_IOC_SYNC_INIT, 0);
  if (result === -ERRNO.ENOTTY) return false;
  orThrow(result, 'FUSE_DEV_IOC_SYNC_INIT', fd);
  return true;
}

/** What came of asking for iomap on a connection. */
export type IomapApproval = 'approved' | 'unsupported' | 'denied';

/**
 * Allows whoever gets mounted with this not yet mounted /dev/fuse to use iomap; needs CAP_SYS_RAWIO and the module
 * parameter enable_iomap. The permission stays with the open file, whoever gets it.
 *
 * | the kernel says | means |
 * | --- | --- |
 * | success to one of the two numbers | approved |
 * | ENOTTY to both | unsupported: a kernel without iomap |
 * | EOPNOTSUPP | unsupported: it knows of iomap and was built without |
 * | EPERM | denied: this process may not allow it, or the module parameter is off |
 *
 * @throws Errno for anything else: EINVAL or EBUSY once it is mounted, EBADF
 */
export function approveIomap(fd: number, ioctl: Ioctl = realIoctl): IomapApproval {
  for (const request of [FUSE_DEV_IOC_ADD_IOMAP, FUSE_DEV_IOC_ADD_IOMAP_V6]) {
    const result = ioctl(fd, request, 0);
    if (result >= 0) return 'approved';
    if (result === -ERRNO.EPERM) return 'denied';
    if (result !== -ERRNO.ENOTTY && result !== -ERRNO.EOPNOTSUPP) {
      orThrow(result, 'FUSE_DEV_IOC_ADD_IOMAP', fd);
    }
  }
  return 'unsupported';
}

/** What this connection may do by iomap at this moment; all false on a kernel without. @throws Errno */
export function iomapSupport(fd: number, ioctl: Ioctl = realIoctl): {fileIo: boolean; atomic: boolean} {
  const support = new Uint8Array(IOMAP_SUPPORT_SIZE);
  const result = ioctl(fd, FUSE_DEV_IOC_IOMAP_SUPPORT, support);
  if (result === -ERRNO.ENOTTY || result === -ERRNO.EOPNOTSUPP) return {fileIo: false, atomic: false};
  orThrow(result, 'FUSE_DEV_IOC_IOMAP_SUPPORT', fd);
  const flags = viewOf(support).getUint32(0, true);
  return {fileIo: (flags & SUPPORT_FILEIO) !== 0, atomic: (flags & SUPPORT_ATOMIC) !== 0};
}

/** Asks a mounted /dev/fuse, whose connection has agreed on iomap, for what a server of such a mount needs. */
export class FuseIomapDevice {
  readonly #fd: number;
  readonly #ioctl: Ioctl;

  constructor(fd: number, ioctl: Ioctl = realIoctl) {
    this.#fd = fd;
    this.#ioctl = ioctl;
  }

  /**
   * Registers an open block device, so that mappings can name it.
   * @returns its cookie, 1 or more
   * @throws Errno ENODEV not a block device; EPERM no iomap (yet); ENOSPC or EMFILE too many
   */
  registerDevice(fd: number): number {
    const map = new Uint8Array(BACKING_MAP_SIZE);
    const view = viewOf(map);
    view.setInt32(0, fd, true);
    view.setUint32(4, BACKING_IOMAP, true);
    return orThrow(
      this.#ioctl(this.#fd, FUSE_DEV_IOC_BACKING_OPEN, map),
      'FUSE_DEV_IOC_BACKING_OPEN',
      this.#fd,
    );
  }

  /** Sets the block size of a registered device's own page cache. @throws Errno EINVAL a size it can't have */
  setDeviceBlockSize(cookie: number, blockSize: number): void {
    const info = new Uint8Array(8);
    const view = viewOf(info);
    view.setUint32(0, cookie, true);
    view.setUint32(4, blockSize, true);
    let result = this.#ioctl(this.#fd, FUSE_DEV_IOC_IOMAP_SET_BLOCKSIZE, info);
    if (result === -ERRNO.ENOTTY) result = this.#ioctl(this.#fd, FUSE_DEV_IOC_IOMAP_SET_BLOCKSIZE_V6, info);
    orThrow(result, 'FUSE_DEV_IOC_IOMAP_SET_BLOCKSIZE', this.#fd);
  }

  /**
   * Has the kernel keep the calling thread from waiting for file systems when it needs memory: it may be what they wait for. Blocks
   * until the device is mounted. @throws Errno ENOTTY, EPERM where it can't be had
   */
  setNoFs(): void {
    const on = new Uint8Array(4);
    viewOf(on).setUint32(0, 1, true);
    orThrow(this.#ioctl(this.#fd, FUSE_DEV_IOC_SET_NOFS, on), 'FUSE_DEV_IOC_SET_NOFS', this.#fd);
  }
}
