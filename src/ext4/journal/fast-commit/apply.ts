import {viewOf} from '../../../wire/index.js';
import {CorruptError, UnsupportedError} from '../../errors.js';
import {hasFlag, type Inode, isType} from '../../inode.js';
import {INODE_FLAG, MODE_TYPE} from '../../inode-flags.js';
import {EXTENT_MAGIC} from '../block-list.js';
import type {Journal} from '../log.js';
import {Directories} from './directory.js';
import type {ImageEditor} from './editor.js';
import {emptyTree, I_BLOCK, I_BLOCK_SIZE} from './file-blocks.js';
import {FileStates} from './file-state.js';
import type {Interval} from './intervals.js';
import {
  decodeAddRange,
  decodeDelRange,
  decodeEntry,
  decodeInodeRecord,
  type FastCommitRecord,
  TAG,
} from './records.js';
import {completeRecords} from './scan.js';

/** Byte offsets in struct ext4_inode. */
const I_LINKS = 0x1a;
const I_FLAGS = 0x20;
const I_GENERATION = 0x64;

/**
 * Applies fast commits by rewriting metadata blocks in the overlay, as the kernel's replay rewrites them on the disk:
 * inodes, extent trees, directory blocks, bitmaps and group descriptors.
 *
 * A directory's times become those of the newest change to an inode that was linked into it or out of it, where the
 * kernel takes the time of the mount.
 *
 * Facts: Linux fs/ext4/fast_commit.c, ext4_fc_replay_*().
 */
export class FastCommits {
  readonly #editor: ImageEditor;
  readonly #files: FileStates;
  readonly #directories: Directories;
  /** Directory → inodes that were linked into it or out of it. */
  readonly #changedDirectories = new Map<number, Set<number>>();

  constructor(editor: ImageEditor, promised: readonly Interval[]) {
    this.#editor = editor;
    this.#files = new FileStates(editor, promised);
    this.#directories = new Directories(editor, this.#files);
  }

  /**
   * Applies the first `count` records.
   * @throws CorruptError, ChecksumError, UnsupportedError: the overlay is then of no use any more
   */
  static apply(editor: ImageEditor, journal: Journal, count: number): void {
    const {inodeSize} = editor.superblock;
    const promised: Interval[] = [];
    for (const record of completeRecords(journal, inodeSize, count)) {
      if (record.tag !== TAG.addRange) continue;
      const range = decodeAddRange(record.value);
      promised.push([range.disk, range.disk + range.count]);
    }
    const commits = new FastCommits(editor, promised);
    for (const record of completeRecords(journal, inodeSize, count)) commits.#applyRecord(record);
    commits.#finish();
  }

