import {viewOf} from '../../../src/wire/index.js';
import type {Faults} from './faults.js';
import type {MappingCache} from './mapping-cache.js';
import {PageCache} from './page-cache.js';
import {attr as layout} from './structs.js';
import type {Traits} from './version.js';

/** The attributes of an answer. */
export type Attributes = ReturnType<typeof decodeAttributes>;

/** @param at where the attributes begin */
export function decodeAttributes(body: Uint8Array, at: number) {
  return layout.read(viewOf(body), at);
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const LARGEST_SIZE = 2n ** 63n - 1n;

/** An inode in the simulated kernel's memory. */
export class Inode {
  readonly nodeid: bigint;
  /** The `ino` of its attributes, which requests about mappings name. */
  readonly attrIno: bigint;
  readonly mode: number;
  /** Whether its data are the kernel's to read and write. Decided once. */
  readonly iomap: boolean;
  readonly #flags: number;
  /** What the user sees, and for an inode with iomap the kernel's own; bytes. */
  size: number;
  /** What is on disk by the server's last word. */
  diskSize: number;
  /** Lookups that the server counts. */
  lookups = 0;
  cache: MappingCache | undefined;
  readonly pages: PageCache;

  constructor(nodeid: bigint, attributes: Attributes, traits: Traits, blockSize: number, iomapOn: boolean) {
    this.nodeid = nodeid;
    this.attrIno = attributes.ino;
    this.mode = attributes.mode;
    this.#flags = attributes.flags;
    this.size = Number(attributes.size);
    this.diskSize = this.size;
    this.iomap = iomapOn && this.isFile && (attributes.flags & traits.iomapBits) === traits.iomapBits;
    this.pages = new PageCache(blockSize);
  }

  get isFile(): boolean {
    return (this.mode & S_IFMT) === S_IFREG;
  }

  get isDirectory(): boolean {
    return (this.mode & S_IFMT) === S_IFDIR;
  }

  /** Attributes of a later answer: of an inode with iomap they tell the size on disk, of others the size. */
  refresh(attributes: Attributes, traits: Traits, faults: Faults): void {
    const {ino, flags, size} = attributes;
    if (ino !== this.attrIno)
      faults.add('attr-ino-changed', `node ${this.nodeid}: ${this.attrIno} to ${ino}`);
    const bits = traits.iomapBits | traits.exclusiveBit;
    if (((flags ^ this.#flags) & bits) !== 0) {
      faults.add('attr-flags-changed', `node ${this.nodeid}: ${this.#flags} to ${flags}`);
    }
    this.diskSize = Number(size);
    if (!this.iomap) this.size = this.diskSize;
  }
}

/** What is wrong with attributes as such; the kernel answers EIO then. */
export function attributesFault({mode, size}: Attributes): boolean {
  const type = mode & S_IFMT;
  return (
    ![0o010000, 0o020000, S_IFDIR, 0o060000, S_IFREG, 0o120000, 0o140000].includes(type) ||
    size > LARGEST_SIZE
  );
}

/** A server must not promise iomap without leaving the attributes to the kernel. */
export function checkAttributeFlags({ino, flags}: Attributes, traits: Traits, faults: Faults): void {
  const iomap = traits.iomapBits & ~traits.exclusiveBit;
  if (!traits.iomap || traits.exclusiveBit === 0) return;
  if ((flags & iomap) !== 0 && (flags & traits.exclusiveBit) === 0) {
    faults.add('attr-iomap-without-exclusive', `inode ${ino}: flags ${flags}`);
  }
}
