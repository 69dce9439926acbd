import {writeFileSync} from 'node:fs';
import {join} from 'node:path';

/**
 * What go-fuse looks for in its mount point as soon as it serves (it opens a file of this name, which it answers by itself, to have the kernel ask for
 * poll once). In the sandbox nothing is mounted there, and without the file it gives up.
 */
const GO_FUSE = '.go-fuse-epoll-hack';

/** Makes the mount point look mounted to those who look. Where nothing can be written, there is nobody to see to it. */
export function markMounted(target: string): void {
  try {
    writeFileSync(join(target, GO_FUSE), '', {flag: 'wx'});
  } catch {
    // A read-only place, or a file.
  }
}
