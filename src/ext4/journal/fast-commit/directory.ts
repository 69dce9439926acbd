import {viewOf} from '../../../wire/index.js';
import {type EntryRules, entrySize} from '../../dir-block.js';
import {CorruptError, UnsupportedError} from '../../errors.js';
import {hasFlag, type Inode, isType} from '../../inode.js';
import {INODE_FLAG, MODE_TYPE} from '../../inode-flags.js';
import {
  buildBlock,
  type DirEntry,
  entriesOf,
  insertEntry,
  removeEntry,
  sealBlock,
  tailOf,
} from './dir-entries.js';
import {
  buildRoot,
  hasher,
  hasRoom,
  indexNodes,
  insertSlot,
  probe,
  sealIndex,
  splitLeaf,
} from './dir-index.js';
import type {ImageEditor} from './editor.js';
import {emptyTree} from './file-blocks.js';
import type {FileStates} from './file-state.js';
import {emptyInlineDirectory, InlineDirectory} from './inline-directory.js';

/** Entries of all directories that are touched, held in memory at most. */
const MAX_ENTRIES = 2 ** 21;

/** Where the table of a root starts. */
const ROOT_TABLE_OFFSET = 32;

/** Sizes of entries, in units of four bytes: names have at most 255 bytes. */
const SIZES = entrySize(255, false) / 4 + 1;

interface Place {
  readonly ino: number;
  /** Block of the directory. */
  readonly block: number;
}

/** A directory that fast commits change. Its entries are listed once, then kept in step. */
class OpenDirectory {
  readonly ino: number;
  readonly seed: number;
  readonly rules: EntryRules;
  readonly places = new Map<string, Place>();
  /** Blocks of the directory. */
  blocks: number;
  indexed: boolean;
  /** Blocks that are nodes of the index. */
  nodes: ReadonlySet<number> = new Set();
  /** Names that differ in case only are the same. */
  readonly folded: boolean;
  /** No block before this one has room for an entry of the size, in units of four bytes. */
  readonly roomFrom: number[] = new Array(SIZES).fill(0);

  constructor(inode: Inode, rules: EntryRules) {
    this.ino = inode.ino;
    this.seed = inode.checksumSeed;
    this.rules = rules;
    this.blocks = Math.floor(inode.size / rules.blockSize);
    this.folded = hasFlag(inode, INODE_FLAG.casefold);
    // Hashes of folded names are not computed here: such an index is given up by the first addition.
    this.indexed = hasFlag(inode, INODE_FLAG.index);
  }
}

/** Makes and removes directory entries while fast commits are replayed. */
export class Directories {
  readonly #editor: ImageEditor;
  readonly #files: FileStates;
  readonly #open = new Map<number, OpenDirectory>();
  #entriesLeft = MAX_ENTRIES;

  constructor(editor: ImageEditor, files: FileStates) {
    this.#editor = editor;
    this.#files = files;
  }

  /** The inode that a name leads to, undefined when there is no such entry. */
  lookup(parent: Inode, name: Uint8Array): number | undefined {
    const inline = this.#inline(parent);
    if (inline !== undefined) return inline.entries().find((entry) => key(entry.name) === key(name))?.ino;
    return this.#directory(parent).places.get(key(name))?.ino;
  }

