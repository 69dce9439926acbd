import type {BlockSource} from '../block/source.js';
import {type FsXattr, fsxattr, statxAttributes, userFlags} from './attributes.js';
import {lookup, readdir} from './dir.js';
import {CorruptError, Ext4Error, RequestError} from './errors.js';
import {FileMapping} from './file-mapping.js';
import {FileReader} from './file-read.js';
import {inlineData} from './inline-data.js';
import {hasFlag, type Inode, isType} from './inode.js';
import {INODE_FLAG, MODE_TYPE} from './inode-flags.js';
import {withBlocks} from './inode-record.js';
import {type ReplayReport, replayJournal} from './journal/replay.js';
import {checkMmp} from './mmp.js';
import {OpenedContext, type VolumeCounters} from './opened-context.js';
import {processOrphans} from './orphan.js';
import {seek} from './seek.js';
import {type Freed, type StatFs, statfs} from './statfs.js';
import {
  checkDeviceSize,
  decodeSuperblock,
  SUPERBLOCK_OFFSET,
  SUPERBLOCK_SIZE,
  type Superblock,
} from './superblock.js';
import {readlink} from './symlink.js';
import {type InodeNumber, ROOT_INODE} from './units.js';
import {getxattr, listxattr} from './xattr.js';

/** An event and its values. Values may come from the image: escape them, and keep them below info. */
export type VolumeLog = (event: string, values: Readonly<Record<string, number | string>>) => void;

export interface VolumeOptions {
  /** Bytes of metadata blocks kept at most. */
  readonly cacheLimit: number;
  /** Decoded inodes kept at most, about 1 KiB each; 4096 unless told. */
  readonly inodeCacheEntries?: number | undefined;
  /** Moved by the caches. */
  readonly counters?: VolumeCounters | undefined;
  readonly log?: VolumeLog | undefined;
}

/** Takes a directory entry; false ends the listing. `fileType` is the d_type of dirent(3). */
export type EmitEntry = (ino: number, fileType: number, name: Uint8Array, nextCookie: number) => boolean;

const DEFAULT_INODES = 4096;

/**
 * An ext2, ext3 or ext4 file system, read only. Nothing is ever written to the source: the journal is replayed and
 * orphans are cleaned up in memory.
 *
 * Methods are called like the system calls they answer, take inodes that `inode` or `lookup` gave, and throw an
 * Ext4Error with the errno of that system call: EUCLEAN and EBADMSG for what is damaged, ESTALE for what is deleted.
 */
export class Volume {
  readonly superblock: Superblock;
  readonly context: OpenedContext;
  /** What the journal's replay did; undefined where none was needed. */
  readonly replay: ReplayReport | undefined;
  /** Where files lie on the device. */
  readonly mapping: FileMapping;
  readonly #reader: FileReader;
  /** Deleted by orphan recovery; the disk does not know yet. */
  readonly #deleted: ReadonlySet<number>;
  readonly #freed: Freed;
  #statfs: StatFs | undefined;

  /** Checks the superblock, respects MMP, replays the journal, cleans up orphans and reads the root directory's inode.
   * @throws RequestError EINVAL `not-ext4`; RequestError EBUSY `mmp-…`; UnsupportedError, CorruptError and ChecksumError
   * where the kernel refuses to mount.
   */
  static open(source: BlockSource, options: VolumeOptions): Volume {
    let superblock = readSuperblock(source);
    checkMmp(source, superblock);
    let image = source;
    let report: ReplayReport | undefined;
    let overlaid: () => Iterable<number> = () => [];
    if (superblock.features.recover && superblock.features.hasJournal) {
      const replayed = replayJournal(source, superblock, options.log);
      image = replayed.source;
      report = replayed.report;
      overlaid = replayed.overlaid;
      superblock = readSuperblock(image);
    }
    return new Volume(superblock, image, overlaid, report, options);
  }

