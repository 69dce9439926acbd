import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {Errno, errnoOf} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {O_RDONLY, O_RDWR, type OwnedFd, openFd} from './fd.js';
import {checked, ioctlMemory, ioctlNumber, lastErrno, viewOf} from './libc.js';

// linux/loop.h
const LOOP_CLR_FD = 0x4c01;
const LOOP_GET_STATUS64 = 0x4c05;
const LOOP_CONFIGURE = 0x4c0a;
const LOOP_CTL_GET_FREE = 0x4c82;
const LO_FLAGS_READ_ONLY = 1;
const LO_FLAGS_AUTOCLEAR = 4;
const LO_FLAGS_DIRECT_IO = 16;

const LOOP_INFO64_SIZE = 232;
const LOOP_CONFIG_SIZE = 304;
const NAME_SIZE = 64;
/** Offset of struct loop_info64 in struct loop_config: it follows fd and block_size. */
const INFO = 8;

/** How often another process may take the device that the kernel named as free before we give up. */
const MOST_ATTEMPTS = 32;

/** How to attach; the kernel falls back to buffered I/O by itself where the backing file can't do direct I/O. */
export interface LoopOptions {
  readOnly: boolean;
  directIo: boolean;
  /** Detach with the last close of the device (mounts count). */
  autoclear: boolean;
  /** Logical block size in bytes, 512 to the page size, a power of two; 0 or missing is the kernel's default. */
  blockSize?: number;
  /** Shown by losetup; cut to 63 bytes. Nothing is opened by it. */
  fileName?: string;
}

/** An attached loop device; the descriptor keeps it alive when it clears itself. */
export interface LoopDevice {
  device: OwnedFd;
  path: string;
  number: number;
}

/** What a loop device says of itself (struct loop_info64). */
export interface LoopStatus {
  /** st_dev of the backing file's file system. */
  device: bigint;
  /** st_ino of the backing file. */
  inode: bigint;
  /** First byte of the backing file that belongs to the device, and how many do; 0: all. */
  offset: bigint;
  sizeLimit: bigint;
  number: number;
  readOnly: boolean;
  autoclear: boolean;
  directIo: boolean;
  fileName: string;
}

/**
 * Attaches an open file (regular or block device) to a free loop device.
 *
 * @throws Errno naming /dev/loop-control when there is no loop driver or no free device; naming the device otherwise.
 */
export function attachLoop(backingFd: number, opts: LoopOptions): LoopDevice {
  using control = openFd('/dev/loop-control', O_RDWR);
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const number = checked(
      ioctlNumber()(control.fd, LOOP_CTL_GET_FREE, 0),
      'ioctl(LOOP_CTL_GET_FREE)',
      '/dev/loop-control',
    );
    const path = `/dev/loop${number}`;
    const device = openFd(path, opts.readOnly ? O_RDONLY : O_RDWR);
    const errno = configure(device.fd, backingFd, opts);
    if (errno === 0) return {device, path, number};
    device.close();
    // EBUSY: somebody else was given the same number and came first.
    if (errno !== ERRNO.EBUSY) throw new Errno(errno, 'ioctl(LOOP_CONFIGURE)', path);
  }
  throw new Errno('EBUSY', 'ioctl(LOOP_CONFIGURE)', '/dev/loop-control');
}

/** LOOP_CONFIGURE; 0 or the errno. */
function configure(device: number, backingFd: number, opts: LoopOptions): number {
  const config = new Uint8Array(LOOP_CONFIG_SIZE);
  const view = viewOf(config);
  view.setUint32(0, backingFd, true);
  view.setUint32(4, opts.blockSize ?? 0, true);
  const flags =
    (opts.readOnly ? LO_FLAGS_READ_ONLY : 0) |
    (opts.autoclear ? LO_FLAGS_AUTOCLEAR : 0) |
    (opts.directIo ? LO_FLAGS_DIRECT_IO : 0);
  view.setUint32(INFO + 52, flags, true);
  const name = config.subarray(INFO + 56, INFO + 56 + NAME_SIZE - 1);
  new TextEncoder().encodeInto(opts.fileName ?? '', name);
  return ioctlMemory()(device, LOOP_CONFIGURE, config) === -1 ? lastErrno() : 0;
}

/** What is attached to the loop device open at `fd`. @throws Errno ENXIO nothing; ENOTTY not a loop device */
export function loopStatus(fd: number): LoopStatus {
  const info = new Uint8Array(LOOP_INFO64_SIZE);
  checked(ioctlMemory()(fd, LOOP_GET_STATUS64, info), 'ioctl(LOOP_GET_STATUS64)', fd);
  const view = viewOf(info);
  const flags = view.getUint32(52, true);
  const name = info.subarray(56, 56 + NAME_SIZE);
  const end = name.indexOf(0);
  return {
    device: view.getBigUint64(0, true),
    inode: view.getBigUint64(8, true),
    offset: view.getBigUint64(24, true),
    sizeLimit: view.getBigUint64(32, true),
    number: view.getUint32(40, true),
    readOnly: (flags & LO_FLAGS_READ_ONLY) !== 0,
    autoclear: (flags & LO_FLAGS_AUTOCLEAR) !== 0,
    directIo: (flags & LO_FLAGS_DIRECT_IO) !== 0,
    fileName: new TextDecoder().decode(end === -1 ? name : name.subarray(0, end)),
  };
}

/**
 * Detaches the backing file; with the device open elsewhere (a mount) the kernel does it at the last close.
 *
 * @throws Errno ENXIO when nothing is attached.
 */
export function detachLoop(fd: number): void {
  checked(ioctlNumber()(fd, LOOP_CLR_FD, 0), 'ioctl(LOOP_CLR_FD)', fd);
}

/**
 * Paths of the loop devices that have the file (`st_dev`, `st_ino`) behind them at this moment. Devices that come or go
 * meanwhile are skipped. @throws Errno EACCES without the right to open loop devices
 */
export function loopDevicesOf(dev: bigint, ino: bigint): string[] {
  const found: string[] = [];
  for (const name of attachedNames()) {
    const path = `/dev/${name}`;
    try {
      using device = openFd(path, O_RDONLY);
      const status = loopStatus(device.fd);
      if (status.device === dev && status.inode === ino) found.push(path);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== ERRNO.ENXIO && errno !== ERRNO.ENOENT && errno !== ERRNO.ENODEV) throw error;
    }
  }
  return found;
}

/**
 * What is attached to a loop device at this moment, as a name that no other attachment has: the kernel's sequence number of the
 * disk, which grows with each attaching and detaching (Linux 5.15, sysfs-block), before that the path of the file behind it.
 * undefined: nothing is attached.
 */
export function loopAttachment(path: string): string | undefined {
  const directory = `/sys/block/${path.replace('/dev/', '')}`;
  const file = attribute(`${directory}/loop/backing_file`);
  return file === undefined ? undefined : (attribute(`${directory}/diskseq`) ?? file);
}

function attribute(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trimEnd();
  } catch {
    return undefined;
  }
}

/** `loop0`, … of the devices that have something attached (a `loop` directory in sysfs). */
function attachedNames(): string[] {
  let names: string[];
  try {
    names = readdirSync('/sys/block');
  } catch (error) {
    throw new Errno(errnoOf(error), 'readdir', '/sys/block');
  }
  return names.filter((name) => /^loop\d+$/.test(name) && existsSync(`/sys/block/${name}/loop`));
}