  /**
   * Adds an entry, in the way that the kernel does: in the leaf for its hash, which is split when full, or in the first
   * block with room. A directory whose first block is full gets an index. An index that would have to grow another block
   * is given up: no name is lost, and looking one up is merely slower.
   * A directory in its inode gets blocks when there is no room.
   * @returns false when the name exists
   */
  add(parent: Inode, entry: DirEntry): boolean {
    const inline = this.#inline(parent);
    if (inline !== undefined) {
      if (inline.entries().some((each) => key(each.name) === key(entry.name))) return false;
      if (inline.add(entry)) return true;
      this.#moveToBlocks(parent, inline);
    }
    const directory = this.#directory(this.#editor.inode(parent.ino));
    if (directory.places.has(key(entry.name))) return false;
    if (directory.indexed) {
      if (!directory.folded && this.#addByIndex(directory, entry)) return true;
      this.#dropIndex(directory);
    }
    if (this.#addByRoom(directory, entry)) return true;
    // The kernel divides the first leaf of a new index even where the room of the two dots would do for the entry.
    if (directory.blocks === 1 && this.#makeIndex(directory) && this.#addByIndex(directory, entry, false))
      return true;
    if (directory.indexed) this.#dropIndex(directory);
    this.#place(directory, entry, directory.blocks);
    this.#append(directory, buildBlock(directory.rules, [entry]));
    return true;
  }

  /** @returns false when no block has room */
  #addByRoom(directory: OpenDirectory, entry: DirEntry): boolean {
    const size = entrySize(entry.name.length, false) / 4;
    for (let block = Math.max(...directory.roomFrom.slice(0, size + 1)); ; block++) {
      // Ends: there are so many blocks.
      directory.roomFrom[size] = block;
      if (block >= directory.blocks) return false;
      const bytes = this.#read(directory, block);
      if (bytes === undefined || !insertEntry(directory.rules, bytes, entry)) continue;
      this.#write(directory, block, bytes);
      this.#place(directory, entry, block);
      return true;
    }
  }

  #place(directory: OpenDirectory, entry: DirEntry, block: number): void {
    directory.places.set(key(entry.name), {ino: entry.ino, block});
  }

  /**
   * @param tryLeaf false to divide the leaf without a look for room in it
   * @returns false when the index does not have room, or makes no sense
   */
  #addByIndex(directory: OpenDirectory, entry: DirEntry, tryLeaf = true): boolean {
    const {rules} = directory;
    const read = (block: number): Uint8Array | undefined => this.#read(directory, block);
    const at = probe(this.#editor.superblock, rules, read, entry.name);
    const leaf = at === undefined ? undefined : read(at.leaf);
    if (at === undefined || leaf === undefined || at.leaf === 0 || directory.nodes.has(at.leaf)) {
      return false;
    }
    if (tryLeaf && insertEntry(rules, leaf, entry)) {
      this.#write(directory, at.leaf, leaf);
      this.#place(directory, entry, at.leaf);
      return true;
    }
    const split = hasRoom(rules, at) ? splitLeaf(rules, [...entriesOf(rules, leaf)], at.hash) : undefined;
    if (split === undefined) return false;
    const kept = buildBlock(rules, split.kept);
    const moved = buildBlock(rules, split.moved);
    const added = directory.blocks;
    const goesOver = at.hash(entry.name) >= split.hash;
    if (!insertEntry(rules, goesOver ? moved : kept, entry)) return false;
    insertSlot(at, split.hash + (split.continued ? 1 : 0), added);
    this.#append(directory, moved);
    this.#write(directory, at.leaf, kept);
    this.#writeIndex(directory, at.block, at.bytes, at.table);
    for (const each of split.moved) this.#place(directory, each, added);
    this.#place(directory, entry, goesOver ? added : at.leaf);
    return true;
  }

  /** Moves the entries of a directory's only block to a leaf behind a root. @returns false when it gets no index */
  #makeIndex(directory: OpenDirectory): boolean {
    const {rules} = directory;
    const {superblock} = this.#editor;
    const bytes = this.#read(directory, 0);
    if (!superblock.features.dirIndex || directory.folded || bytes === undefined) return false;
    if (hasher(superblock, superblock.defaultHashVersion) === undefined) return false;
    const [dot, dots, ...rest] = [...entriesOf(rules, bytes)];
    if (dot === undefined || dots === undefined || key(dot.name) !== '.' || key(dots.name) !== '..')
      return false;
    this.#append(directory, tailOf(rules, bytes, dots.at + dots.size));
    this.#writeIndex(directory, 0, buildRoot(superblock, rules, [dot, dots]), ROOT_TABLE_OFFSET);
    for (const entry of rest) this.#place(directory, entry, 1);
    directory.indexed = true;
    this.#setIndexFlag(directory, true);
    return true;
  }

