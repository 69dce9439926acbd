import {execFileSync} from 'node:child_process';
import {closeSync, openSync, readSync, writeFileSync} from 'node:fs';

/** Drops the page cache and all unused dentries and inodes of the whole machine (proc(5), drop_caches). */
export function dropCaches(): void {
  execFileSync('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
}

/** Takes one file out of the page cache (posix_fadvise(2), POSIX_FADV_DONTNEED, as dd(1) asks for it). */
export function evict(path: string): void {
  execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
}

/** Reads a file once, so that it is in the page cache. */
export function warm(path: string): void {
  const buffer = Buffer.alloc(1 << 20);
  const fd = openSync(path, 'r');
  while (readSync(fd, buffer, 0, buffer.length, null) > 0);
  closeSync(fd);
}
