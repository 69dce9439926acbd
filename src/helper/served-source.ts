import {constants} from 'node:fs';
import type {OpenRequest} from '../service/file.js';
import type {Log} from '../service/log.js';
import {setBlockSize} from '../sys/block-device.js';
import {Errno, errnoOf} from '../sys/errno.js';
import {
  O_CLOEXEC,
  O_DIRECT,
  O_EXCL,
  O_NONBLOCK,
  O_RDONLY,
  type OwnedFd,
  reopenFd,
  statFd,
  tryFlock,
} from '../sys/fd.js';
import {attachLoop, detachLoop, type LoopDevice, loopDevicesOf} from '../sys/loop.js';
import type {MountPolicy} from './mount-policy.js';
import type {OpenedSource} from './source.js';

const O_ACCMODE = 3;
const SECTOR = 512n;
/** O_LARGEFILE as the kernel sees it on x86-64 and on arm64; it means nothing on a 64-bit system. */
const O_LARGEFILE = process.arch === 'arm64' ? 0o400000 : 0o100000;
const O_NOATIME = 0o1000000;
/** open(2) flags that a server may ask for; none of them creates, truncates or changes what is opened. */
const ALLOWED =
  O_ACCMODE |
  O_EXCL |
  O_DIRECT |
  O_NONBLOCK |
  O_CLOEXEC |
  O_LARGEFILE |
  O_NOATIME |
  constants.O_NOCTTY |
  constants.O_SYNC |
  constants.O_DSYNC;
/** Flags without effect on what the descriptor can do. */
const MEANINGLESS = O_CLOEXEC | O_LARGEFILE | O_NONBLOCK | constants.O_NOCTTY;

/** The source as a server gets it. */
export interface Serving {
  /** Path of the loop device around it, if it has one. */
  readonly loopDevice: string | undefined;
  /** Whether the server can write to it. */
  readonly isWritable: boolean;
  openFile(request: OpenRequest): OwnedFd;
  openBlockDevice(request: OpenRequest): OwnedFd;
  /** Closes what the helper still holds. */
  close(): void;
  /** Undoes. Whether there was a loop device. */
  abandon(): boolean;
}

/**
 * A file or a block device as the server gets it. It is opened once: a further request with the same flags gets a duplicate, one with
 * other flags EBUSY, because the lock (or exclusive claim) that keeps a second mount away belongs to the first. A server that
 * has the loop device of a file and only reads gets the file itself as well: reading it is several times faster than reading the device, and the kernel then
 * keeps its pages once and not twice.
 */
export class ServedSource implements Serving {
  readonly #source: OpenedSource;
  readonly #policy: MountPolicy;
  readonly #readOnly: boolean;
  readonly #iomapApproved: boolean;
  readonly #log: Log;
  #opened: {fd: OwnedFd; flags: number; tryLoop: boolean} | undefined;
  /** The file below the loop device. */
  #file: OwnedFd | undefined;
  #loop: LoopDevice | undefined;

  constructor(
    source: OpenedSource,
    opts: {policy: MountPolicy; readOnly: boolean; iomapApproved: boolean},
    {log}: {log: Log},
  ) {
    this.#source = source;
    this.#policy = opts.policy;
    this.#readOnly = opts.readOnly;
    this.#iomapApproved = opts.iomapApproved;
    this.#log = log;
  }