  private constructor(
    superblock: Superblock,
    source: BlockSource,
    overlaid: () => Iterable<number>,
    replay: ReplayReport | undefined,
    options: VolumeOptions,
  ) {
    this.superblock = superblock;
    this.replay = replay;
    this.context = new OpenedContext(superblock, source, {
      cacheLimit: options.cacheLimit,
      inodeCacheEntries: options.inodeCacheEntries ?? DEFAULT_INODES,
      counters: options.counters,
    });
    this.#reader = new FileReader(source, this.context.ranges);
    const root = this.context.inode(ROOT_INODE);
    if (root.links === 0) throw new CorruptError('root-not-directory', {ino: root.ino, links: 0});
    const orphans = processOrphans(this.context, options.log);
    const changed = new Map<number, Inode>();
    const deleted = new Set<number>();
    for (const [ino, change] of orphans.changes) {
      if (change === 'deleted') deleted.add(ino);
      else changed.set(ino, withBlocks(this.context.inode(ino), change.blocks512));
    }
    this.#deleted = deleted;
    this.#freed = {clusters: orphans.freedClusters, inodes: orphans.freedInodes};
    if (changed.size > 0) this.context.replaceInodes(changed);
    this.mapping = new FileMapping(this.context, overlaid, new Set(changed.keys()));
  }

  /**
   * An inode that a path may lead to.
   * @throws CorruptError `inode-number` or `inode-reserved` for one that no directory may name, `inode-ea` for one that
   * holds an attribute's value; RequestError ESTALE `inode-deleted`; what decoding it throws.
   */
  inode(ino: InodeNumber): Inode {
    this.#checkNamed(ino);
    return checkUsable(this.context.inode(ino));
  }

  /**
   * The inode of a name in a directory; undefined when it has no such name.
   * @throws RequestError ENOTDIR `not-directory`; what `linked` throws.
   */
  lookup(parent: Inode | InodeNumber, name: Uint8Array): Inode | undefined {
    const dir = this.#directory(parent);
    const found = lookup(this.context, dir, name);
    return found === undefined ? undefined : this.linked(dir, found.ino, name);
  }

  /**
   * The inode that an entry of a directory leads to, if it is one that an entry there may lead to. A directory has one place: an
   * entry that leads to the root, to its own directory, or to a directory whose `..` is another one would make the tree a maze.
   * @throws RequestError EPERM `encryption-differs`; CorruptError for an entry that leads to a deleted inode, a reserved one, or a
   * directory that belongs elsewhere.
   */
  linked(dir: Inode, ino: InodeNumber, name: Uint8Array): Inode {
    return this.#linked(dir, ino, name, false);
  }

  /**
   * What `linked` gives, for listings with attributes: the inode is good until the next call of this method, and not kept in the cache
   * unless it is a directory.
   * @throws what `linked` throws.
   */
  listed(dir: Inode, ino: InodeNumber, name: Uint8Array): Inode {
    return this.#linked(dir, ino, name, true);
  }

