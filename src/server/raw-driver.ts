import type {BlockSource} from '../block/index.js';
import {type Driver, type DriverContext, MountRefusal} from './driver.js';
import {RawFileSystem} from './raw-file-system.js';

function number(
  options: DriverContext['options'],
  name: string,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const text = options.get(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > most) {
    throw new MountRefusal(
      'EINVAL',
      'bad-option',
      `option ${name}=${text} is not a number from 0 to ${most}`,
    );
  }
  return value;
}

/** 2^32 - 1 is no id. */
const MOST_ID = 2 ** 32 - 2;

/** The source, or a part of it, as one read-only file: `-o offset=BYTES,size=BYTES,uid=UID,gid=GID`. */
export const rawDriver: Driver = {
  types: ['raw'],
  target: 'file',
  optionNames: ['offset', 'size', 'uid', 'gid'],
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
    const uid = number(options, 'uid', MOST_ID) ?? 0;
    const gid = number(options, 'gid', MOST_ID) ?? 0;
    return new RawFileSystem(source, {offset, size, uid, gid, time: Math.floor(Date.now() / 1000)});
  },
};
