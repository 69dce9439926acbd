import {notifyVia} from '../fuse/index.js';
import {type IomapCounters, type IomapDriver, IomapServer} from '../iomap/index.js';
import {deviceSize} from '../sys/block-device.js';
import {FuseIomapDevice, iomapSupport} from '../sys/fuse-device.js';
import type {ServedFileSystem} from './driver.js';
import {log} from './log.js';

/**
 * Whether the kernel lets the mount of this fuse device read files by itself: the helper has asked for that before it handed the device
 * over. Asked before the lock-down, which allows one more ioctl only where the answer is yes.
 */
export function mayUseIomap(fuseFd: number): boolean {
  try {
    return iomapSupport(fuseFd).fileIo;
  } catch {
    return false;
  }
}

/** What file data lie on. */
export interface IomapPlace {
  readonly fuseFd: number;
  /** Block devices, in the order in which the driver numbers them; none where iomap is not to be had. */
  readonly devices: readonly number[];
}

function isDriver(fs: ServedFileSystem): fs is ServedFileSystem & IomapDriver {
  return fs.mapRange !== undefined && fs.iomapVolume !== undefined;
}

/** The conversation about mappings, for a file system that can tell where its files lie, and devices that the kernel can read. */
export function iomapServerFor(
  fs: ServedFileSystem,
  {fuseFd, devices}: IomapPlace,
  counters: IomapCounters,
): IomapServer | undefined {
  if (devices.length === 0 || !isDriver(fs)) return undefined;
  const link = {
    devices: devices.map((fd) => ({fd, size: deviceSize(fd)})),
    control: new FuseIomapDevice(fuseFd),
    send: notifyVia(fuseFd),
  };
  return new IomapServer(fs, link, {
    counters,
    onProblem: (error, what) => log('warn', {error: String(error)}, `iomap: ${what}`),
  });
}