  /** Removes an entry that leads to `ino`. @returns false when the name leads elsewhere or nowhere */
  remove(parent: Inode, name: Uint8Array, ino: number): boolean {
    const inline = this.#inline(parent);
    if (inline !== undefined) {
      inline.remove((entry) => entry.ino === ino && key(entry.name) === key(name));
      return true;
    }
    const directory = this.#directory(parent);
    const place = directory.places.get(key(name));
    if (place === undefined || place.ino !== ino) return false;
    const bytes = this.#read(directory, place.block);
    if (bytes === undefined) throw new CorruptError('dir-hole', {ino: directory.ino, block: place.block});
    for (const entry of entriesOf(directory.rules, bytes)) {
      if (key(entry.name) !== key(name)) continue;
      removeEntry(directory.rules, bytes, entry.at);
      break;
    }
    this.#write(directory, place.block, bytes);
    directory.places.delete(key(name));
    directory.roomFrom.forEach((from, size) => {
      directory.roomFrom[size] = Math.min(from, place.block);
    });
    return true;
  }

  /** The directory as one in its inode, undefined when it has blocks. */
  #inline(inode: Inode): InlineDirectory | undefined {
    const current = this.#editor.inode(inode.ino);
    if (!isType(current, MODE_TYPE.directory) || !hasFlag(current, INODE_FLAG.inlineData)) return undefined;
    return new InlineDirectory(this.#editor, inode.ino, this.#rules(current));
  }

