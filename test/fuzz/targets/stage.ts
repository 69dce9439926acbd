import {OpenedContext} from '../../../src/ext4/opened-context.js';
import {decodeSuperblock, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE} from '../../../src/ext4/superblock.js';
import {ChecksumFixer} from '../../support/checksums.js';
import {MeteredSource} from '../../support/metered-source.js';
import type {Structure} from '../../support/structures.js';

/*
 * A file system made here, byte by byte, on which a parser's input is put where that parser looks: blocks of 1 KiB, one group,
 * inodes of 256 bytes.
 *
 *   1      superblock        4      inode bitmap        4096   journal, 1280 blocks
 *   2      descriptor        5      inode table, 1024 inodes
 *   3      block bitmap      512    root directory
 */
export const BLOCK = 1024;
export const BLOCKS = 8192;
const INODES = 1024;
export const INODE_SIZE = 256;
const TABLE = 5;
const ROOT_BLOCK = 512;
export const JOURNAL_FIRST = 4096;
export const JOURNAL_LENGTH = 1280;
export const JOURNAL_INO = 8;
/** The inode that an input describes, and one that is always there. */
export const INPUT_INO = 12;
export const OTHER_INO = 13;

const FEATURE = {
  hasJournal: 0x4,
  extAttr: 0x8,
  dirIndex: 0x20,
  filetype: 0x2,
  recover: 0x4,
  extents: 0x40,
  eaInode: 0x400,
  largeDir: 0x4000,
  inlineData: 0x8000,
  encrypt: 0x10000,
  casefold: 0x20000,
  hugeFile: 0x8,
  extraIsize: 0x40,
  metadataCsum: 0x400,
} as const;

/** Bits of an input's first byte: what the file system has. */
export const FLAG = {
  checksums: 0x1,
  /** The checksums that the input makes wrong are left so. */
  unsealed: 0x2,
  eaInode: 0x4,
  inlineData: 0x8,
  encrypt: 0x10,
  casefold: 0x20,
  largeDir: 0x40,
  noFiletype: 0x80,
} as const;

/** What one operation may read, in calls and bytes. */
const MAX_READS = 20_000;
const MAX_BYTES = 64 << 20;

/** The file system for inputs, made sound again before each. */
export class Stage {
  readonly image = Buffer.alloc(BLOCKS * BLOCK);
  readonly #touched: Array<readonly [start: number, length: number]> = [];
  #flags = 0;

