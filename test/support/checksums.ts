import {JournalSealer} from './journal-checksums.js';
import type {Structure} from './structures.js';

/**
 * The checksums of metadata_csum and of uninit_bg, and the hashes of attributes, made anew after a change, so that what lies
 * behind them is reached (Documentation/filesystems/ext4/checksums.rst). Computed here apart from the driver.
 */
const TABLE = Uint32Array.from({length: 256}, (_, i) => {
  let value = i;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

/** CRC32c without the inversions at both ends, as the kernel chains it. */
export function crc32c(seed: number, bytes: Uint8Array): number {
  let crc = seed;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return crc >>> 0;
}

/** CRC-16 as uninit_bg has it (ANSI, reflected). */
function crc16(seed: number, bytes: Uint8Array): number {
  let crc = seed;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  }
  return crc;
}

function le32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

const EXTENT_MAGIC = 0xf30a;
const CHECKSUM_SEED = 0x2000;
const METADATA_CSUM = 0x400;
const GDT_CSUM = 0x10;
const ATTRIBUTE_MAGIC = 0xea020000;

/** Puts right the checksums of structures of one image. */
export class ChecksumFixer {
  /** Whether the image has any of these checksums. */
  readonly applies: boolean;
  readonly #image: Buffer;
  readonly #seed: number;
  readonly #inodes = new Map<number, number>();
  readonly #descriptors: number[];
  readonly #metadata: boolean;
  readonly #journal: JournalSealer;

  constructor(image: Uint8Array, structures: readonly Structure[]) {
    this.#image = Buffer.from(image.buffer, image.byteOffset, image.length);
    const superblock = this.#image.subarray(1024, 2048);
    const features = superblock.readUInt32LE(0x64);
    this.#metadata = (features & METADATA_CSUM) !== 0;
    this.applies = this.#metadata || (features & GDT_CSUM) !== 0;
    this.#journal = new JournalSealer(this.#image, structures);
    const stored = (superblock.readUInt32LE(0x60) & CHECKSUM_SEED) !== 0;
    this.#seed = stored
      ? superblock.readUInt32LE(0x270)
      : crc32c(0xffffffff, superblock.subarray(0x68, 0x78));
    for (const {kind, ino, start} of structures) if (kind === 'inode') this.#inodes.set(ino, start);
    this.#descriptors = structures.filter(({kind}) => kind === 'group descriptor').map(({start}) => start);
  }

  /** Structures beside this one that `fix` of it changes. */
  sealedIn(structure: Structure): readonly Structure[] {
    return this.#journal.sealedIn(structure);
  }

  /** Makes the checksum of the structure at hand fit its bytes. */
  fix(structure: Structure): void {
    const {kind, start, length} = structure;
    const bytes = this.#image.subarray(start, start + length);
    if (kind === 'group descriptor' && this.applies)
      this.#descriptor(bytes, this.#descriptors.indexOf(start));
    else if (kind === 'journal block' || kind === 'fast commit block') this.#journal.seal(structure);
    else if (this.#metadata) this.#fixMetadata(structure, bytes);
  }

  #fixMetadata({kind, start, length, ino}: Structure, bytes: Buffer): void {
    if (kind === 'superblock') bytes.writeUInt32LE(crc32c(0xffffffff, bytes.subarray(0, 0x3fc)), 0x3fc);
    else if (kind === 'inode') this.#inode(bytes, ino);
    else if (kind === 'attribute block') this.#attributes(bytes, start / length);
    else if (kind === 'mapping block' && bytes.readUInt16LE(0) === EXTENT_MAGIC) {
      const end = 12 + 12 * bytes.readUInt16LE(4);
      if (end + 4 <= length) bytes.writeUInt32LE(crc32c(this.#inodeSeed(ino), bytes.subarray(0, end)), end);
    } else if (kind === 'directory block') this.#directory(bytes, ino);
  }

  #descriptor(bytes: Buffer, group: number): void {
    bytes.writeUInt16LE(0, 0x1e);
    if (!this.#metadata) {
      const uuid = this.#image.subarray(1024 + 0x68, 1024 + 0x78);
      const head = crc16(crc16(crc16(0xffff, uuid), le32(group)), bytes.subarray(0, 0x1e));
      bytes.writeUInt16LE(crc16(head, bytes.subarray(0x20)), 0x1e);
      return;
    }
    bytes.writeUInt16LE(crc32c(crc32c(this.#seed, le32(group)), bytes) & 0xffff, 0x1e);
  }

  #inodeSeed(ino: number): number {
    const generation = this.#image.readUInt32LE((this.#inodes.get(ino) ?? 0) + 0x64);
    return crc32c(crc32c(this.#seed, le32(ino)), le32(generation));
  }

  #inode(bytes: Buffer, ino: number): void {
    const wide = bytes.length > 128 && bytes.readUInt16LE(0x80) >= 4;
    bytes.writeUInt16LE(0, 0x7c);
    if (wide) bytes.writeUInt16LE(0, 0x82);
    const checksum = crc32c(this.#inodeSeed(ino), bytes);
    bytes.writeUInt16LE(checksum & 0xffff, 0x7c);
    if (wide) bytes.writeUInt16LE(checksum >>> 16, 0x82);
  }

  #attributes(bytes: Buffer, block: number): void {
    if (bytes.readUInt32LE(0) === ATTRIBUTE_MAGIC) hashAttributes(bytes);
    bytes.writeUInt32LE(0, 0x10);
    bytes.writeUInt32LE(crc32c(crc32c(crc32c(this.#seed, le32(block)), le32(0)), bytes), 0x10);
  }

  /** An index has its checksum behind the entries that fit, a leaf in an entry of its own at the end. */
  #directory(bytes: Buffer, ino: number): void {
    const seed = this.#inodeSeed(ino);
    const isNode = bytes.readUInt16LE(4) === bytes.length;
    const isRoot = bytes.readUInt16LE(16) === bytes.length - 12 && bytes[0x1d] === 8;
    if (!isNode && !isRoot) {
      const end = bytes.length - 12;
      bytes.writeUInt32LE(crc32c(seed, bytes.subarray(0, end)), end + 8);
      return;
    }
    const at = isNode ? 8 : 0x20;
    const limit = bytes.readUInt16LE(at);
    const count = bytes.readUInt16LE(at + 2);
    const tail = at + 8 * limit;
    if (tail + 8 > bytes.length || at + 8 * count > bytes.length) return;
    const sum = crc32c(crc32c(seed, bytes.subarray(0, at + 8 * count)), bytes.subarray(tail, tail + 4));
    bytes.writeUInt32LE(crc32c(sum, Buffer.alloc(4)), tail + 4);
  }
}

/**
 * Hashes of the attributes in a block, and of the block (ext4_xattr_hash_entry, ext4_xattr_rehash): the kernel does not look at
 * them, e2fsck does. Entries whose value lies elsewhere keep theirs.
 */
function hashAttributes(bytes: Buffer): void {
  let whole = 0;
  for (let at = 32; at + 16 <= bytes.length && bytes.readUInt32LE(at) !== 0; ) {
    const nameLength = bytes[at]!;
    const next = at + 16 + ((nameLength + 3) & ~3);
    if (next > bytes.length) return;
    const offset = bytes.readUInt16LE(at + 2);
    const size = bytes.readUInt32LE(at + 8);
    const end = offset + ((size + 3) & ~3);
    if (bytes.readUInt32LE(at + 4) === 0 && end <= bytes.length) {
      let hash = 0;
      for (const byte of bytes.subarray(at + 16, at + 16 + nameLength))
        hash = ((hash << 5) ^ (hash >>> 27) ^ byte) >>> 0;
      for (let word = offset; word < end; word += 4)
        hash = ((hash << 16) ^ (hash >>> 16) ^ bytes.readUInt32LE(word)) >>> 0;
      bytes.writeUInt32LE(hash, at + 12);
    }
    whole = ((whole << 16) ^ (whole >>> 16) ^ bytes.readUInt32LE(at + 12)) >>> 0;
    at = next;
  }
  bytes.writeUInt32LE(whole, 12);
}
