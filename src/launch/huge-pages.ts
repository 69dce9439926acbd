import {readFileSync} from 'node:fs';
import type {InheritedFds} from './inherited-fds.js';

const DIRECTORY = '/sys/kernel/mm/transparent_hugepage';

/**
 * What glibc's malloc reads when a program starts, before it takes memory in huge pages (`GLIBC_TUNABLES`): whether the kernel has them for
 * who asks, and their size. Without these two files it takes none, and says nothing. A sandbox gets what they say as files of its own, and
 * nothing of sysfs.
 * @returns by path, the numbers of descriptors with the texts; none where this kernel has no huge pages
 */
export function hugePageTexts(fds: InheritedFds): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  try {
    for (const name of ['enabled', 'hpage_pmd_size']) {
      const path = `${DIRECTORY}/${name}`;
      found.set(path, fds.text('fuseward-huge-pages', readFileSync(path, 'latin1')));
    }
  } catch {
    // None here.
  }
  return found;
}
