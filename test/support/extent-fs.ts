import {
  type AttrReply,
  type EntryReply,
  FATTR_SIZE,
  type FileSystem,
  failure,
  type SetattrChanges,
} from '../../src/fuse/index.js';
import {
  type CompletedIo,
  type EndedOperation,
  IOEND,
  type IomapDriver,
  type IomapKernel,
  type IomapVolume,
  MAPPING,
  type MappingPair,
  needsBlocks,
  OP,
} from '../../src/iomap/index.js';
import {BlockOwners} from './block-owners.js';

/** A run of blocks of a file on the device; all numbers are blocks. */
export interface Extent {
  readonly at: number;
  readonly count: number;
  readonly disk: number;
  readonly unwritten: boolean;
  /** Allocated for a write, and not by fallocate: nobody misses it if it is not written. */
  readonly fresh: boolean;
}

interface File {
  readonly name: string;
  /** Bytes, on disk. */
  size: number;
  /** In order, without overlaps. */
  extents: Extent[];
  /** Instead of blocks. */
  inline: Uint8Array | undefined;
  pinned: boolean;
}

const FIRST_INO = 11;
/** Where the hole behind everything ends: a safe integer for every block size. */
const FARTHEST = 2 ** 53 - 2 ** 16;
const FALLOC_KEEP_SIZE = 1;
const FALLOC_PUNCH_HOLE = 2;

/** The part of an extent from block `from` up to (without) `to`; undefined for none. */
function clip(extent: Extent, from: number, to: number): Extent | undefined {
  const start = Math.max(extent.at, from);
  const end = Math.min(extent.at + extent.count, to);
  if (start >= end) return undefined;
  return {...extent, at: start, count: end - start, disk: extent.disk + start - extent.at};
}

/**
 * A file system with one directory, in memory, whose files lie on a device: it allocates, converts, truncates, punches and moves
 * as a real one does, and knows which block belongs to whom. It writes no metadata, so what it has on disk is the data.
 */
export class ExtentFs implements FileSystem, IomapDriver {
  readonly iomapVolume: IomapVolume;
  readonly #files: File[] = [];
  readonly owners: BlockOwners;
  kernel: IomapKernel | undefined;
  readonly events: string[] = [];

  constructor(deviceBytes: number, volume: Partial<IomapVolume> = {}) {
    this.iomapVolume = {blockSize: 4096, readOnly: false, ...volume};
    this.owners = new BlockOwners(Math.floor(deviceBytes / this.iomapVolume.blockSize));
  }

  /** Makes a file and returns its inode number. */
  add(name: string, {size = 0, inline}: {size?: number; inline?: Uint8Array} = {}): number {
    this.#files.push({name, size: inline?.length ?? size, extents: [], inline, pinned: false});
    return FIRST_INO + this.#files.length - 1;
  }

  extentsOf(ino: number): readonly Extent[] {
    return this.#file(ino).extents;
  }

  sizeOf(ino: number): number {
    return this.#file(ino).size;
  }

  iomapStart(kernel: IomapKernel): void {
    this.kernel = kernel;
  }

  lookup(_parent: number, name: Uint8Array, entry: EntryReply): void {
    const index = this.#files.findIndex((file) => file.name === Buffer.from(name).toString());
    if (index === -1) throw failure('ENOENT');
    entry.nodeid = FIRST_INO + index;
    this.#fill(entry, entry.nodeid);
  }

  getattr(ino: number, _fh: number | undefined, reply: AttrReply): void {
    if (ino === 1) reply.attr.mode = 0o040755;
    else this.#fill(reply, ino);
  }

  setattr(ino: number, {valid, size}: SetattrChanges, reply: AttrReply): void {
    if ((valid & FATTR_SIZE) !== 0) {
      const file = this.#file(ino);
      // The kernel forgets mappings past the new end by itself, after this answer.
      if (size < file.size) this.#release(ino, Math.ceil(size / this.iomapVolume.blockSize), Infinity);
      file.size = size;
    }
    this.getattr(ino, undefined, reply);
  }

  fallocate(ino: number, _fh: number, mode: number, offset: number, length: number): void {
    const {blockSize} = this.iomapVolume;
    const file = this.#file(ino);
    if (mode === (FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE)) {
      this.#release(ino, Math.ceil(offset / blockSize), Math.floor((offset + length) / blockSize));
    } else if ((mode & ~FALLOC_KEEP_SIZE) === 0) {
      const end = Math.ceil((offset + length) / blockSize);
      for (let at = Math.floor(offset / blockSize); at < end; ) at = this.#allocate(ino, at, end, false);
      if (mode === 0) file.size = Math.max(file.size, offset + length);
    } else throw failure('EOPNOTSUPP');
  }

  /** Inline files only: all others are read by the kernel. */
  read(ino: number, _fh: number, offset: number, target: Uint8Array): number {
    const part = this.#inline(ino).subarray(offset, offset + target.length);
    target.set(part);
    return part.length;
  }

  write(ino: number, _fh: number, offset: number, data: Uint8Array): number {
    const file = this.#file(ino);
    const old = this.#inline(ino);
    file.inline = new Uint8Array(Math.max(old.length, offset + data.length));
    file.inline.set(old);
    file.inline.set(data, offset);
    file.size = file.inline.length;
    return data.length;
  }

  freeze(unlinked: number): void {
    this.events.push(`freeze ${unlinked}`);
  }

  thaw(): void {
    this.events.push('thaw');
  }

  syncfs(): void {
    this.events.push('syncfs');
  }

  shutdown(): void {
    this.events.push('shutdown');
  }

  destroy(): void {
    this.events.push('destroy');
  }

