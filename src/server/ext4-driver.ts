import type {BlockSource} from '../block/index.js';
import {Volume, type VolumeOptions} from '../ext4/index.js';
import {decodeSuperblock, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE} from '../ext4/superblock.js';
import type {Driver, DriverContext} from './driver.js';
import {Ext4FileSystem} from './ext4-file-system.js';
import {ext4Refusal} from './ext4-refusal.js';
import {OWNER_OPTIONS, OwnerMapping} from './owner-mapping.js';

function blockSizeOf(source: BlockSource): number {
  const raw = new Uint8Array(SUPERBLOCK_SIZE);
  const length = source.read(raw, 0, SUPERBLOCK_SIZE, SUPERBLOCK_OFFSET);
  return decodeSuperblock(raw.subarray(0, length)).blockSize;
}

/** Runs something that looks at an image; its refusals become sentences. @throws MountRefusal */
function explained<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw ext4Refusal(error);
  }
}

/**
 * ext2, ext3 and ext4, read-only. The options are those of the kernel's driver that ask for what is done anyway, and the owners to be
 * shown.
 */
export const ext4Driver: Driver = {
  types: ['ext4', 'ext3', 'ext2'],
  target: 'directory',
  optionNames: ['acl', 'user_xattr', 'barrier', 'data', 'errors', 'discard', 'nodiscard', ...OWNER_OPTIONS],
  blockSize: (source) => explained(() => blockSizeOf(source)),
  open(source: BlockSource, {cacheBytes, cacheCounters, log, options: asked}: DriverContext) {
    const options: VolumeOptions = {
      cacheLimit: cacheBytes,
      counters: cacheCounters,
      log: (event, values) => log(values, event),
    };
    const owners = OwnerMapping.from(asked);
    return explained(() => new Ext4FileSystem(Volume.open(source, options), owners, cacheCounters.iomap));
  },
};
