import {viewOf} from '../wire/index.js';
import {CRC_START, crc32c} from './checksum.js';
import {ChecksumError, CorruptError, RequestError, UnsupportedError} from './errors.js';
import {checkFeatures, decodeFeatures, type Features} from './features.js';
import {blockGeometry, groupGeometry} from './superblock-geometry.js';
import {SUPERBLOCK_SIZE, superblockLayout} from './superblock-layout.js';

export {SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE} from './superblock-layout.js';

/** EXT4_SUPER_MAGIC, also what statfs(2) gives as f_type. */
export const EXT4_MAGIC = 0xef53;
/** s_creator_os of GNU/Hurd, which uses some inode fields otherwise. */
export const OS_HURD = 1;
/** s_default_mount_opts: owners have 16 bits only (EXT4_DEFM_UID16). */
const DEFM_UID16 = 0x20;

/** A checked superblock: what it says under readable names, and what follows from it. */
export interface Superblock {
  readonly features: Features;
  /** Bytes per block: 1024 to 65536. */
  readonly blockSize: number;
  /** log2 of blockSize: 10 to 16. */
  readonly blockBits: number;
  /** Bytes per allocation cluster: blockSize unless bigalloc. */
  readonly clusterSize: number;
  /** log2 of blocks per cluster: 0 unless bigalloc. */
  readonly clusterBits: number;
  /** Blocks in the file system; times blockSize it is a safe integer and not more than the device has. */
  readonly blocksCount: number;
  /** Block that group 0 starts with: 1 with blocks of 1 KiB, 0 otherwise. */
  readonly firstDataBlock: number;
  /** Blocks only root may use. */
  readonly reservedBlocks: number;
  readonly blocksPerGroup: number;
  readonly clustersPerGroup: number;
  readonly inodesPerGroup: number;
  readonly inodesCount: number;
  readonly groupCount: number;
  /** Bytes of a group descriptor: 32, or 64 to 1024 with 64bit. */
  readonly descriptorSize: number;
  readonly descriptorsPerBlock: number;
  /** Blocks of the whole descriptor table. */
  readonly descriptorBlocks: number;
  readonly reservedDescriptorBlocks: number;
  /** First descriptor block that lies in its own meta group (meta_bg only). */
  readonly firstMetaGroup: number;
  /** Bytes of an inode on disk: 128 to blockSize, a power of two. */
  readonly inodeSize: number;
  readonly inodesPerBlock: number;
  /** Blocks of one group's inode table. */
  readonly inodeTableBlocks: number;
  /** First inode number that is not reserved: at least 11. */
  readonly firstInode: number;
  readonly uuid: Uint8Array;
  /** Up to 16 bytes, without the zeros after it. */
  readonly volumeName: Uint8Array;
  /** Start of all metadata_csum checksums but the superblock's own; also of ea_inode hashes. */
  readonly checksumSeed: number;
  /** Key of directory hashes: four little-endian 32-bit words. */
  readonly hashSeed: Uint8Array;
  /** Hash of indexed directories that don't name one: 0 legacy, 1 half md4, 2 tea. */
  readonly defaultHashVersion: number;
  /** s_flags: 1 signed directory hash, 2 unsigned directory hash. */
  readonly flags: number;
  /** s_state: 1 cleanly unmounted, 2 errors detected, 4 orphans being recovered. */
  readonly state: number;
  /** Blocks used by metadata as mke2fs counted them, in clusters; 0 = not known. */
  readonly overheadClusters: number;
  /** The two groups with backups under sparse_super2; 0 = none. */
  readonly backupGroups: readonly [number, number];
  readonly journalInode: number;
  readonly journalDevice: number;
  readonly journalUuid: Uint8Array;
  /** s_jnl_backup_type: 1 when journalBackup is the journal inode's i_block and size. */
  readonly journalBackupType: number;
  readonly journalBackup: Uint8Array;
  /** First inode of the list of orphans; 0 = none. */
  readonly lastOrphan: number;
  readonly orphanFileInode: number;
  readonly userQuotaInode: number;
  readonly groupQuotaInode: number;
  readonly projectQuotaInode: number;
  /** s_mmp_block; not yet checked against blocksCount. */
  readonly mmpBlock: bigint;
  /** Seconds between two MMP updates. */
  readonly mmpInterval: number;
  /** s_encoding: 1 is UTF-8 12.1. */
  readonly encoding: number;
  /** s_encoding_flags: 1 refuses names that are not valid in the encoding. */
  readonly encodingFlags: number;
  /** s_creator_os: 0 Linux (only there inodes have checksums), 1 GNU/Hurd (uses i_version otherwise). */
  readonly creatorOs: number;
  /** Owners have 16 bits only. */
  readonly uid16: boolean;
  /** s_mount_opts, the options tune2fs(8) stored in the image. */
  readonly mountOptions: string;
  /** The 1024 bytes as read. */
  readonly raw: Uint8Array;
}

