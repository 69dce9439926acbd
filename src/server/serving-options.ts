import type {SessionOptions} from '../fuse/index.js';
import type {withheldFeatures} from '../sys/kernel-defects.js';

/** The kernel may keep what can't change (names, absent names and attributes of a read-only image) for a year. */
const FOREVER_SECONDS = 31_536_000;

/** How a mount of ours is served. @param ring requests may travel by one; withheld: what this kernel is not to be offered */
export function servingOptions({
  ring,
  withheld,
}: {
  readonly ring: boolean;
  readonly withheld: ReturnType<typeof withheldFeatures>;
}): SessionOptions {
  return {
    // Attributes come with every listing: left to choose, the kernel stops asking for them in the middle of a walk.
    init: {
      want: ['POSIX_ACL', 'EXPORT_SUPPORT', ...(ring ? (['OVER_IO_URING'] as const) : [])],
      refuse: ['READDIRPLUS_AUTO', ...(withheld.has('no-open') ? (['NO_OPEN_SUPPORT'] as const) : [])],
    },
    entryTimeout: FOREVER_SECONDS,
    attrTimeout: FOREVER_SECONDS,
    maxConcurrent: 1,
  };
}
