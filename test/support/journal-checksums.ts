import {crc32c} from './checksums.js';
import type {Structure} from './structures.js';

const MAGIC = 0xc03b3998;
const DESCRIPTOR = 1;
const COMMIT = 2;
const REVOKE = 5;
const CSUM_V2 = 0x8;
const CSUM_V3 = 0x10;
const WIDE = 0x2;
const HEADER = 12;
const SAME_UUID = 2;
const LAST_TAG = 8;
/** Tags of fast commits, of which TAIL holds the checksum of all records since the one before. */
const FC_TAIL = 8;
const FC_HIGHEST = 9;

/** Where a copy in the log is sealed: a tag of a descriptor block. */
interface Seal {
  descriptor: Structure;
  /** Byte of the tag in its block. */
  tag: number;
}

function be32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/**
 * The checksums of a journal (jbd2, versions 2 and 3) and of its fast commits, made anew after a change
 * (Documentation/filesystems/ext4/journal.rst, fs/ext4/fast_commit.h). Nothing happens where a journal has none.
 */
export class JournalSealer {
  readonly #image: Buffer;
  readonly #log: readonly Structure[];
  readonly #fastCommits: readonly Structure[];
  readonly #version: 0 | 2 | 3;
  readonly #seed: number;
  readonly #seals = new Map<Structure, Seal>();

  constructor(image: Buffer, structures: readonly Structure[]) {
    this.#image = image;
    this.#log = structures.filter(({kind}) => kind === 'journal block');
    this.#fastCommits = structures.filter(({kind}) => kind === 'fast commit block');
    const first = this.#log[0];
    const superblock = first === undefined ? Buffer.alloc(1024) : this.#bytes(first);
    const incompat = superblock.readUInt32BE(0x28);
    this.#version = (incompat & CSUM_V3) !== 0 ? 3 : (incompat & CSUM_V2) !== 0 ? 2 : 0;
    this.#seed = crc32c(0xffffffff, superblock.subarray(0x30, 0x40));
    if (this.#version !== 0) this.#findSeals((incompat & WIDE) !== 0);
  }

  /** Other structures that change when this one is sealed. */
  sealedIn(structure: Structure): readonly Structure[] {
    if (structure.kind === 'fast commit block') return this.#fastCommits;
    const seal = this.#seals.get(structure);
    return seal === undefined ? [] : [seal.descriptor];
  }

  seal(structure: Structure): void {
    if (this.#version === 0) return;
    if (structure.kind === 'fast commit block') this.#sealFastCommits();
    else if (structure === this.#log[0]) this.#sealSuperblock(this.#bytes(structure));
    else this.#sealBlock(structure);
  }

  #bytes({start, length}: Structure): Buffer {
    return this.#image.subarray(start, start + length);
  }

  /** Notes for each copy in the log which tag is its. */
  #findSeals(wide: boolean): void {
    const size = this.#version === 3 ? 16 : (wide ? 12 : 8) + 2;
    for (let index = 1; index < this.#log.length; index++) {
      const descriptor = this.#log[index]!;
      const bytes = this.#bytes(descriptor);
      if (bytes.readUInt32BE(0) !== MAGIC || bytes.readUInt32BE(4) !== DESCRIPTOR) continue;
      for (let tag = HEADER; tag + size <= bytes.length - 4; ) {
        const copy = this.#log[++index];
        if (copy === undefined) return;
        this.#seals.set(copy, {descriptor, tag});
        const flags = bytes.readUInt16BE(tag + 6);
        if ((flags & LAST_TAG) !== 0) break;
        tag += size + ((flags & SAME_UUID) === 0 ? 16 : 0);
      }
    }
  }

  #sealSuperblock(bytes: Buffer): void {
    const superblock = bytes.subarray(0, 1024);
    superblock.writeUInt32BE(0, 0xfc);
    superblock.writeUInt32BE(crc32c(0xffffffff, superblock), 0xfc);
  }

  #sealBlock(structure: Structure): void {
    const bytes = this.#bytes(structure);
    const seal = this.#seals.get(structure);
    if (seal !== undefined) {
      const descriptor = this.#bytes(seal.descriptor);
      const sum = crc32c(crc32c(this.#seed, descriptor.subarray(8, 12)), bytes);
      if (this.#version === 3) descriptor.writeUInt32BE(sum, seal.tag + 12);
      else descriptor.writeUInt16BE(sum & 0xffff, seal.tag + 4);
      this.#sealWhole(descriptor, descriptor.length - 4);
      return;
    }
    if (bytes.readUInt32BE(0) !== MAGIC) return;
    const type = bytes.readUInt32BE(4);
    if (type === COMMIT) this.#sealWhole(bytes, 16);
    else if (type === DESCRIPTOR || type === REVOKE) this.#sealWhole(bytes, bytes.length - 4);
  }

  #sealWhole(bytes: Buffer, at: number): void {
    bytes.writeUInt32BE(0, at);
    bytes.set(be32(crc32c(this.#seed, bytes)), at);
  }

  #sealFastCommits(): void {
    let sum = 0;
    for (const structure of this.#fastCommits) {
      const bytes = this.#bytes(structure);
      for (let at = 0; at + 4 <= bytes.length; ) {
        const tag = bytes.readUInt16LE(at);
        const end = at + 4 + bytes.readUInt16LE(at + 2);
        if (tag === 0 || tag > FC_HIGHEST || end > bytes.length) return;
        if (tag === FC_TAIL && end >= at + 12) {
          bytes.writeUInt32LE(crc32c(sum, bytes.subarray(at, at + 8)), at + 8);
          sum = 0;
        } else {
          sum = crc32c(sum, bytes.subarray(at, end));
        }
        at = end;
      }
    }
  }
}