  #applyRecord(record: FastCommitRecord): void {
    const {tag, value} = record;
    if (tag === TAG.inode) this.#replaceInode(value);
    else if (tag === TAG.addRange) this.#addRange(value);
    else if (tag === TAG.delRange) this.#removeRange(value);
    else if (tag === TAG.create) this.#create(value);
    else if (tag === TAG.link) this.#link(value);
    else if (tag === TAG.unlink) this.#unlink(value);
    // HEAD, TAIL and PAD have nothing to apply.
  }

  #finish(): void {
    for (const [directory, children] of this.#changedDirectories) this.#touch(directory, children);
    this.#files.finish();
  }

  #replaceInode(value: Uint8Array): void {
    const {ino, raw: logged} = decodeInodeRecord(value);
    const {firstInode, inodesCount} = this.#editor.superblock;
    if (ino < firstInode || ino > inodesCount) throw new CorruptError('fast-commit-inode', {ino});
    // Someone synced a file that was deleted while it was open. The kernel (6.18) refuses the image then; the file is
    // gone all the same.
    if (viewOf(logged).getUint16(I_LINKS, true) === 0) {
      const inode = this.#editor.liveInode(ino);
      if (inode !== undefined) this.#delete(inode);
      return;
    }
    this.#files.replace(ino, () => {
      const raw = this.#editor.rawInode(ino);
      raw.set(logged.subarray(0, I_BLOCK));
      raw.set(logged.subarray(I_GENERATION), I_GENERATION);
      const view = viewOf(raw);
      const flags = view.getUint32(I_FLAGS, true);
      if ((flags & INODE_FLAG.inlineData) !== 0) {
        raw.set(logged.subarray(I_BLOCK, I_BLOCK + I_BLOCK_SIZE), I_BLOCK);
      } else if ((flags & INODE_FLAG.extents) !== 0) {
        if (view.getUint16(I_BLOCK, true) !== EXTENT_MAGIC) emptyTree(view);
      } else {
        // The kernel makes no fast commits of these: what i_block holds would not be restored.
        throw new UnsupportedError('fast-commit-inode-kind', {ino, flags});
      }
      this.#editor.writeInode(ino, raw);
    });
    this.#editor.useInode(ino);
  }

  #addRange(value: Uint8Array): void {
    const {ino, ...run} = decodeAddRange(value);
    if (this.#editor.liveInode(ino) === undefined) return;
    if (run.count === 0 || run.first + run.count > 2 ** 32 || !this.#editor.has(run.disk, run.count)) {
      throw new CorruptError('fast-commit-range', {ino, ...run, unwritten: Number(run.unwritten)});
    }
    this.#files.add(ino, run);
  }

  #removeRange(value: Uint8Array): void {
    const {ino, first, count} = decodeDelRange(value);
    if (this.#editor.liveInode(ino) === undefined) return;
    this.#files.remove(ino, first, count);
  }

  #create(value: Uint8Array): void {
    const {parent, ino, name} = decodeEntry(value);
    const inode = this.#editor.liveInode(ino);
    if (inode === undefined) throw new CorruptError('fast-commit-create', {ino, parent});
    this.#editor.useInode(ino);
    const directory = this.#editor.liveInode(parent);
    if (isType(inode, MODE_TYPE.directory)) {
      if (directory === undefined) return;
      this.#directories.initialize(inode, parent);
    }
    if (directory !== undefined) {
      this.#directories.add(directory, this.#directories.entryOf(inode, name));
      this.#noteChange(parent, ino);
    }
    // As the kernel does, for directories too.
    this.#editor.editInode(ino, (view) => view.setUint16(I_LINKS, 1, true));
  }

  #link(value: Uint8Array): void {
    const {parent, ino, name} = decodeEntry(value);
    const inode = this.#editor.liveInode(ino);
    const directory = this.#editor.liveInode(parent);
    if (inode === undefined || directory === undefined) return;
    if (!this.#directories.add(directory, this.#directories.entryOf(inode, name))) return;
    this.#noteChange(parent, ino);
    this.#editor.editInode(ino, (view) => view.setUint16(I_LINKS, (inode.links + 1) & 0xffff, true));
  }

  #unlink(value: Uint8Array): void {
    const {parent, ino, name} = decodeEntry(value);
    const inode = this.#editor.liveInode(ino);
    const directory = this.#editor.liveInode(parent);
    if (inode === undefined || directory === undefined) return;
    const known = this.#directories.lookup(directory, name);
    // No entry at all: it was removed before. One that leads elsewhere was replaced, which drops the link too.
    if (known === undefined) return;
    if (known === ino) {
      this.#directories.remove(directory, name, ino);
      this.#noteChange(parent, ino);
    }
    if (inode.links > 1) {
      this.#editor.editInode(ino, (view) => view.setUint16(I_LINKS, inode.links - 1, true));
    } else {
      this.#delete(inode);
    }
  }

  #delete(inode: Inode): void {
    this.#files.delete(inode.ino);
    this.#editor.editInode(inode.ino, (view) => {
      view.setUint16(I_LINKS, 0, true);
      view.setUint32(0x04, 0, true);
      view.setUint32(0x6c, 0, true);
      view.setUint32(0x1c, 0, true);
      view.setUint16(0x74, 0, true);
      // i_dtime: any time but 0 says that it is deleted.
      view.setUint32(0x14, view.getUint32(0x0c, true) || 1, true);
      view.setUint32(0x68, 0, true);
      view.setUint16(0x76, 0, true);
      if (hasFlag(inode, INODE_FLAG.extents)) emptyTree(view);
    });
    this.#editor.freeInode(inode.ino, isType(inode, MODE_TYPE.directory));
  }

  #noteChange(directory: number, child: number): void {
    const children = this.#changedDirectories.get(directory);
    if (children === undefined) this.#changedDirectories.set(directory, new Set([child]));
    else children.add(child);
  }

  /** Gives a directory the newest change time of its new and former children, where that is newer. */
  #touch(ino: number, children: ReadonlySet<number>): void {
    const directory = this.#editor.liveInode(ino);
    if (directory === undefined) return;
    let newest = directory;
    for (const child of children) {
      const inode = this.#editor.liveInode(child);
      if (inode === undefined) continue;
      if (
        inode.ctime > newest.ctime ||
        (inode.ctime === newest.ctime && inode.ctimeNsec > newest.ctimeNsec)
      ) {
        newest = inode;
      }
    }
    if (newest === directory) return;
    const from = viewOf(newest.raw);
    const wide = directory.extraIsize >= 12 && newest.extraIsize >= 12;
    this.#editor.editInode(ino, (view) => {
      for (const [low, extra] of [
        [0x0c, 0x84],
        [0x10, 0x88],
      ] as const) {
        view.setUint32(low, from.getUint32(0x0c, true), true);
        if (wide) view.setUint32(extra, from.getUint32(0x84, true), true);
      }
    });
  }
}