  get #isBlockDevice(): boolean {
    return this.#source.kind === 'block';
  }

  /** Path of the loop device around the source, if it has one. */
  get loopDevice(): string | undefined {
    return this.#loop?.path;
  }

  /** Whether the server can write to what it was given. */
  get isWritable(): boolean {
    return this.#opened !== undefined && (this.#opened.flags & O_ACCMODE) !== O_RDONLY;
  }

  /** OPEN. @throws Errno EINVAL flags; EROFS writing to a read-only mount; EBUSY in use elsewhere */
  openFile(request: OpenRequest): OwnedFd {
    const fd = this.#open(request);
    // A plain file has none to set; for a device the size is a matter of speed only.
    const device = this.#loop?.path ?? (this.#isBlockDevice ? this.#source.path : undefined);
    // Users may not set it, so neither do we for one of them.
    if (this.#source.given) return fd;
    const size = this.#blockSize(request);
    if (size !== 0 && device !== undefined) {
      try {
        setBlockSize(fd.fd, size);
      } catch (error) {
        this.#log.info({device, size, errno: errnoOf(error)}, 'block size not set');
      }
    }
    return fd;
  }

  /** BDEV. @throws Errno ENOTBLK for a file; the error of setting the block size; else as `openFile` */
  openBlockDevice(request: OpenRequest): OwnedFd {
    if (!this.#isBlockDevice) throw new Errno('ENOTBLK', 'open', this.#source.name);
    const fd = this.#open(request);
    try {
      const size = this.#blockSize(request);
      if (size !== 0 && !this.#source.given) setBlockSize(fd.fd, size);
      return fd;
    } catch (error) {
      fd.close();
      throw error;
    }
  }

  /** Closes what the helper still holds. The server's copies, and with them the lock and the loop device, live on. */
  close(): void {
    this.#opened?.fd.close();
    this.#file?.close();
    this.#loop?.device.close();
  }

  /** Undoes: the loop device goes as soon as the server's copy does. Whether there was one. */
  abandon(): boolean {
    if (this.#loop !== undefined && !this.#loop.device.closed) detachLoop(this.#loop.device.fd);
    this.close();
    return this.#loop !== undefined;
  }

  /** What policy says, else what the server asks for; 0 for neither. */
  #blockSize(request: OpenRequest): number {
    return this.#policy.blockSize === 0 ? request.blockSize : this.#policy.blockSize;
  }

  #open(request: OpenRequest): OwnedFd {
    const unknown = (request.openFlags & ~ALLOWED) >>> 0;
    if (unknown !== 0 || (request.openFlags & O_ACCMODE) === O_ACCMODE) {
      throw new Errno(
        'EINVAL',
        'open',
        `${this.#source.name} with flags 0x${request.openFlags.toString(16)}`,
      );
    }
    if ((request.openFlags & O_ACCMODE) !== O_RDONLY && this.#readOnly) {
      throw new Errno('EROFS', 'open', this.#source.name);
    }
    const flags = request.openFlags & ~MEANINGLESS;
    if (this.#opened === undefined) {
      const fd = this.#isBlockDevice ? this.#openDevice(flags) : this.#openRegular(flags, request);
      this.#opened = {fd, flags, tryLoop: request.tryLoop};
    } else if (this.#isFileBelow(request, flags)) {
      return this.#file!.dup();
    } else if (this.#opened.flags !== flags || this.#opened.tryLoop !== request.tryLoop) {
      throw new Errno('EBUSY', 'open', this.#source.name);
    }
    return this.#opened.fd.dup();
  }

  /** Whether the file below the loop device is asked for, by one who has the device and can write to neither. */
  #isFileBelow({tryLoop}: OpenRequest, flags: number): boolean {
    const readOnly = (flags & O_ACCMODE) === O_RDONLY;
    return this.#file !== undefined && !tryLoop && readOnly && this.#opened?.flags === flags;
  }

  /** A user's own descriptor serves those who only read. @throws Errno EACCES writing; EINVAL what would take another open */
  #given(flags: number): OwnedFd {
    const {fd, name} = this.#source;
    if ((flags & O_ACCMODE) !== O_RDONLY) throw new Errno('EACCES', 'open', name);
    if ((flags & O_DIRECT) !== 0) throw new Errno('EINVAL', 'open', `${name} with O_DIRECT`);
    return fd.dup();
  }

  #openDevice(flags: number): OwnedFd {
    if (this.#source.given) return this.#given(flags);
    // fuseblk: the kernel claims the device for itself at the mount, and a claim of ours would be in its way.
    const claim = this.#policy.fuseblk ? 0 : O_EXCL;
    return reopenFd(this.#source.fd.fd, flags | claim);
  }

  #openRegular(flags: number, request: OpenRequest): OwnedFd {
    const {dev, ino, name} = this.#source;
    const plain = this.#openPlain(flags);
    try {
      // The lock is of this open file description: it lives as long as the server (or the loop device) has it.
      // Marks the file as mounted.
      if (!tryFlock(plain.fd) || loopDevicesOf(dev, ino).length > 0) throw new Errno('EBUSY', 'open', name);
      const device = request.tryLoop && this.#wantsLoop() ? this.#attach(plain, flags) : undefined;
      if (device === undefined) return plain;
      this.#file = plain;
      return device;
    } catch (error) {
      plain.close();
      throw error;
    }
  }

  #openPlain(flags: number): OwnedFd {
    const {fd, given} = this.#source;
    // O_EXCL means nothing for a regular file that exists.
    return given ? this.#given(flags) : reopenFd(fd.fd, flags & ~O_EXCL);
  }

  #wantsLoop(): boolean {
    // A loop device is there for the whole machine: udev looks into it as root, and a desktop may mount it with the kernel's own
    // driver. Nobody should get that done with a file of his own.
    if (this.#source.given) return false;
    // A loop device ends with its last whole sector; a driver must not see less than the file holds.
    if (statFd(this.#source.fd.fd).size % SECTOR !== 0n) return false;
    return this.#policy.loop === 'always' || (this.#policy.loop === 'auto' && this.#iomapApproved);
  }

  /** A loop device around the file, or undefined where there is none to be had: then the plain file serves. */
  #attach(file: OwnedFd, flags: number): OwnedFd | undefined {
    try {
      this.#loop = attachLoop(file.fd, {
        readOnly: (flags & O_ACCMODE) === O_RDONLY,
        directIo: this.#policy.directIo,
        autoclear: true,
        fileName: this.#source.path,
      });
      return this.#loop.device.dup();
    } catch (error) {
      this.#log.warn(
        {source: this.#source.name, error: String(error)},
        'no loop device, using the plain file',
      );
      return undefined;
    }
  }
}
