import {viewOf} from '../../../wire/index.js';
import type {Ext4Context} from '../../context.js';
import type {EntryRules} from '../../dir-block.js';
import {inlineParts} from '../../inline-data.js';
import type {Inode} from '../../inode.js';
import {type DirEntry, entriesOf, insertEntry, removeEntry} from './dir-entries.js';
import type {ImageEditor} from './editor.js';
import {I_BLOCK, I_BLOCK_SIZE} from './file-blocks.js';

/** i_block begins with the number of the parent. */
const PARENT_SIZE = 4;
/** Bytes of an area with room for one entry. */
const SMALLEST_AREA = 12;

/** A directory whose entries lie in its inode: behind the parent's number in i_block, and in the value of system.data. */
export class InlineDirectory {
  readonly #editor: ImageEditor;
  readonly #inode: Inode;
  readonly #rules: EntryRules;
  /** Views on the inode's bytes. */
  readonly #areas: readonly Uint8Array[];

  /** @throws CorruptError when a part of it is missing */
  constructor(editor: ImageEditor, ino: number, rules: EntryRules) {
    this.#editor = editor;
    // A copy of its own, which is changed in place and then written.
    this.#inode = editor.inode(ino);
    this.#rules = rules;
    // What is looked for lies in the inode, so nothing but the superblock is asked for.
    const context = {superblock: editor.superblock} as Ext4Context;
    const {start, rest} = inlineParts(context, this.#inode);
    this.#areas = [start.subarray(PARENT_SIZE), rest].filter((area) => area.length >= SMALLEST_AREA);
  }

  get parent(): number {
    return viewOf(this.#inode.iBlock).getUint32(0, true);
  }

  /** @throws CorruptError `dir-…` */
  entries(): DirEntry[] {
    return this.#areas.flatMap((area) => [...entriesOf(this.#rulesOf(area), area)]);
  }

  /** @returns false when there is no room */
  add(entry: DirEntry): boolean {
    if (!this.#areas.some((area) => insertEntry(this.#rulesOf(area), area, entry))) return false;
    this.#editor.writeInode(this.#inode.ino, this.#inode.raw);
    return true;
  }

  remove(matches: (entry: DirEntry) => boolean): void {
    for (const area of this.#areas) {
      const rules = this.#rulesOf(area);
      const found = [...entriesOf(rules, area)].find(matches);
      if (found === undefined) continue;
      removeEntry(rules, area, found.at);
      this.#editor.writeInode(this.#inode.ino, this.#inode.raw);
      return;
    }
  }

  /** An area is like a small block without a checksum. */
  #rulesOf(area: Uint8Array): EntryRules {
    return {...this.#rules, blockSize: area.length, checksummed: false};
  }
}

/** Makes i_block an inline directory without entries (ext4_try_create_inline_dir). */
export function emptyInlineDirectory(inode: DataView, parent: number): void {
  for (let at = 0; at < I_BLOCK_SIZE; at += 4) inode.setUint32(I_BLOCK + at, 0, true);
  inode.setUint32(I_BLOCK, parent, true);
  inode.setUint16(I_BLOCK + PARENT_SIZE + 4, I_BLOCK_SIZE - PARENT_SIZE, true);
  inode.setUint32(0x04, I_BLOCK_SIZE, true);
}
