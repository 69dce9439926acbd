import type {BlockSource} from '../block/index.js';
import {type AttrReply, type FileSystem, failure, type StatfsReply} from '../fuse/index.js';
import type {OwnerMapping} from './owner-mapping.js';

/** Which bytes of the source the file shows; they lie inside it. */
export interface RawOptions {
  readonly offset: number;
  readonly size: number;
  /** Seconds since 1970 shown as the file's times. */
  readonly time: number;
  /** Whom the file belongs to, and what others may do; root's, for nobody else to read, unless told. */
  readonly owners: OwnerMapping | undefined;
}

/**
 * A file system that is one regular file: the bytes of the source, or a part of them such as one partition. It is mounted on a
 * regular file and gives programs a view of an image that can't be written and has no path to the rest.
 */
export class RawFileSystem implements FileSystem {
  readonly #source: BlockSource;
  readonly #offset: number;
  readonly #size: number;
  readonly #time: number;
  readonly #owners: OwnerMapping | undefined;

  constructor(source: BlockSource, {offset, size, time, owners}: RawOptions) {
    this.#source = source;
    this.#offset = offset;
    this.#size = size;
    this.#time = time;
    this.#owners = owners;
  }

  getattr(ino: number, _fh: number | undefined, reply: AttrReply): void {
    if (ino !== 1) throw failure('ESTALE');
    const {attr} = reply;
    attr.mode = 0o100400;
    attr.size = this.#size;
    attr.blocks = Math.ceil(this.#size / 512);
    attr.blksize = 4096;
    attr.atime = attr.mtime = attr.ctime = this.#time;
    this.#owners?.apply(attr);
  }

  read(_ino: number, _fh: number, offset: number, target: Uint8Array): number {
    const length = Math.max(0, Math.min(target.length, this.#size - offset));
    return this.#source.read(target, 0, length, this.#offset + offset);
  }

  statfs(_ino: number, reply: StatfsReply): void {
    reply.bsize = reply.frsize = 4096;
    reply.blocks = Math.ceil(this.#size / 4096);
    reply.files = 1;
  }
}