/**
 * Checks and decodes a superblock. Same order and same limits as the kernel's ext4_fill_super.
 * @param raw 1024 bytes.
 * @throws RequestError EINVAL `not-ext4` or `superblock-short`, UnsupportedError for features, ChecksumError
 * `superblock-checksum`, CorruptError `superblock-…` for a field that can't be.
 */
export function decodeSuperblock(raw: Uint8Array): Superblock {
  if (raw.length < SUPERBLOCK_SIZE)
    throw new RequestError('EINVAL', 'superblock-short', {length: raw.length});
  const s = superblockLayout.read(viewOf(raw));
  if (s.s_magic !== EXT4_MAGIC) throw new RequestError('EINVAL', 'not-ext4', {magic: s.s_magic});
  const features = decodeFeatures(s.s_feature_compat, s.s_feature_incompat, s.s_feature_ro_compat);
  if (features.metadataCsum) {
    if (s.s_checksum_type !== 1) throw new UnsupportedError('checksum-type', {type: s.s_checksum_type});
    const found = crc32c(CRC_START, raw, 0, SUPERBLOCK_SIZE - 4);
    if (found !== s.s_checksum) {
      throw new ChecksumError('superblock-checksum', {stored: s.s_checksum, computed: found});
    }
  }
  checkFeatures(features);
  if (features.casefold && s.s_encoding !== 1) {
    throw new UnsupportedError('casefold-encoding', {encoding: s.s_encoding});
  }
  const blocks = blockGeometry(s, features);
  const groups = groupGeometry(s, features, blocks);
  if (s.s_creator_os === OS_HURD && features.bit64) throw new UnsupportedError('hurd-64bit');
  const mountOptions = text(s.s_mount_opts);
  return {
    features,
    ...blocks,
    ...groups,
    reservedBlocks: s.s_r_blocks_count_lo + (features.bit64 ? s.s_r_blocks_count_hi * 2 ** 32 : 0),
    uuid: s.s_uuid,
    volumeName: untilZero(s.s_volume_name),
    checksumSeed: features.csumSeed ? s.s_checksum_seed : crc32c(CRC_START, s.s_uuid),
    hashSeed: s.s_hash_seed,
    defaultHashVersion: s.s_def_hash_version,
    flags: s.s_flags,
    state: s.s_state,
    overheadClusters: s.s_overhead_clusters,
    backupGroups: [s.s_backup_bg0, s.s_backup_bg1],
    journalInode: s.s_journal_inum,
    journalDevice: s.s_journal_dev,
    journalUuid: s.s_journal_uuid,
    journalBackupType: s.s_jnl_backup_type,
    journalBackup: s.s_jnl_blocks,
    lastOrphan: s.s_last_orphan,
    orphanFileInode: features.orphanFile ? s.s_orphan_file_inum : 0,
    userQuotaInode: s.s_usr_quota_inum,
    groupQuotaInode: s.s_grp_quota_inum,
    projectQuotaInode: s.s_prj_quota_inum,
    mmpBlock: s.s_mmp_block,
    mmpInterval: s.s_mmp_interval,
    encoding: s.s_encoding,
    encodingFlags: s.s_encoding_flags,
    creatorOs: s.s_creator_os,
    uid16: (s.s_default_mount_opts & DEFM_UID16) !== 0 || mountOptions.split(',').includes('nouid32'),
    mountOptions,
    raw,
  };
}

/**
 * Refuses a device that ends before the file system does.
 * @param deviceSize bytes.
 * @throws CorruptError `device-too-small`.
 */
export function checkDeviceSize(superblock: Superblock, deviceSize: number): void {
  const deviceBlocks = Math.floor(deviceSize / superblock.blockSize);
  if (superblock.blocksCount > deviceBlocks) {
    throw new CorruptError('device-too-small', {blocks: superblock.blocksCount, deviceBlocks});
  }
}

function untilZero(bytes: Uint8Array): Uint8Array {
  const zero = bytes.indexOf(0);
  return zero < 0 ? bytes : bytes.subarray(0, zero);
}

/** Text of a field that should be ASCII; other bytes are kept one to one and match no option. */
function text(bytes: Uint8Array): string {
  return String.fromCharCode(...untilZero(bytes));
}
