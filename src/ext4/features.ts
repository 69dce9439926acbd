import {UnsupportedError} from './errors.js';

/**
 * s_feature_compat: what a driver may ignore. An unknown bit means nothing to us.
 * Bits from Documentation/filesystems/ext4/super.rst and fs/ext4/ext4.h; names as mke2fs(8) spells them.
 */
export const COMPAT = {
  dirPrealloc: 0x1,
  imagicInodes: 0x2,
  hasJournal: 0x4,
  extAttr: 0x8,
  resizeInode: 0x10,
  dirIndex: 0x20,
  lazyBg: 0x40,
  excludeInode: 0x80,
  excludeBitmap: 0x100,
  /** Backup superblocks lie in the two groups of s_backup_bgs only. */
  sparseSuper2: 0x200,
  /** Fast commits may be in the journal. */
  fastCommit: 0x400,
  /** Inode numbers and the uuid never change (for encryption). */
  stableInodes: 0x800,
  /** An orphan file exists (s_orphan_file_inum). */
  orphanFile: 0x1000,
} as const;

/** s_feature_incompat: what a driver must know to read the image. An unknown bit refuses the image. */
export const INCOMPAT = {
  compression: 0x1,
  /** Directory entries have a file type byte. */
  filetype: 0x2,
  /** The journal must be replayed first. */
  recover: 0x4,
  /** The image is a journal, not a file system. */
  journalDev: 0x8,
  metaBg: 0x10,
  extents: 0x40,
  bit64: 0x80,
  mmp: 0x100,
  flexBg: 0x200,
  eaInode: 0x400,
  dirdata: 0x1000,
  csumSeed: 0x2000,
  largeDir: 0x4000,
  inlineData: 0x8000,
  encrypt: 0x10000,
  casefold: 0x20000,
} as const;

/** s_feature_ro_compat: what a driver must know to write. An unknown bit means nothing to a reader. */
export const RO_COMPAT = {
  sparseSuper: 0x1,
  largeFile: 0x2,
  btreeDir: 0x4,
  hugeFile: 0x8,
  /** Group descriptors carry a crc16 and the UNINIT flags count (uninit_bg). */
  gdtCsum: 0x10,
  dirNlink: 0x20,
  extraIsize: 0x40,
  hasSnapshot: 0x80,
  quota: 0x100,
  bigalloc: 0x200,
  /** crc32c over all metadata; takes the place of gdtCsum. */
  metadataCsum: 0x400,
  replica: 0x800,
  readonly: 0x1000,
  project: 0x2000,
  sharedBlocks: 0x4000,
  verity: 0x8000,
  /** The orphan file may have entries. */
  orphanPresent: 0x10000,
} as const;

const MKE2FS_NAMES: Readonly<Record<string, string>> = {
  compression: 'compression',
  recover: 'needs_recovery',
  journalDev: 'journal_dev',
  metaBg: 'meta_bg',
  extents: 'extent',
  bit64: '64bit',
  flexBg: 'flex_bg',
  eaInode: 'ea_inode',
  csumSeed: 'metadata_csum_seed',
  largeDir: 'large_dir',
  inlineData: 'inline_data',
};

/** The incompatible features this driver reads; the same set as the kernel's EXT4_FEATURE_INCOMPAT_SUPP. */
const INCOMPAT_SUPPORTED =
  INCOMPAT.filetype |
  INCOMPAT.recover |
  INCOMPAT.metaBg |
  INCOMPAT.extents |
  INCOMPAT.bit64 |
  INCOMPAT.mmp |
  INCOMPAT.flexBg |
  INCOMPAT.eaInode |
  INCOMPAT.csumSeed |
  INCOMPAT.largeDir |
  INCOMPAT.inlineData |
  INCOMPAT.encrypt |
  INCOMPAT.casefold;

type Flags = Record<keyof typeof COMPAT | keyof typeof INCOMPAT | keyof typeof RO_COMPAT, boolean>;

/** The three feature words of a superblock, and one boolean for each known bit. */
export interface Features extends Readonly<Flags> {
  /** s_feature_compat as it is on disk. */
  readonly compat: number;
  /** s_feature_incompat as it is on disk. */
  readonly incompat: number;
  /** s_feature_ro_compat as it is on disk. */
  readonly roCompat: number;
}

/** Names of the bits set in an incompat word, as mke2fs(8) spells them; `bit N` for one without a name. */
export function incompatNames(word: number): string[] {
  const names: string[] = [];
  for (let bit = 0; bit < 32; bit++) {
    const mask = (1 << bit) >>> 0;
    if ((word & mask) === 0) continue;
    const entry = Object.entries(INCOMPAT).find(([, value]) => value === mask);
    names.push(entry === undefined ? `bit ${bit}` : (MKE2FS_NAMES[entry[0]] ?? entry[0]));
  }
  return names;
}

/** Spreads the feature words into booleans. Where gdt_csum and metadata_csum are both set, the latter counts. */
export function decodeFeatures(compat: number, incompat: number, roCompat: number): Features {
  const flags: Record<string, boolean> = {};
  for (const [name, bit] of Object.entries(COMPAT)) flags[name] = (compat & bit) !== 0;
  for (const [name, bit] of Object.entries(INCOMPAT)) flags[name] = (incompat & bit) !== 0;
  for (const [name, bit] of Object.entries(RO_COMPAT)) flags[name] = (roCompat & bit) !== 0;
  if (flags['metadataCsum']) flags['gdtCsum'] = false;
  return {...(flags as Flags), compat, incompat, roCompat};
}

/**
 * Refuses an image that this driver can't read, naming the features.
 * @throws UnsupportedError `journal-device` or `incompat-features`.
 */
export function checkFeatures(features: Features): void {
  if (features.journalDev) throw new UnsupportedError('journal-device', {features: 'journal_dev'});
  const unknown = (features.incompat & ~INCOMPAT_SUPPORTED) >>> 0;
  if (unknown === 0) return;
  throw new UnsupportedError('incompat-features', {
    features: incompatNames(unknown).join(', '),
    mask: `0x${unknown.toString(16)}`,
  });
}
