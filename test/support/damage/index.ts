import {imageOf, lacking} from '../images.js';
import {MUTANTS} from '../mutant-recipes.js';
import {ATTRIBUTE_DAMAGES} from './attributes.js';
import type {Damage} from './damage.js';
import {DIRECTORY_DAMAGES} from './directories.js';
import {EXTENT_DAMAGES} from './extents.js';
import {FILE_SYSTEM_DAMAGES} from './file-system.js';
import {INDEX_DAMAGES} from './indexes.js';
import {INDIRECT_DAMAGES} from './indirect.js';
import {INODE_DAMAGES} from './inodes.js';
import {JOURNAL_DAMAGES} from './journal.js';

export {DamageBench} from './bench.js';
export {answerTo, type Damage, Questions} from './damage.js';

/** All kinds of damage, by what is damaged. */
export const DAMAGES: Readonly<Record<string, readonly Damage[]>> = {
  'the file system': FILE_SYSTEM_DAMAGES,
  inodes: INODE_DAMAGES,
  'extent trees': EXTENT_DAMAGES,
  'indirect blocks': INDIRECT_DAMAGES,
  directories: DIRECTORY_DAMAGES,
  'indexes of directories': INDEX_DAMAGES,
  attributes: ATTRIBUTE_DAMAGES,
  journals: JOURNAL_DAMAGES,
};

/** The sound image that damage is done to; undefined where this machine can't make it. */
export function damageImage(name: string): string | undefined {
  const recipe = MUTANTS.find((each) => each.name === name);
  if (recipe === undefined) throw new Error(`there is no image ${name}`);
  return lacking(recipe) === undefined ? imageOf(recipe) : undefined;
}
