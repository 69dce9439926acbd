/** Which kernel is simulated: one without iomap, or with one of the states of the fuse-iomap patches. */
export type KernelVersion = 'none' | 'v6' | 'v7' | 'post-v7';

/** What differs between the versions. */
export interface Traits {
  readonly version: KernelVersion;
  readonly iomap: boolean;
  /** Minor number of the protocol. */
  readonly minor: number;
  /** Bits of the attributes' flags that make an inode one with iomap; all are needed. */
  readonly iomapBits: number;
  readonly exclusiveBit: number;
  /** Largest and smallest size of an IOMAP_IOEND reply. */
  readonly ioendReply: number;
  /** Whether CONFIG tells a cache size and takes one. */
  readonly cacheLimit: boolean;
  /** The additional checks after v7. */
  readonly strict: boolean;
}

const V7: Traits = {
  version: 'v7',
  iomap: true,
  minor: 99,
  iomapBits: 0b1100,
  exclusiveBit: 0b100,
  ioendReply: 8,
  cacheLimit: true,
  strict: false,
};

export const VERSIONS: Readonly<Record<KernelVersion, Traits>> = {
  none: {...V7, version: 'none', iomap: false, minor: 45},
  v6: {
    ...V7,
    version: 'v6',
    minor: 45,
    iomapBits: 0b100,
    exclusiveBit: 0,
    ioendReply: 0,
    cacheLimit: false,
  },
  v7: V7,
  'post-v7': {...V7, version: 'post-v7', strict: true},
};
