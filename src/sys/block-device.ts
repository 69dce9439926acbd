import {Errno} from './errno.js';
import {checked, ioctlMemory, viewOf} from './libc.js';

// linux/fs.h, as x86-64 and arm64 encode them. BLKBSZ* are declared with size_t but the kernel reads and writes an int.
const BLKBSZGET = 0x80081270;
const BLKBSZSET = 0x40081271;
const BLKGETSIZE64 = 0x80081272;
const BLKSSZGET = 0x1268;

function readInt(fd: number, request: number, name: string): number {
  const value = new Uint8Array(8);
  checked(ioctlMemory()(fd, request, value), `ioctl(${name})`, fd);
  return viewOf(value).getInt32(0, true);
}

/**
 * Sets the block size, in bytes, of the device's page cache: a power of two from the sector size to the page size (more
 * on kernels with large folios for block devices). It drops the cache and needs CAP_SYS_ADMIN.
 *
 * The size belongs to the device while anybody has it open, not to the descriptor.
 *
 * @throws Errno EINVAL not such a size; EBUSY somebody else has the device open exclusively; ENOTTY not a block device
 */
export function setBlockSize(fd: number, size: number): void {
  if (!Number.isInteger(size) || size <= 0 || size > 0x7fffffff)
    throw new Errno('EINVAL', 'ioctl(BLKBSZSET)');
  const value = new Uint8Array(8);
  viewOf(value).setInt32(0, size, true);
  checked(ioctlMemory()(fd, BLKBSZSET, value), 'ioctl(BLKBSZSET)', fd);
}

/** The block size of the device's page cache in bytes. @throws Errno ENOTTY not a block device */
export function blockSize(fd: number): number {
  return readInt(fd, BLKBSZGET, 'BLKBSZGET');
}

/** Bytes on the device. @throws Errno ENOTTY not a block device; EOVERFLOW 2^53 or more */
export function deviceSize(fd: number): number {
  const value = new Uint8Array(8);
  checked(ioctlMemory()(fd, BLKGETSIZE64, value), 'ioctl(BLKGETSIZE64)', fd);
  const size = Number(viewOf(value).getBigUint64(0, true));
  if (!Number.isSafeInteger(size)) throw new Errno('EOVERFLOW', 'ioctl(BLKGETSIZE64)', `fd ${fd}`);
  return size;
}

/** The smallest unit in bytes that the device addresses. @throws Errno ENOTTY not a block device */
export function logicalSectorSize(fd: number): number {
  return readInt(fd, BLKSSZGET, 'BLKSSZGET');
}
