import type {BlockSource} from '../block/index.js';
import {type Driver, type DriverContext, MountRefusal} from './driver.js';
import {numberOption} from './number-option.js';
import {OWNER_OPTIONS, OwnerMapping} from './owner-mapping.js';
import {RawFileSystem} from './raw-file-system.js';

/** The source, or a part of it, as one read-only file: `-o offset=BYTES,size=BYTES`. */
export const rawDriver: Driver = {
  types: ['raw'],
  target: 'file',
  optionNames: ['offset', 'size', ...OWNER_OPTIONS],
  blockSize: () => 0,
  open(source: BlockSource, {options}: DriverContext) {
    const offset = numberOption(options, 'offset') ?? 0;
    const size = numberOption(options, 'size') ?? Math.max(0, source.size - offset);
    if (offset + size > source.size) {
      throw new MountRefusal(
        'EINVAL',
        'outside-source',
        `${size} bytes at ${offset} are not inside the source's ${source.size} bytes`,
      );
    }
    return new RawFileSystem(source, {
      offset,
      size,
      owners: OwnerMapping.from(options),
      time: Math.floor(Date.now() / 1000),
    });
  },
};
