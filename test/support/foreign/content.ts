import {createHash} from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {Random} from '../random.js';

/** Sizes around what readers work in: nothing, a byte, a page less one, a page and one, and more than a request carries. */
const SIZES = [0, 1, 4095, 4097, 200_000, 3_000_000];

/**
 * Makes the small tree that every foreign server has to show.
 * @param symlinks whether the format knows them; @param big bytes of a further file, 0 for none
 */
export function makeTree(directory: string, {symlinks, big}: {symlinks: boolean; big: number}): void {
  const random = new Random(42);
  mkdirSync(join(directory, 'empty'), {recursive: true});
  mkdirSync(join(directory, 'deep/er/and deeper'), {recursive: true});
  const bytesOf = (size: number): Buffer => {
    const bytes = Buffer.alloc(size);
    for (let i = 0; i < size; i++) bytes[i] = random.below(256);
    return bytes;
  };
  for (const size of SIZES) writeFileSync(join(directory, `size-${size}`), bytesOf(size));
  if (big > 0) writeFileSync(join(directory, 'big'), bytesOf(big));
  writeFileSync(join(directory, 'deep/er/and deeper/größe.txt'), 'the same on both sides\n');
  if (symlinks) symlinkSync('size-1', join(directory, 'link'));
}

/** Every name below a directory with what it is and a hash of what it holds, sorted. */
export function listTree(directory: string, below = ''): string[] {
  return readdirSync(join(directory, below))
    .flatMap((name) => {
      const path = below === '' ? name : `${below}/${name}`;
      const whole = join(directory, path);
      const stat = lstatSync(whole);
      // What mkfs makes by itself.
      if (path === 'lost+found') return [];
      if (stat.isDirectory()) return [`${path}/`, ...listTree(directory, path)];
      if (stat.isSymbolicLink()) return [`${path} -> ${readlinkSync(whole)}`];
      return [`${path} ${stat.size} ${createHash('sha256').update(readFileSync(whole)).digest('hex')}`];
    })
    .sort();
}