  #moveToBlocks(inode: Inode, inline: InlineDirectory): void {
    const entries = inline.entries();
    this.#editor.editInode(inode.ino, (view) => {
      const flags = view.getUint32(0x20, true) & ~INODE_FLAG.inlineData;
      view.setUint32(0x20, flags | INODE_FLAG.extents, true);
      emptyTree(view);
    });
    this.#initializeBlocks(this.#editor.inode(inode.ino), inline.parent);
    for (const entry of entries) this.add(inode, entry);
  }

  /** Gives a new directory its `.` and `..`. */
  initialize(inode: Inode, parent: number): void {
    if (hasFlag(inode, INODE_FLAG.inlineData)) {
      this.#editor.editInode(inode.ino, (view) => emptyInlineDirectory(view, parent));
    } else {
      this.#initializeBlocks(inode, parent);
    }
  }

  #initializeBlocks(inode: Inode, parent: number): void {
    this.#editor.editInode(inode.ino, (view) => view.setUint32(4, 0, true));
    const rules = this.#rules(this.#editor.inode(inode.ino));
    const fileType = this.#fileType(inode);
    const dot = Uint8Array.of(0x2e);
    const block = buildBlock(rules, [
      {ino: inode.ino, name: dot, fileType},
      {ino: parent, name: Uint8Array.of(0x2e, 0x2e), fileType},
    ]);
    const directory = new OpenDirectory(this.#editor.inode(inode.ino), rules);
    this.#open.set(inode.ino, directory);
    this.#append(directory, block);
    directory.places.set('.', {ino: inode.ino, block: 0});
    directory.places.set('..', {ino: parent, block: 0});
  }

  /** file_type of entries that lead to this inode; 0 where entries have none. */
  #fileType(inode: Inode): number {
    if (!this.#editor.superblock.features.filetype) return 0;
    return FILE_TYPES[(inode.mode & MODE_TYPE.mask) >>> 12] ?? 0;
  }

  /** An entry that leads to this inode. */
  entryOf(inode: Inode, name: Uint8Array): DirEntry {
    return {ino: inode.ino, name, fileType: this.#fileType(inode)};
  }

  #directory(inode: Inode): OpenDirectory {
    const known = this.#open.get(inode.ino);
    if (known !== undefined) return known;
    if (!isType(inode, MODE_TYPE.directory)) throw new CorruptError('fast-commit-parent', {ino: inode.ino});
    const directory = new OpenDirectory(inode, this.#rules(inode));
    if (directory.indexed) {
      const read = (block: number): Uint8Array | undefined => this.#read(directory, block);
      directory.nodes = indexNodes(directory.rules, read, directory.blocks);
    }
    for (let block = 0; block < directory.blocks; block++) {
      // Ends: a directory of more blocks than entries are allowed is refused.
      if (--this.#entriesLeft < 0) throw new UnsupportedError('fast-commit-directory', {ino: inode.ino});
      const bytes = this.#read(directory, block);
      if (bytes === undefined || directory.nodes.has(block)) continue;
      for (const entry of block === 0 && directory.indexed ? [] : entriesOf(directory.rules, bytes)) {
        if (--this.#entriesLeft < 0) throw new UnsupportedError('fast-commit-directory', {ino: inode.ino});
        directory.places.set(key(entry.name), {ino: entry.ino, block});
      }
    }
    this.#open.set(inode.ino, directory);
    return directory;
  }

  #rules(inode: Inode): EntryRules {
    // Names there are ciphertext, and the kernel makes no fast commits of them.
    if (hasFlag(inode, INODE_FLAG.encrypt)) {
      throw new UnsupportedError('fast-commit-encrypted-directory', {ino: inode.ino});
    }
    const {blockSize, inodesCount, features} = this.#editor.superblock;
    return {
      ino: inode.ino,
      blockSize,
      inodesCount,
      hashed: false,
      checksummed: features.metadataCsum,
      encrypted: false,
    };
  }

  /** Turns the blocks of the index into blocks of entries; their names stay where they are. */
  #dropIndex(directory: OpenDirectory): void {
    const {rules} = directory;
    const root = this.#read(directory, 0);
    if (root === undefined) throw new CorruptError('dir-hole', {ino: directory.ino, block: 0});
    const view = viewOf(root);
    const entries = [0, 12].map((at) => {
      const length = root[at + 6]!; // a root has these two entries
      return {
        ino: view.getUint32(at, true),
        name: root.slice(at + 8, at + 8 + length),
        fileType: root[at + 7]!,
      };
    });
    this.#write(directory, 0, buildBlock(rules, entries));
    for (const block of directory.nodes) this.#write(directory, block, buildBlock(rules, []));
    directory.indexed = false;
    directory.roomFrom.fill(0);
    this.#setIndexFlag(directory, false);
  }

  #setIndexFlag(directory: OpenDirectory, on: boolean): void {
    this.#editor.editInode(directory.ino, (inode) => {
      const flags = inode.getUint32(0x20, true) & ~INODE_FLAG.index;
      inode.setUint32(0x20, on ? flags | INODE_FLAG.index : flags, true);
    });
  }

  #append(directory: OpenDirectory, bytes: Uint8Array): void {
    const block = directory.blocks;
    if (this.#files.find(directory.ino, block) === 0) {
      const disk = this.#files.allocateFor(directory.ino, block);
      this.#files.add(directory.ino, {first: block, disk, count: 1, unwritten: false});
    }
    this.#write(directory, block, bytes);
    directory.blocks++;
    const size = directory.blocks * directory.rules.blockSize;
    this.#editor.editInode(directory.ino, (inode) => {
      inode.setUint32(0x04, size % 2 ** 32, true);
      // Older file systems have the ACL of a directory there.
      if (size >= 2 ** 32) inode.setUint32(0x6c, Math.floor(size / 2 ** 32), true);
    });
  }

  #read(directory: OpenDirectory, block: number): Uint8Array | undefined {
    const disk = this.#files.find(directory.ino, block);
    return disk === 0 ? undefined : this.#editor.block(disk);
  }

  #write(directory: OpenDirectory, block: number, bytes: Uint8Array): void {
    sealBlock(directory.rules, directory.seed, bytes);
    this.#store(directory, block, bytes);
  }

  #writeIndex(directory: OpenDirectory, block: number, bytes: Uint8Array, table: number): void {
    sealIndex(directory.rules, directory.seed, bytes, table);
    this.#store(directory, block, bytes);
  }

  #store(directory: OpenDirectory, block: number, bytes: Uint8Array): void {
    const disk = this.#files.find(directory.ino, block);
    if (disk === 0) throw new CorruptError('dir-hole', {ino: directory.ino, block});
    this.#editor.overlay.write(disk, bytes);
  }
}

/** file_type by the upper four bits of i_mode. */
const FILE_TYPES: Readonly<Record<number, number>> = {8: 1, 4: 2, 2: 3, 6: 4, 1: 5, 12: 6, 10: 7};

/** Names are bytes; each byte becomes one character. */
function key(name: Uint8Array): string {
  return String.fromCharCode(...name);
}
