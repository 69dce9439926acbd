import type {BlockSource} from '../block/index.js';
import {type Driver, type DriverContext, MountRefusal} from './driver.js';
import {RawFileSystem} from './raw-file-system.js';

function number(options: DriverContext['options'], name: string): number | undefined {
  const text = options.get(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new MountRefusal('EINVAL', 'bad-option', `option ${name}=${text} is not a number of bytes`);
  }
  return value;
}

/** The source, or a part of it, as one read-only file: `-o offset=BYTES,size=BYTES`. */
export const rawDriver: Driver = {
  types: ['raw'],
  target: 'file',
  optionNames: ['offset', 'size'],
  blockSize: () => 0,
  open(source: BlockSource, {options}: DriverContext) {
    const offset = number(options, 'offset') ?? 0;
    const size = number(options, 'size') ?? Math.max(0, source.size - offset);
    if (offset + size > source.size) {
      throw new MountRefusal(
        'EINVAL',
        'outside-source',
        `${size} bytes at ${offset} are not inside the source's ${source.size} bytes`,
      );
    }
    return new RawFileSystem(source, {offset, size, time: Math.floor(Date.now() / 1000)});
  },
};
