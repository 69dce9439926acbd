import {constants, readSync} from 'node:fs';
import {openFd} from '../sys/fd.js';
import {approveIomap, type IomapApproval} from '../sys/fuse-device.js';
import {fsconfigCreate, fsconfigString, fsopen} from '../sys/mount.js';
import {viewOf} from '../wire/index.js';

/** What the fuse driver of this kernel offers, out of its own mouth. */
export interface FuseOffer {
  readonly major: number;
  readonly minor: number;
  /** Whether it would answer over io_uring. */
  readonly ioUring: boolean;
  readonly iomap: IomapApproval;
}

/** struct fuse_in_header, then major, minor, max_readahead, flags, flags2 of struct fuse_init_in. */
const IN_HEADER = 40;
const FLAGS2 = IN_HEADER + 16;
/** FUSE_OVER_IO_URING is bit 41 of all flags, so bit 9 of flags2. */
const OVER_IO_URING = 1 << 9;

/**
 * Makes a fuse superblock that is attached nowhere, reads the INIT request that the kernel sends, and lets go of it.
 * Needs root and a kernel with the new mount API (5.2).
 * @throws Errno
 */
export function probeFuse(): FuseOffer {
  using device = openFd('/dev/fuse', constants.O_RDWR | constants.O_NONBLOCK);
  const iomap = approveIomap(device.fd);
  using context = fsopen('fuse');
  const parameters = {
    source: 'fuseward-doctor',
    fd: `${device.fd}`,
    rootmode: '40000',
    user_id: '0',
    group_id: '0',
  };
  for (const [key, value] of Object.entries(parameters)) fsconfigString(context.fd, key, value);
  fsconfigCreate(context.fd);
  const request = new Uint8Array(65_536);
  readSync(device.fd, request);
  const view = viewOf(request);
  return {
    major: view.getUint32(IN_HEADER, true),
    minor: view.getUint32(IN_HEADER + 4, true),
    ioUring: (view.getUint32(FLAGS2, true) & OVER_IO_URING) !== 0,
    iomap,
  };
}
