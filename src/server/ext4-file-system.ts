import type {CacheCounters} from '../block/index.js';
import {
  type EmitEntry,
  type Inode,
  type InodeNumber,
  STATX_ATTRIBUTES_MASK,
  type Volume,
} from '../ext4/index.js';
import {
  type AttrReply,
  type DirentList,
  type DirentPlusList,
  type EntryReply,
  failure,
  type IoctlRequest,
  type IoctlResult,
  type OpenReply,
  type RequestContext,
  type StatfsReply,
  type StatxReply,
} from '../fuse/index.js';
import type {IomapDriver, IomapKernel, IomapVolume, MappingPair} from '../iomap/index.js';
import type {ServedFileSystem} from './driver.js';
import {fillAttr, inodeOf, nanoseconds, nodeOf, type SharedAttributes} from './ext4-attributes.js';
import {answerIoctl} from './ext4-ioctl.js';
import {Ext4Iomap} from './ext4-iomap.js';
import type {OwnerMapping} from './owner-mapping.js';

const SEEK_DATA = 3;
/** Shift from the type bits of a mode to a directory entry's type (DT_*). */
const DT_SHIFT = 12;

/** STATX_BASIC_STATS and STATX_BTIME of linux/stat.h. */
const STATX_BASIC_STATS = 0x7ff;
const STATX_BTIME = 0x800;

/** "." as a name: only file handles (NFS, open_by_handle_at) look that up. */
const DOT = 0x2e;

const TRUSTED = new TextEncoder().encode('trusted.');

const ACL = new TextEncoder().encode('system.posix_acl_');

function startsWith(bytes: Uint8Array, at: number, prefix: Uint8Array): boolean {
  return prefix.every((byte, index) => bytes[at + index] === byte);
}

/** The names, each with its NUL, that don't begin so: `trusted.` the kernel shows to callers with CAP_SYS_ADMIN alone. */
function without(prefix: Uint8Array, names: Uint8Array): Uint8Array {
  const kept: number[] = [];
  for (let start = 0, end: number; start < names.length; start = end) {
    end = names.indexOf(0, start) + 1 || names.length;
    if (!startsWith(names, start, prefix)) kept.push(...names.subarray(start, end));
  }
  return Uint8Array.from(kept);
}

/**
 * An ext2, ext3 or ext4 volume as the kernel's FUSE driver wants it. Node ids are inode numbers and there are no file
 * handles, so nothing here is state: another server with the same image could go on at any request.
 */
export class Ext4FileSystem implements ServedFileSystem, IomapDriver {
  readonly #volume: Volume;
  readonly #blockSize: number;
  readonly #owners: OwnerMapping | undefined;
  readonly #iomap: Ext4Iomap;
  /** Only there for volumes that can refuse an open; elsewhere the kernel opens without asking. */
  declare open?: NonNullable<ServedFileSystem['open']>;

  /**
   * @param owners whom everything is shown to belong to, where the image has no say
   * @param mappingCounters moved by the cache of mappings for iomap
   */
  constructor(volume: Volume, owners?: OwnerMapping, mappingCounters?: CacheCounters) {
    this.#volume = volume;
    this.#owners = owners;
    this.#iomap = new Ext4Iomap(volume, mappingCounters);
    this.#blockSize = volume.superblock.blockSize;
    if (volume.superblock.features.encrypt) this.open = this.#open;
  }

  lookup(parent: number, name: Uint8Array, entry: EntryReply): void {
    const directory = this.#inode(parent);
    if (name.length === 1 && name[0] === DOT) {
      this.#fillEntry(entry, directory);
      return;
    }
    const found = this.#volume.lookup(directory, name);
    // Left at node id 0 the kernel remembers that there is no such name.
    if (found !== undefined) this.#fillEntry(entry, found);
  }

  getattr(ino: number, _fh: number | undefined, reply: AttrReply): void {
    const inode = this.#inode(ino);
    this.#fillAttr(reply.attr, inode);
    reply.attr.flags = this.#iomap.attrFlags(inode);
  }

  readlink(ino: number): Uint8Array {
    return this.#volume.readlink(this.#inode(ino));
  }

  read(ino: number, _fh: number, offset: number, target: Uint8Array): number {
    return this.#volume.read(this.#inode(ino), offset, target, 0, target.length);
  }

  readdir(ino: number, _fh: number, offset: number, list: DirentList): void {
    this.#list(ino, offset, list, (child, type, name, next) => list.add(child, next, type, name));
  }

