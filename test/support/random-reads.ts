import {closeSync, openSync, readSync} from 'node:fs';
import {readMapped} from './posix.js';
import type {Random} from './random.js';
import type {Snapshot} from './snapshot.js';

export interface ReadRequest {
  path: string;
  offset: number;
  length: number;
}

const PAGE = 4096;
const LONGEST = 300_000;

/** Reads at random places of random regular files with content, some over the end, some of whole pages, some of single bytes. */
export function randomReads(tree: Snapshot, random: Random, count: number): ReadRequest[] {
  const files = [...tree.entries].filter(
    ([, entry]) => entry.content !== null && !entry.content.startsWith('!'),
  );
  const weighted = files.filter(([, entry]) => entry.size > 0);
  return Array.from({length: count}, () => {
    const [path, {size}] = random.pick(weighted);
    const length = random.pick([1, 7, 511, PAGE, 2 * PAGE, 1 + random.below(LONGEST)]);
    const offset =
      random.below(3) === 0
        ? Math.floor((random.below(1000) / 1000) * size)
        : Math.max(0, size - random.below(Math.min(size, LONGEST) + 1));
    return {path, offset, length};
  });
}

/** The bytes of one read, by pread(2), from a tree below `root`; all that there are before the end. */
export function perform(root: string, {path, offset, length}: ReadRequest): Buffer {
  const fd = openSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')]), 'r');
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
  } finally {
    closeSync(fd);
  }
}

/** The whole pages about one read through a shared mapping. */
export function performMapped(root: string, {path, offset, length}: ReadRequest, size: number): Buffer {
  const fd = openSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')]), 'r');
  try {
    const start = Math.floor(Math.min(offset, size - 1) / PAGE) * PAGE;
    return readMapped(fd, start, Math.min(length, size - start));
  } finally {
    closeSync(fd);
  }
}
