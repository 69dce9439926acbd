import {fstatSync, readSync, writeSync} from 'node:fs';
import {deviceSize, logicalSectorSize} from '../../../src/sys/block-device.js';
import {ERRNO} from '../../../src/sys/errno-codes.js';
import {type OwnedFd, openFlags} from '../../../src/sys/fd.js';

const O_ACCMODE = 3;
const MOST_DEVICES = 1024;
const SECTOR = 512;
const LARGEST_BLOCK = 65536;

/** A registered device. */
export interface Device {
  readonly cookie: number;
  readonly fd: OwnedFd;
  /** Bytes. */
  readonly size: number;
  readonly sectorSize: number;
  readonly readOnly: boolean;
  /** Of the device's own page cache, as the server set it; 0 when it did not. */
  blockSize: number;
  /** Bytes that the kernel itself read from and wrote to it for files. */
  read: number;
  written: number;
  /** Ranges of its page cache that the server had thrown away. */
  readonly invalidated: Array<{offset: bigint; length: bigint}>;
}

/** The devices that the server registered, by cookie. */
export class Devices {
  readonly #devices = new Map<number, Device>();
  readonly #filesToo: boolean;
  #last = 0;
  /** Reads and writes fail with EIO: the disk is gone. */
  gone = false;

  /** @param filesToo whether regular files are taken, which the kernel refuses */
  constructor(filesToo: boolean) {
    this.#filesToo = filesToo;
  }

  get(cookie: number): Device | undefined {
    return this.#devices.get(cookie);
  }

  all(): readonly Device[] {
    return [...this.#devices.values()];
  }

  /** BACKING_OPEN of a device. @returns the cookie, or a negative errno; the descriptor is kept or closed */
  add(fd: OwnedFd): number {
    const stat = fstatSync(fd.fd);
    const block = stat.isBlockDevice();
    if (!block && !(this.#filesToo && stat.isFile())) {
      fd.close();
      return -ERRNO.ENODEV;
    }
    if (this.#devices.size >= MOST_DEVICES) {
      fd.close();
      return -ERRNO.ENOSPC;
    }
    const cookie = ++this.#last;
    this.#devices.set(cookie, {
      cookie,
      fd,
      size: block ? deviceSize(fd.fd) : stat.size,
      sectorSize: block ? logicalSectorSize(fd.fd) : SECTOR,
      readOnly: (openFlags(fd.fd) & O_ACCMODE) === 0,
      blockSize: 0,
      read: 0,
      written: 0,
      invalidated: [],
    });
    return cookie;
  }

  /** BACKING_CLOSE, where it is allowed. */
  remove(cookie: number): void {
    this.#devices.get(cookie)?.fd.close();
    this.#devices.delete(cookie);
  }

  /** IOMAP_SET_BLOCKSIZE. @returns 0 or a negative errno */
  setBlockSize(cookie: number, blockSize: number): number {
    const device = this.#devices.get(cookie);
    if (device === undefined) return -ERRNO.ENOENT;
    const power = (blockSize & (blockSize - 1)) === 0;
    if (!power || blockSize < device.sectorSize || blockSize > LARGEST_BLOCK) return -ERRNO.EINVAL;
    device.blockSize = blockSize;
    return 0;
  }

  /** Reads from a device; false is an I/O error. */
  read(cookie: number, target: Uint8Array, addr: bigint): boolean {
    const device = this.#devices.get(cookie);
    if (device === undefined || this.gone) return false;
    device.read += target.length;
    let done = 0;
    while (done < target.length) {
      const count = readSync(device.fd.fd, target, done, target.length - done, Number(addr) + done);
      if (count === 0) return false;
      done += count;
    }
    return true;
  }

  write(cookie: number, data: Uint8Array, addr: bigint): boolean {
    const device = this.#devices.get(cookie);
    if (device === undefined || device.readOnly || this.gone) return false;
    device.written += data.length;
    return writeSync(device.fd.fd, data, 0, data.length, Number(addr)) === data.length;
  }

  close(): void {
    for (const {fd} of this.#devices.values()) fd.close();
    this.#devices.clear();
  }
}