  /** A sound file system with the features that `flags` say. @param recover whether its journal is to be replayed */
  reset(flags: number, recover = false): void {
    for (const [start, length] of this.#touched.splice(0)) this.image.fill(0, start, start + length);
    this.#flags = flags;
    this.#superblock(flags, recover);
    const group = this.at(2 * BLOCK, 32);
    group.writeUInt32LE(3, 0);
    group.writeUInt32LE(4, 4);
    group.writeUInt32LE(TABLE, 8);
    // EXT4_BG_INODE_ZEROED
    group.writeUInt16LE(4, 0x12);
    this.#inode(2, 0o40755, BLOCK, ROOT_BLOCK);
    this.#inode(OTHER_INO, 0o100644, 5000, 600);
    this.#inode(JOURNAL_INO, 0o100600, JOURNAL_LENGTH * BLOCK, JOURNAL_FIRST, JOURNAL_LENGTH);
    const root = this.at(ROOT_BLOCK * BLOCK, BLOCK);
    const tail = (flags & FLAG.checksums) === 0 ? 0 : 12;
    let at = 0;
    for (const [ino, type, name] of [
      [2, 2, '.'],
      [2, 2, '..'],
      [OTHER_INO, 1, 'other'],
    ] as const) {
      const length = name === 'other' ? BLOCK - tail - at : 12;
      root.writeUInt32LE(ino, at);
      root.writeUInt16LE(length, at + 4);
      root[at + 6] = name.length;
      root[at + 7] = type;
      root.write(name, at + 8);
      at += length;
    }
    if (tail !== 0) {
      root.writeUInt16LE(12, at + 4);
      root[at + 7] = 0xde;
    }
    this.seal([
      {kind: 'directory block', start: ROOT_BLOCK * BLOCK, length: BLOCK, ino: 2},
      ...[2, OTHER_INO, JOURNAL_INO].map((ino) => this.inodeStructure(ino)),
    ]);
    this.sealHead();
  }

  /** The bytes there, which are zeros again in the next file system. */
  at(start: number, length: number): Buffer {
    this.#touched.push([start, length]);
    return this.image.subarray(start, start + length);
  }

  inodeStructure(ino: number): Structure {
    return {kind: 'inode', start: TABLE * BLOCK + (ino - 1) * INODE_SIZE, length: INODE_SIZE, ino};
  }

  /** Makes the checksums of superblock and descriptor fit. */
  sealHead(): void {
    this.seal([
      {kind: 'superblock', start: BLOCK, length: BLOCK, ino: 0},
      {kind: 'group descriptor', start: 2 * BLOCK, length: 32, ino: 0},
    ]);
  }

  /** Makes the checksums of structures fit, where there are any. */
  seal(structures: readonly Structure[]): void {
    if ((this.#flags & FLAG.checksums) === 0) return;
    const inodes = [2, INPUT_INO, OTHER_INO, JOURNAL_INO].map((ino) => this.inodeStructure(ino));
    const fixer = new ChecksumFixer(this.image, [...structures, ...inodes]);
    for (const structure of structures) fixer.fix(structure);
  }

  /** Reads of it are counted and bounded. */
  source(): MeteredSource {
    return new MeteredSource(this.image, MAX_READS, MAX_BYTES);
  }

  context(): OpenedContext {
    const raw = this.image.subarray(SUPERBLOCK_OFFSET, SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE);
    return new OpenedContext(decodeSuperblock(raw), this.source(), {
      cacheLimit: 1 << 18,
      inodeCacheEntries: 16,
    });
  }

  #superblock(flags: number, recover: boolean): void {
    const s = this.at(BLOCK, BLOCK);
    const has = (flag: number, feature: number): number => ((flags & flag) === 0 ? 0 : feature);
    s.writeUInt32LE(INODES, 0x0);
    s.writeUInt32LE(BLOCKS, 0x4);
    s.writeUInt32LE(1, 0x14);
    for (const at of [0x20, 0x24]) s.writeUInt32LE(BLOCKS, at);
    s.writeUInt32LE(INODES, 0x28);
    s.writeUInt16LE(0xef53, 0x38);
    s.writeUInt16LE(1, 0x3a);
    s.writeUInt32LE(1, 0x4c);
    s.writeUInt32LE(11, 0x54);
    s.writeUInt16LE(INODE_SIZE, 0x58);
    s.writeUInt32LE(FEATURE.hasJournal | FEATURE.extAttr | FEATURE.dirIndex, 0x5c);
    s.writeUInt32LE(
      FEATURE.extents |
        (recover ? FEATURE.recover : 0) |
        ((flags & FLAG.noFiletype) === 0 ? FEATURE.filetype : 0) |
        has(FLAG.eaInode, FEATURE.eaInode) |
        has(FLAG.inlineData, FEATURE.inlineData) |
        has(FLAG.encrypt, FEATURE.encrypt) |
        has(FLAG.casefold, FEATURE.casefold) |
        has(FLAG.largeDir, FEATURE.largeDir),
      0x60,
    );
    s.writeUInt32LE(FEATURE.hugeFile | FEATURE.extraIsize | has(FLAG.checksums, FEATURE.metadataCsum), 0x64);
    s.fill(0x5a, 0x68, 0x78);
    s.writeUInt32LE(JOURNAL_INO, 0xe0);
    s.fill(0xa5, 0xec, 0xfc);
    s[0xfc] = 1;
    s.writeUInt16LE(32, 0x15c);
    s.writeUInt16LE(32, 0x15e);
    s[0x175] = 1;
    if ((flags & FLAG.casefold) !== 0) s.writeUInt16LE(1, 0x27c);
  }

  /** An inode whose content is one extent. */
  #inode(ino: number, mode: number, size: number, block: number, count = 5): void {
    const {start, length} = this.inodeStructure(ino);
    const raw = this.at(start, length);
    raw.writeUInt16LE(mode, 0);
    raw.writeUInt32LE(size, 4);
    raw.writeUInt16LE(2, 0x1a);
    raw.writeUInt32LE(0x80000, 0x20);
    raw.writeUInt16LE(0xf30a, 0x28);
    raw.writeUInt16LE(1, 0x2a);
    raw.writeUInt16LE(4, 0x2c);
    raw.writeUInt16LE(Math.min(count, Math.ceil(size / BLOCK)), 0x28 + 16);
    raw.writeUInt32LE(block, 0x28 + 20);
    raw.writeUInt16LE(32, 0x80);
  }
}