  /**
   * Lists a directory from a cookie on: 0 for the start, or what came with the entry listed last.
   * @throws RequestError ENOTDIR `not-directory`, CorruptError, ChecksumError.
   */
  readdir(parent: Inode | InodeNumber, cookie: number, emit: EmitEntry): void {
    readdir(this.context, this.#directory(parent), cookie, emit);
  }

  /**
   * Reads file content into `target`. Nothing is allocated, unless the content lies in the inode.
   * @param position 0 or more. @param target holds `targetOffset + length` bytes.
   * @returns bytes read; less than `length` only at the end of the file.
   * @throws RequestError EISDIR, EINVAL `not-regular`, ENOKEY `encrypted`; CorruptError, ChecksumError; what the source
   * throws.
   */
  read(inode: Inode, position: number, target: Uint8Array, targetOffset: number, length: number): number {
    if (!isType(inode, MODE_TYPE.regular)) {
      const errno = isType(inode, MODE_TYPE.directory) ? 'EISDIR' : 'EINVAL';
      throw new RequestError(errno, 'not-regular', {ino: inode.ino});
    }
    this.#requireKey(inode);
    if (!hasFlag(inode, INODE_FLAG.inlineData)) {
      return this.#reader.read(inode, position, target, targetOffset, length);
    }
    const total = Math.min(length, inode.size - position);
    if (!(total > 0)) return 0;
    const data = inlineData(this.context, inode).subarray(position, position + total);
    target.set(data, targetOffset);
    target.fill(0, targetOffset + data.length, targetOffset + total);
    return total;
  }

  /**
   * Whether a file may be opened for reading, as open(2) finds out.
   * @throws RequestError ENOKEY `encrypted`.
   */
  checkOpen(inode: Inode): void {
    if (isType(inode, MODE_TYPE.regular)) this.#requireKey(inode);
  }

  /** A symbolic link's target. @throws RequestError EINVAL `not-symlink`, CorruptError `symlink-…`. */
  readlink(inode: Inode): Uint8Array {
    return readlink(this.context, inode);
  }

  /** st_size: i_size, but of an encrypted symbolic link the length of the target that readlink shows. */
  statSize(inode: Inode): number {
    if (!isType(inode, MODE_TYPE.symlink) || !hasFlag(inode, INODE_FLAG.encrypt)) return inode.size;
    return this.readlink(inode).length;
  }

  /** The value of an extended attribute; undefined when there is none of that name. */
  getxattr(inode: Inode, name: Uint8Array): Uint8Array | undefined {
    return getxattr(this.context, inode, name);
  }

  /** Names of extended attributes, each followed by a zero byte. */
  listxattr(inode: Inode): Uint8Array {
    return listxattr(this.context, inode);
  }

  /** The numbers of statfs(2). @throws CorruptError when a descriptor block lies outside the file system. */
  statfs(): StatFs {
    this.#statfs ??= statfs(this.context, this.#freed);
    return this.#statfs;
  }

  /**
   * SEEK_DATA or SEEK_HOLE of lseek(2), on regular files and directories.
   * @throws RequestError ENXIO `seek-beyond-end`, EINVAL `not-seekable`; CorruptError, ChecksumError.
   */
  seek(inode: Inode, offset: number, whence: 'data' | 'hole'): number {
    if (!isType(inode, MODE_TYPE.regular) && !isType(inode, MODE_TYPE.directory)) {
      throw new RequestError('EINVAL', 'not-seekable', {ino: inode.ino});
    }
    return seek(this.context.ranges, inode, offset, whence);
  }

  /** Forgets what is cached; it is read again when it is needed. */
  dropCaches(): void {
    this.context.dropCaches();
  }

  /** Changes how many bytes of metadata blocks are kept at most; 0 keeps none. */
  limitCache(bytes: number): void {
    this.context.cache.setLimit(bytes);
  }

  /** What FS_IOC_GETFLAGS answers. */
  flags(inode: Inode): number {
    return userFlags(inode);
  }

  /** What FS_IOC_FSGETXATTR answers. */
  fsxattr(inode: Inode): FsXattr {
    return fsxattr(inode);
  }

  /** stx_attributes of statx(2); the mask that goes with it is STATX_ATTRIBUTES_MASK. */
  statxAttributes(inode: Inode): number {
    return statxAttributes(inode);
  }

  /** The volume's label: up to 16 bytes. */
  label(): Uint8Array {
    return this.superblock.volumeName;
  }

  /** The 16 bytes of the volume's uuid. */
  uuid(): Uint8Array {
    return this.superblock.uuid;
  }

  #linked(dir: Inode, ino: InodeNumber, name: Uint8Array, listing: boolean): Inode {
    const dot = isDot(name);
    if (!dot && ino === dir.ino) throw new CorruptError('entry-of-itself', {dir: dir.ino});
    if (!dot && ino === ROOT_INODE) throw new CorruptError('entry-of-root', {dir: dir.ino});
    let inode: Inode;
    try {
      this.#checkNamed(ino);
      inode = checkUsable(listing ? this.context.listedInode(ino) : this.context.inode(ino));
    } catch (error) {
      if (!(error instanceof Ext4Error && error.errno === 'ESTALE')) throw error;
      throw new CorruptError('entry-of-deleted', {dir: dir.ino, ino});
    }
    if (dot) return inode;
    if (isType(inode, MODE_TYPE.directory)) {
      // It is read now, and listed soon.
      if (listing) inode = this.context.inode(ino);
      const place = this.#parentOf(inode);
      if (place !== undefined && place !== dir.ino) {
        throw new CorruptError('entry-of-other-parent', {dir: dir.ino, ino, parent: place});
      }
    }
    if (hasFlag(dir, INODE_FLAG.encrypt) && canBeEncrypted(inode) && !hasFlag(inode, INODE_FLAG.encrypt)) {
      throw new RequestError('EPERM', 'encryption-differs', {dir: dir.ino, ino});
    }
    return inode;
  }

