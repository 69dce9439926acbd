import {NO_DEVICE} from './mapping.js';

/** What the fuse device is asked to do for iomap: ioctls, or a simulated kernel. */
export interface IomapControl {
  /** Makes a block device one that mappings may point to. @returns its cookie, above 0 @throws Errno */
  registerDevice(fd: number): number;
  /** Sets the block size of the registered device's own page cache. @throws Errno */
  setDeviceBlockSize(cookie: number, blockSize: number): void;
  /** Tells the kernel that the calling thread must not wait for writing back. @throws Errno */
  setNoFs(): void;
}

/** A block device that a file system lies on. */
export interface BackingDevice {
  readonly fd: number;
  /** Bytes. */
  readonly size: number;
}

interface Registered {
  readonly cookie: number;
  readonly size: number;
}

/**
 * The devices of a file system. Drivers number them from 1 on in the order given; the kernel knows each by a cookie, which it gives
 * out when the device is registered. The kernel keeps them until unmount, so none is ever given back.
 */
export class DeviceRegistry {
  readonly #devices: readonly BackingDevice[];
  #registered: readonly Registered[] = [];

  constructor(devices: readonly BackingDevice[]) {
    this.#devices = devices;
  }

  /**
   * Registers all devices, with IOMAP_CONFIG being answered: earlier the kernel refuses. Their page cache gets the file system's block size, so
   * that metadata written through it and file data never meet in blocks of different sizes.
   *
   * @throws Errno when a device can't be registered; none may be used then
   */
  register(control: IomapControl, blockSize: number, onBlockSize: (error: unknown) => void): void {
    const registered: Registered[] = [];
    for (const {fd, size} of this.#devices) {
      const cookie = control.registerDevice(fd);
      registered.push({cookie, size});
      try {
        control.setDeviceBlockSize(cookie, blockSize);
      } catch (error) {
        onBlockSize(error);
      }
    }
    this.#registered = registered;
  }

  /** Bytes of a device; undefined for a number that no registered one has. */
  sizeOf(dev: number): number | undefined {
    return this.#registered[dev - 1]?.size;
  }

  /** The kernel's name for a device that was found to be registered; 0 for no device. */
  cookieOf(dev: number): number {
    return this.#registered[dev - 1]?.cookie ?? 0;
  }

  /** The number of a device by the kernel's name; NO_DEVICE for 0, undefined for one that was never given out. */
  numberOf(cookie: number): number | undefined {
    if (cookie === 0) return NO_DEVICE;
    const index = this.#registered.findIndex((device) => device.cookie === cookie);
    return index === -1 ? undefined : index + 1;
  }
}
