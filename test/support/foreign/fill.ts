import {mkdirSync, rmdirSync} from 'node:fs';
import {join} from 'node:path';
import {run} from '../mounts.js';

/** Copies a tree into a file system through an ordinary mount of it, as root and uncontained. */
export function fillThrough(directory: string, tree: string, mount: (target: string) => void): void {
  const target = join(directory, 'filling');
  mkdirSync(target);
  mount(target);
  try {
    run('cp', ['-r', '--no-dereference', `${tree}/.`, target]);
  } finally {
    run('umount', [target]);
  }
  rmdirSync(target);
}
