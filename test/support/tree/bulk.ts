import {mkdirSync, writeSync} from 'node:fs';
import {mknod, S_IF} from '../posix.js';
import {type Chapter, file, join, withFile} from './ground.js';

export interface BulkSize {
  /** Files in all, most of them empty. */
  files: number;
  /** How many of them have 1 to 8 KiB of content. */
  small: number;
  /** Files of random bytes, each of so many MiB. */
  bigMiB: number;
}

const FILES_A_DIRECTORY = 100;
const MIB = 1 << 20;

/**
 * What is measured on: `tree/dN/fN` in directories of 100, those with content first, and the files `sequential` and
 * `scattered`.
 */
export function bulk({files, small, bigMiB}: BulkSize): Chapter {
  return ({root, random}) => {
    mkdirSync(join(root, 'tree'));
    let directory = root;
    for (let i = 0; i < files; i++) {
      if (i % FILES_A_DIRECTORY === 0) {
        directory = join(root, 'tree', `d${i / FILES_A_DIRECTORY}`);
        mkdirSync(directory);
      }
      const path = join(directory, `f${i}`);
      if (i < small) file(path, random.bytes(1024 + random.below(7 * 1024)));
      else mknod(path, S_IF.REG | 0o644);
    }
    for (const name of ['sequential', 'scattered']) {
      withFile(join(root, name), (fd) => {
        for (let i = 0; i < bigMiB; i++) writeSync(fd, random.bytes(MIB));
      });
    }
    return undefined;
  };
}
