import {pad, struct, u16, u32} from '../../wire/index.js';

/** struct fuse_init_in as of 7.36. Kernels before send the first 16 bytes only. */
export const initIn = struct('fuse_init_in', 'le', 64, {
  major: u32,
  minor: u32,
  maxReadahead: u32,
  flags: u32,
  /** Only meant when INIT_EXT is set in flags. */
  flags2: u32,
  unused: pad(44),
});

/** Bytes of fuse_init_in up to flags, as kernels before 7.36 send it. */
export const INIT_IN_SHORT = 16;

/** struct fuse_init_out. */
export const initOut = struct('fuse_init_out', 'le', 64, {
  major: u32,
  minor: u32,
  maxReadahead: u32,
  flags: u32,
  maxBackground: u16,
  congestionThreshold: u16,
  maxWrite: u32,
  /** Granularity of times in nanoseconds. */
  timeGran: u32,
  maxPages: u16,
  mapAlignment: u16,
  flags2: u32,
  maxStackDepth: u32,
  /** Seconds. */
  requestTimeout: u16,
  unused: pad(22),
});