  /** Refuses inode numbers that no path may lead to. */
  #checkNamed(ino: number): void {
    if (this.#isReserved(ino)) throw new CorruptError('inode-reserved', {ino});
    if (this.#deleted.size > 0 && this.#deleted.has(ino))
      throw new RequestError('ESTALE', 'inode-deleted', {ino});
  }

  /** Inodes that the file system keeps for itself (is_special_ino). */
  #isReserved(ino: number): boolean {
    const s = this.superblock;
    if (ino < s.firstInode) return ino !== ROOT_INODE;
    return (
      ino === s.userQuotaInode ||
      ino === s.groupQuotaInode ||
      ino === s.projectQuotaInode ||
      ino === s.orphanFileInode
    );
  }

  /** What `..` of a directory says; undefined where it can't be read, which whoever lists the directory finds out. */
  #parentOf(directory: Inode): number | undefined {
    try {
      return lookup(this.context, directory, DOTDOT)?.ino;
    } catch (error) {
      if (error instanceof Ext4Error) return undefined;
      throw error;
    }
  }

  #directory(parent: Inode | InodeNumber): Inode {
    const dir = typeof parent === 'number' ? this.inode(parent) : parent;
    if (isType(dir, MODE_TYPE.directory)) return dir;
    throw new RequestError('ENOTDIR', 'not-directory', {ino: dir.ino});
  }

  #requireKey(inode: Inode): void {
    if (hasFlag(inode, INODE_FLAG.encrypt)) throw new RequestError('ENOKEY', 'encrypted', {ino: inode.ino});
  }
}

/** Refuses inodes that no path may lead to. */
function checkUsable(inode: Inode): Inode {
  if (inode.links === 0) throw new RequestError('ESTALE', 'inode-deleted', {ino: inode.ino});
  if (hasFlag(inode, INODE_FLAG.eaInode)) throw new CorruptError('inode-ea', {ino: inode.ino});
  return inode;
}

function readSuperblock(source: BlockSource): Superblock {
  const raw = new Uint8Array(SUPERBLOCK_SIZE);
  const count = source.read(raw, 0, SUPERBLOCK_SIZE, SUPERBLOCK_OFFSET);
  const superblock = decodeSuperblock(raw.subarray(0, count));
  checkDeviceSize(superblock, source.size);
  return superblock;
}

const DOTDOT = Uint8Array.of(0x2e, 0x2e);

/** Whether a name is `.` or `..`. */
function isDot(name: Uint8Array): boolean {
  return name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e));
}

/** Encryption policies cover these types only (fscrypt_has_permitted_context). */
function canBeEncrypted(inode: Inode): boolean {
  return (
    isType(inode, MODE_TYPE.regular) || isType(inode, MODE_TYPE.directory) || isType(inode, MODE_TYPE.symlink)
  );
}
