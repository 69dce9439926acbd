import {fstatSync} from 'node:fs';
import {type BlockSource, FileSource} from '../block/index.js';
import {deviceSize} from '../sys/block-device.js';
import {preadBytes} from '../sys/raw-io.js';

/** The source on a descriptor: a block device tells its size by ioctl, a file by fstat. */
export function sourceOf(fd: number): BlockSource {
  return new FileSource(fd, fstatSync(fd).isBlockDevice() ? deviceSize(fd) : undefined, preadBytes);
}
