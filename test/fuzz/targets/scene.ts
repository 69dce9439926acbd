import type {Inode} from '../../../src/ext4/inode.js';
import type {OpenedContext} from '../../../src/ext4/opened-context.js';
import type {InodeNumber} from '../../../src/ext4/units.js';
import type {Structure} from '../../support/structures.js';
import {decodePieces} from './pieces.js';
import {BLOCK, FLAG, INPUT_INO, Stage} from './stage.js';
import {attempt, padded} from './target.js';

const stage = new Stage();
/** Blocks of the file system's own, which an input does not replace: those have parsers of their own. */
const FIRST_FREE = 300;

export interface SceneOptions {
  /** What the blocks of the input are, for their checksums. */
  kind: Structure['kind'];
  /** i_flags that are set and cleared in the inode, so that the input gets to the parser. */
  set?: number;
  clear?: number;
  /** The inode's type, where the parser wants one. */
  type?: number;
  /** Features that the file system has whatever the input says. */
  flags?: number;
}

/** A file system on which an input's inode and blocks lie; undefined where already the inode is turned down. */
export function scene(
  bytes: Uint8Array,
  options: SceneOptions,
): {ctx: OpenedContext; inode: Inode; flags: number} | undefined {
  const pieces = decodePieces(bytes);
  const flags = pieces.flags | (options.flags ?? 0);
  stage.reset(flags);
  const place = stage.inodeStructure(INPUT_INO);
  const raw = stage.at(place.start, place.length);
  raw.set(padded(pieces.inode, place.length));
  raw.writeUInt32LE(((raw.readUInt32LE(0x20) | (options.set ?? 0)) & ~(options.clear ?? 0)) >>> 0, 0x20);
  if (options.type !== undefined) raw.writeUInt16LE((raw.readUInt16LE(0) & 0o7777) | options.type, 0);
  if (raw.readUInt16LE(0x1a) === 0) raw.writeUInt16LE(1, 0x1a);
  const structures: Structure[] = [place];
  for (const {number, bytes: content} of pieces.blocks) {
    if (number < FIRST_FREE) continue;
    const block: Structure = {kind: options.kind, start: number * BLOCK, length: BLOCK, ino: INPUT_INO};
    stage.at(block.start, block.length).set(padded(content, BLOCK));
    structures.push(block);
  }
  if ((flags & FLAG.unsealed) === 0) stage.seal(structures);
  const ctx = stage.context();
  const inode = attempt(() => ctx.inode(INPUT_INO as InodeNumber));
  return inode === undefined ? undefined : {ctx, inode, flags};
}
