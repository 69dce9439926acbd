import {MIB, type Recipe} from '../images.js';
import {workBeforeCrash} from '../tree/crash.js';
import {sizes} from '../tree/data.js';
import {names} from '../tree/names.js';
import {EXT2, K1} from './shared.js';

/** Images that were in use when they were copied. */
export const JOURNALS: readonly Recipe[] = [
  {
    name: 'dirty',
    feature: 'a journal that must be replayed, and orphans',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024'],
    traits: K1,
    chapters: [names, sizes(10), workBeforeCrash(5)],
    dirty: 'ro',
  },
  {
    name: 'dirty-orphan-file',
    feature: 'a journal that must be replayed, and an orphan file that is in use',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'orphan_file'],
    chapters: [names, sizes(10), workBeforeCrash(5)],
    dirty: 'ro',
  },
  {
    name: 'dirty-fast-commit',
    needs: 'fast_commit',
    feature: 'fast commits that must be replayed after the journal',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', 'fast_commit'],
    // No orphans: Linux 6.18 finds inodes without links in its own fast commits corrupt.
    chapters: [names, sizes(10), workBeforeCrash(0)],
    // Nor can it replay them in a read-only mount: it answers EROFS to itself.
    dirty: 'rw',
    exceptions: [
      {
        path: 'crashed',
        fields: ['mtime', 'ctime'],
        reason: 'the kernel stamps the directory with the time of the replay, which is another each time',
      },
    ],
  },
  {
    name: 'dirty-ext3',
    feature: 'a journal without checksums that must be replayed',
    size: 32 * MIB,
    mkfs: ['-t', 'ext3'],
    traits: EXT2,
    chapters: [names, sizes(10), workBeforeCrash(5)],
    dirty: 'ro',
  },
];