  mapRange(ino: number, offset: number, length: number, op: number, {read}: MappingPair): void {
    const {blockSize} = this.iomapVolume;
    const file = this.#file(ino);
    if (file.inline !== undefined && offset < blockSize) {
      read.set(MAPPING.INLINE, 0, blockSize);
      return;
    }
    const block = Math.floor(offset / blockSize);
    if (needsBlocks(op) && this.#find(file, block) === undefined) {
      if ((op & OP.OVERWRITE_ONLY) !== 0) throw failure('EAGAIN');
      this.#allocate(ino, block, Math.ceil((offset + length) / blockSize), true);
    }
    const extent = this.#find(file, block);
    if (extent === undefined) {
      const before = file.extents.findLast(({at}) => at < block);
      const start = before === undefined ? 0 : before.at + before.count;
      const next = file.extents.find(({at}) => at > block)?.at ?? Math.floor(FARTHEST / blockSize);
      read.set(MAPPING.HOLE, start * blockSize, (next - start) * blockSize);
      return;
    }
    const {at, count, disk, unwritten} = extent;
    const type = unwritten ? MAPPING.UNWRITTEN : MAPPING.MAPPED;
    read.place(type, at * blockSize, count * blockSize, disk * blockSize);
  }

  iomapEnd(ino: number, {op, offset, length, written}: EndedOperation): void {
    const {blockSize} = this.iomapVolume;
    if ((op & (OP.WRITE | OP.UNSHARE)) === 0) return;
    const first = Math.ceil((offset + Math.max(written, 0)) / blockSize);
    const last = Math.ceil((offset + length) / blockSize);
    // The kernel may know of them; data in its page cache get other blocks when they are written back.
    this.#release(ino, first, last, ({fresh, unwritten}) => fresh && unwritten, true);
  }

  ioend(ino: number, {flags, errno, offset, length}: CompletedIo): number {
    const {blockSize} = this.iomapVolume;
    const file = this.#file(ino);
    if (errno !== 0) return file.size;
    if ((flags & IOEND.SWAPOFF) !== 0) file.pinned = false;
    if ((flags & IOEND.UNWRITTEN) !== 0) {
      const from = Math.floor(offset / blockSize);
      const to = Math.ceil((offset + length) / blockSize);
      file.extents = file.extents.flatMap((extent) => {
        const parts = [clip(extent, 0, from), clip(extent, from, to), clip(extent, to, Infinity)];
        return parts.flatMap((part, index) =>
          part === undefined ? [] : [index === 1 ? {...part, unwritten: false} : part],
        );
      });
    }
    if ((flags & IOEND.APPEND) !== 0) file.size = Math.max(file.size, offset + length);
    return file.size;
  }

  /**
   * Moves an extent to other blocks on the file system's own account: the metadata change, the kernel forgets, and only then the old
   * blocks are anybody's.
   */
  move(ino: number, index: number, copy: (from: number, to: number, count: number) => void): void {
    const file = this.#file(ino);
    const old = file.extents[index]!;
    const disk = this.owners.reserve(ino, old.count, old.count).disk;
    copy(old.disk, disk, old.count);
    file.extents[index] = {...old, disk};
    this.kernel?.invalidate(ino, old.at * this.iomapVolume.blockSize, old.count * this.iomapVolume.blockSize);
    this.owners.release(ino, old.disk, old.count);
  }

  #file(ino: number): File {
    const file = this.#files[ino - FIRST_INO];
    if (file === undefined) throw failure('ESTALE');
    return file;
  }

  #inline(ino: number): Uint8Array {
    const {inline} = this.#file(ino);
    if (inline === undefined) throw failure('EIO');
    return inline;
  }

  #fill({attr}: Pick<AttrReply, 'attr'>, ino: number): void {
    attr.mode = 0o100644;
    attr.size = this.#file(ino).size;
    attr.flags = this.kernel?.attrFlags ?? 0;
  }

  #find(file: File, block: number): Extent | undefined {
    return file.extents.find(({at, count}) => at <= block && block < at + count);
  }

  /** Gives blocks to the hole at `from`, up to `to` at most; or skips the extent that is there. Returns where it ended. */
  #allocate(ino: number, from: number, to: number, fresh: boolean): number {
    const file = this.#file(ino);
    const there = this.#find(file, from);
    if (there !== undefined) return there.at + there.count;
    const next = file.extents.findIndex(({at}) => at > from);
    const most = Math.min(to, next === -1 ? to : file.extents[next]!.at) - from;
    const {disk, count} = this.owners.reserve(ino, 1, most);
    const extent = {at: from, count, disk, unwritten: true, fresh};
    file.extents.splice(next === -1 ? file.extents.length : next, 0, extent);
    return from + count;
  }

  /** Takes blocks out of a file. The kernel knows (it asked for it), or has no data in them. */
  #release(
    ino: number,
    from: number,
    to: number,
    which: (extent: Extent) => boolean = () => true,
    tellKernel = false,
  ): void {
    const file = this.#file(ino);
    if (file.pinned) throw failure('ETXTBSY');
    const gone: Extent[] = [];
    file.extents = file.extents.flatMap((extent) => {
      const cut = which(extent) ? clip(extent, from, to) : undefined;
      if (cut === undefined) return [extent];
      gone.push(cut);
      return [clip(extent, 0, from), clip(extent, to, Infinity)].filter((part) => part !== undefined);
    });
    const {blockSize} = this.iomapVolume;
    if (tellKernel && gone.length > 0)
      this.kernel?.invalidate(ino, from * blockSize, (to - from) * blockSize);
    for (const {disk, count} of gone) this.owners.release(ino, disk, count);
  }
}
