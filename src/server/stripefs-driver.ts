import type {BlockSource} from '../block/index.js';
import {limits, readSuperblock, StripefsError, type Superblock, Volume} from '../stripefs/index.js';
import {type Driver, type DriverContext, MountRefusal} from './driver.js';
import {OWNER_OPTIONS, OwnerMapping} from './owner-mapping.js';
import {StripefsFileSystem} from './stripefs-file-system.js';

/** Runs something that looks at a superblock; its refusals become the second half of a sentence. @throws MountRefusal */
function explained<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof StripefsError)) throw error;
    const isMember = error.code.startsWith('member-') && error.details['field'] === undefined;
    throw new MountRefusal(
      error.errno,
      error.code,
      isMember ? error.message : `its superblock is not usable: ${error.message}`,
    );
  }
}

function superblockOf(source: BlockSource): Superblock {
  return readSuperblock(source, limits.SUPERBLOCK_MOST_BYTES);
}

/**
 * Files striped over several images or devices as a JSON superblock says, read-only. The option `member`, which the mount helper acts
 * on, means nothing here.
 */
export const stripefsDriver: Driver = {
  types: ['stripefs'],
  target: 'directory',
  optionNames: ['member', ...OWNER_OPTIONS],
  blockSize: () => 0,
  members: (source) => explained(() => superblockOf(source).members.map(({path}) => path)),
  open(source: BlockSource, {members, options}: DriverContext) {
    const owners = OwnerMapping.from(options);
    return explained(() => new StripefsFileSystem(Volume.open(superblockOf(source), members), owners));
  },
};
