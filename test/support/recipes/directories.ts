import {debugfs, MIB, type Recipe} from '../images.js';
import {manyEntries, names, shrunkDirectory} from '../tree/names.js';
import {K1, TIB, tree} from './shared.js';

function hash(name: string, alg: string, unsigned: boolean): Recipe {
  return {
    name: `hash-${name}`,
    feature: `directories hashed by ${alg} over ${unsigned ? 'unsigned' : 'signed'} characters`,
    size: 24 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024'],
    traits: K1,
    before: [
      ['tune2fs', '-E', `hash_alg=${alg}`, 'IMAGE'],
      debugfs(`set_super_value flags ${unsigned ? 2 : 1}`),
    ],
    chapters: [names, shrunkDirectory(2500)],
  };
}

/** Directories: how many entries, how they are indexed and hashed, what they say. */
export const DIRECTORIES: readonly Recipe[] = [
  {
    name: 'large-dir',
    feature: 'large_dir: 50,000 long names on blocks of 1 KiB, a hash tree of three levels',
    size: 96 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-N', '56000', '-O', 'large_dir', '-I', '128'],
    traits: K1,
    chapters: [manyEntries(50_000, 250)],
  },
  {
    name: 'many-entries',
    feature: 'a directory of 50,000 entries and inode numbers beyond 50,000',
    size: 48 * MIB,
    mkfs: ['-t', 'ext4', '-N', '60000'],
    chapters: [names, manyEntries(50_000)],
  },
  {
    name: 'no-dir-index',
    feature: 'a directory of 3000 entries without an index',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-O', '^dir_index'],
    chapters: [...tree(), manyEntries(3000)],
  },
  hash('half-md4-unsigned', 'half_md4', true),
  hash('tea', 'tea', false),
  hash('tea-unsigned', 'tea', true),
  hash('legacy', 'legacy', false),
  hash('legacy-unsigned', 'legacy', true),
  {
    name: 'no-filetype',
    feature: 'directories that do not say what their entries are',
    size: 32 * MIB,
    mkfs: ['-t', 'ext4', '-b', '1024', '-O', '^filetype'],
    traits: K1,
    chapters: tree(3 * TIB),
  },
];