  readdirplus(ino: number, _fh: number, offset: number, list: DirentPlusList): void {
    const directory = this.#inode(ino);
    this.#list(ino, offset, list, (child, type, name, next) => {
      if (!list.fits(name.length)) return false;
      // An inode that can't be read must not hide its neighbours: its name is listed, and a stat of it tells the error.
      const inode = this.#tryListed(directory, child, name);
      const entry = list.add(name, next);
      if (entry === undefined) return false;
      if (inode === undefined) {
        entry.attr.ino = child;
        entry.attr.mode = type << DT_SHIFT;
        this.#owners?.apply(entry.attr);
      } else {
        this.#fillEntry(entry, inode);
      }
      return true;
    });
  }

  statfs(_ino: number, reply: StatfsReply): void {
    const {blocks, bfree, bavail, files, ffree, bsize, namelen} = this.#volume.statfs();
    Object.assign(reply, {blocks, bfree, bavail, files, ffree, bsize, namelen, frsize: bsize});
  }

  getxattr(ino: number, name: Uint8Array): Uint8Array {
    const value = this.#hides(name) ? undefined : this.#volume.getxattr(this.#inode(ino), name);
    if (value === undefined) throw failure('ENODATA');
    return value;
  }

  listxattr(ino: number, ctx: RequestContext): Uint8Array {
    const all = this.#volume.listxattr(this.#inode(ino));
    const names = this.#owners === undefined ? all : without(ACL, all);
    return ctx.uid === 0 ? names : without(TRUSTED, names);
  }

  lseek(ino: number, _fh: number, offset: number, whence: number): number {
    return this.#volume.seek(this.#inode(ino), offset, whence === SEEK_DATA ? 'data' : 'hole');
  }

  bmap(ino: number, block: number, blockSize: number): number {
    return this.#volume.mapping.bmap(this.#inode(ino), block, blockSize);
  }

  ioctl(ino: number, request: IoctlRequest): IoctlResult {
    return answerIoctl(this.#volume, this.#inode(ino), request);
  }

  statx(ino: number, _fh: number | undefined, _mask: number, _flags: number, reply: StatxReply): void {
    const inode = this.#inode(ino);
    this.#fillAttr(reply, inode);
    reply.rdevMajor = inode.rdevMajor;
    reply.rdevMinor = inode.rdevMinor;
    reply.mask = STATX_BASIC_STATS;
    if (inode.hasCrtime) {
      reply.mask |= STATX_BTIME;
      reply.btime = inode.crtime;
      reply.btimensec = nanoseconds(inode.crtimeNsec);
    }
    reply.attributes = this.#volume.statxAttributes(inode);
    reply.attributesMask = STATX_ATTRIBUTES_MASK;
  }

  get iomapVolume(): IomapVolume {
    return this.#iomap.volume;
  }

  iomapStart(kernel: IomapKernel): void {
    this.#iomap.start(kernel);
  }

  attrIno(ino: number): number {
    return inodeOf(ino);
  }

  mapRange(ino: number, offset: number, length: number, _op: number, out: MappingPair): void {
    this.#iomap.mapRange(this.#inode(ino), offset, length, out);
  }

  dropCaches(): void {
    this.#iomap.dropCache();
    this.#volume.dropCaches();
  }

  limitCache(bytes: number): void {
    this.#volume.limitCache(bytes);
  }

  #open(ino: number, _flags: number, _reply: OpenReply): void {
    this.#volume.checkOpen(this.#inode(ino));
  }

  /** Lists until the reply is full. Damage further on is for the next call to tell, or what comes before it would be lost. */
  #list(ino: number, offset: number, list: {readonly length: number}, emit: EmitEntry): void {
    try {
      this.#volume.readdir(this.#inode(ino), offset, emit);
    } catch (error) {
      if (list.length === 0) throw error;
    }
  }

  #inode(nodeid: number): Inode {
    return this.#volume.inode(inodeOf(nodeid) as InodeNumber);
  }

  #tryListed(directory: Inode, ino: number, name: Uint8Array): Inode | undefined {
    try {
      return this.#volume.listed(directory, ino as InodeNumber, name);
    } catch {
      return undefined;
    }
  }

  /** Lists of users and groups mean nothing once everything belongs to somebody else, and the kernel would go by them. */
  #hides(name: Uint8Array): boolean {
    return this.#owners !== undefined && startsWith(name, 0, ACL);
  }

  #fillEntry(entry: EntryReply, inode: Inode): void {
    entry.nodeid = nodeOf(inode.ino);
    entry.generation = inode.generation;
    this.#fillAttr(entry.attr, inode);
    entry.attr.flags = this.#iomap.attrFlags(inode);
  }

  #fillAttr(attr: SharedAttributes, inode: Inode): void {
    fillAttr(attr, inode, this.#volume.statSize(inode), this.#blockSize);
    this.#owners?.apply(attr);
  }
}
