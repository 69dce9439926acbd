import {
  type AttrReply,
  type DirentList,
  type DirentPlusList,
  type EntryReply,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  type StatfsReply,
} from '../fuse/index.js';
import {
  type IomapDriver,
  type IomapKernel,
  type IomapVolume,
  MAPPING,
  type MappingPair,
} from '../iomap/index.js';
import {HOLE, type Node, type Piece, type Volume} from '../stripefs/index.js';
import type {ServedFileSystem} from './driver.js';
import type {OwnerMapping} from './owner-mapping.js';

const SEEK_DATA = 3;
/** Shift from the type bits of a mode to a directory entry's type (DT_*). */
const DT_SHIFT = 12;
const SECTOR = 512;
const TYPE_BITS = {file: S_IFREG, directory: S_IFDIR, symlink: S_IFLNK} as const;
/** "." as a name: only file handles (NFS, open_by_handle_at) look that up. */
const DOT = 0x2e;
const DOT_NAME = Uint8Array.of(DOT);
const DOT_DOT_NAME = Uint8Array.of(DOT, DOT);
/** Longest file for the kernel, bytes: beyond its end it is a hole up to here. */
const MOST_BYTES = 2 ** 53 - 65_536;

/**
 * A stripefs volume as the kernel's FUSE driver wants it. Node ids are numbers of the superblock and there are no file handles, so
 * nothing here is state: another server with the same superblock could go on at any request. With iomap the devices are the members, in
 * their order.
 */
export class StripefsFileSystem implements ServedFileSystem, IomapDriver {
  readonly iomapVolume: IomapVolume;
  readonly #volume: Volume;
  readonly #blockSize: number;
  readonly #owners: OwnerMapping | undefined;
  readonly #piece: Piece = {member: HOLE, address: 0, length: 0};
  #kernel: IomapKernel | undefined;

  /** @param owners whom everything is shown to belong to, where the superblock has no say */
  constructor(volume: Volume, owners?: OwnerMapping) {
    this.#volume = volume;
    this.#owners = owners;
    this.#blockSize = volume.superblock.blockSize;
    this.iomapVolume = {blockSize: this.#blockSize, readOnly: true, maxBytes: MOST_BYTES, id: 'stripefs'};
  }

  iomapStart(kernel: IomapKernel): void {
    this.#kernel = kernel;
  }

  destroy(): void {
    this.#kernel = undefined;
  }

  /**
   * One chunk, or one extent where nothing is striped: by arithmetic, with no table of where chunks are. A hole is told as long as it
   * reaches, with those that follow it.
   */
  mapRange(ino: number, offset: number, _length: number, _op: number, out: MappingPair): void {
    const layout = this.#volume.layout(this.#volume.node(ino));
    const start = offset - (offset % this.#blockSize);
    if (start >= layout.length) {
      out.read.set(MAPPING.HOLE, start, MOST_BYTES - start);
      return;
    }
    const piece = this.#piece;
    layout.locate(start, piece);
    if (piece.member !== HOLE) {
      out.read.place(MAPPING.MAPPED, start, piece.length, piece.address, {dev: piece.member + 1});
      return;
    }
    let end = start + piece.length;
    // Ends: each hole reaches to the next extent.
    for (; end < layout.length; end += piece.length) {
      layout.locate(end, piece);
      if (piece.member !== HOLE) break;
    }
    out.read.set(MAPPING.HOLE, start, (end === layout.length ? MOST_BYTES : end) - start);
  }

  lookup(parent: number, name: Uint8Array, entry: EntryReply): void {
    const directory = this.#volume.node(parent);
    const isDot = name.length === 1 && name[0] === DOT;
    const found = isDot ? directory : this.#volume.lookup(directory, name);
    // Left at node id 0 the kernel remembers that there is no such name.
    if (found !== undefined) this.#fillEntry(entry, found);
  }

  getattr(ino: number, _fh: number | undefined, reply: AttrReply): void {
    this.#fillAttr(reply.attr, this.#volume.node(ino));
  }

  readlink(ino: number): Uint8Array {
    return this.#volume.readlink(this.#volume.node(ino));
  }

  read(ino: number, _fh: number, offset: number, target: Uint8Array): number {
    return this.#volume.read(this.#volume.node(ino), offset, target);
  }

  lseek(ino: number, _fh: number, offset: number, whence: number): number {
    return this.#volume.seek(this.#volume.node(ino), offset, whence === SEEK_DATA ? 'data' : 'hole');
  }

  readdir(ino: number, _fh: number, offset: number, list: DirentList): void {
    this.#list(ino, offset, (node, name, next) =>
      list.add(node.ino, next, TYPE_BITS[node.type] >> DT_SHIFT, name),
    );
  }

  readdirplus(ino: number, _fh: number, offset: number, list: DirentPlusList): void {
    this.#list(ino, offset, (node, name, next) => {
      const entry = list.add(name, next);
      if (entry === undefined) return false;
      this.#fillEntry(entry, node);
      return true;
    });
  }

  statfs(_ino: number, reply: StatfsReply): void {
    const {members, nodes} = this.#volume.superblock;
    const bytes = members.reduce((sum, {size}) => sum + size, 0);
    reply.bsize = reply.frsize = this.#blockSize;
    reply.blocks = Math.floor(bytes / this.#blockSize);
    reply.files = nodes.length;
    reply.namelen = 255;
  }

  /** Lists from the cookie on until the reply is full: 0 is ".", 1 "..", then what the superblock has, in its order. */
  #list(ino: number, offset: number, emit: (node: Node, name: Uint8Array, next: number) => boolean): void {
    const directory = this.#volume.node(ino);
    const children = this.#volume.children(directory);
    if (offset < 1 && !emit(directory, DOT_NAME, 1)) return;
    if (offset < 2 && !emit(this.#volume.node(directory.parent), DOT_DOT_NAME, 2)) return;
    for (let index = Math.max(0, offset - 2); index < children.length; index++) {
      const child = children[index]!;
      if (!emit(child, child.name, index + 3)) return;
    }
  }

  #fillEntry(entry: EntryReply, node: Node): void {
    entry.nodeid = node.ino;
    this.#fillAttr(entry.attr, node);
  }

  #fillAttr(attr: EntryReply['attr'], node: Node): void {
    attr.ino = node.ino;
    attr.mode = TYPE_BITS[node.type] | node.mode;
    attr.nlink = node.children === undefined ? 1 : linksOf(node);
    attr.uid = node.uid;
    attr.gid = node.gid;
    attr.size = node.size;
    attr.blocks = Math.ceil((node.layout?.stored ?? 0) / SECTOR);
    attr.blksize = this.#blockSize;
    attr.atime = node.atime.seconds;
    attr.atimensec = node.atime.nanoseconds;
    attr.mtime = node.mtime.seconds;
    attr.mtimensec = node.mtime.nanoseconds;
    attr.ctime = node.ctime.seconds;
    attr.ctimensec = node.ctime.nanoseconds;
    if (node.type === 'file') attr.flags |= this.#kernel?.attrFlags ?? 0;
    this.#owners?.apply(attr);
  }
}

/** A directory's own name and ".", and the ".." of each directory in it. */
function linksOf({children = []}: Node): number {
  return children.reduce((sum, {type}) => sum + (type === 'directory' ? 1 : 0), 2);
}
