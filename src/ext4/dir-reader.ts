import type {Ext4Context} from './context.js';
import {type EntryRules, verifyLeaf} from './dir-block.js';
import {CorruptError, RequestError} from './errors.js';
import {isIndexBlock, verifyIndex} from './htree-block.js';
import {hasFlag, type Inode, isType} from './inode.js';
import {INODE_FLAG, MODE_TYPE} from './inode-flags.js';
import type {FileBlock} from './units.js';

/** One directory while it is read: its rules, and its blocks with their checksums verified. */
export class DirReader {
  readonly ctx: Ext4Context;
  readonly dir: Inode;
  readonly rules: EntryRules;
  /** Whole blocks of the directory. */
  readonly blocks: number;
  /** The entries lie in the inode. */
  readonly inline: boolean;
  /** The directory has an index. */
  readonly indexed: boolean;
  readonly casefolded: boolean;

  /**
   * @throws RequestError ENOTDIR `not-directory`, CorruptError `dir-size` for a size that is no whole number of
   *   blocks, or is larger than the file system.
   */
  constructor(ctx: Ext4Context, dir: Inode) {
    if (!isType(dir, MODE_TYPE.directory)) throw new RequestError('ENOTDIR', 'not-directory', {ino: dir.ino});
    const {superblock} = ctx;
    const {features, blockSize} = superblock;
    const encrypted = hasFlag(dir, INODE_FLAG.encrypt);
    this.ctx = ctx;
    this.dir = dir;
    this.inline = hasFlag(dir, INODE_FLAG.inlineData);
    this.casefolded = features.casefold && hasFlag(dir, INODE_FLAG.casefold);
    this.indexed = features.dirIndex && hasFlag(dir, INODE_FLAG.index);
    this.rules = {
      ino: dir.ino,
      blockSize,
      inodesCount: superblock.inodesCount,
      hashed: encrypted && this.casefolded,
      checksummed: features.metadataCsum,
      encrypted,
    };
    this.blocks = this.inline ? 0 : Math.floor(dir.size / blockSize);
    // Only a directory that is mostly holes can be larger than everything; walking them would take hours.
    if (this.blocks > superblock.blocksCount || (!this.inline && dir.size % blockSize !== 0)) {
      throw new CorruptError('dir-size', {ino: dir.ino, size: dir.size});
    }
  }

  /**
   * A block of the directory in order: entries, the root of the index, or one of its nodes (an unused entry as long
   * as the block). Undefined for a hole.
   * @throws ChecksumError, CorruptError.
   */
  any(number: number): Uint8Array | undefined {
    const block = this.ctx.fileBlock(this.dir, number as FileBlock);
    if (block === undefined) return undefined;
    if (!this.rules.checksummed) return block;
    if (this.indexed && (number === 0 || isIndexBlock(block))) {
      verifyIndex(this.dir.ino, this.dir.checksumSeed, block);
    } else {
      verifyLeaf(this.dir.ino, this.dir.checksumSeed, block);
    }
    return block;
  }

  /** A block that the index says holds entries. @throws CorruptError `dir-hole`, `dir-block-outside`, ChecksumError. */
  leaf(number: number): Uint8Array {
    const block = this.#present(number);
    if (this.rules.checksummed) verifyLeaf(this.dir.ino, this.dir.checksumSeed, block);
    return block;
  }

  /**
   * A block of the index: its root, block 0, or a node.
   * @throws CorruptError `dir-hole`, `dir-block-outside`, `htree-not-index`, ChecksumError.
   */
  index(number: number): Uint8Array {
    const block = this.#present(number);
    if (number !== 0 && !isIndexBlock(block)) {
      throw new CorruptError('htree-not-index', {ino: this.dir.ino, block: number});
    }
    if (this.rules.checksummed) verifyIndex(this.dir.ino, this.dir.checksumSeed, block);
    return block;
  }

  #present(number: number): Uint8Array {
    if (number >= this.blocks) {
      throw new CorruptError('dir-block-outside', {ino: this.dir.ino, block: number, blocks: this.blocks});
    }
    const block = this.ctx.fileBlock(this.dir, number as FileBlock);
    if (block === undefined) throw new CorruptError('dir-hole', {ino: this.dir.ino, block: number});
    return block;
  }
}
