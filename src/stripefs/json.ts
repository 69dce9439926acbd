import type {Extent} from './extent.js';
import type {Member} from './member.js';
import type {Node, Time} from './node.js';
import {FORMAT, VERSION} from './superblock.js';

/** Up to here, in characters, a superblock is set in lines for people; larger ones in one, which is a third. */
const LINES_MOST = 2 ** 20;

/** A node as it is written down: the names of a directory's entries are its texts. */
export interface NewNode extends Pick<Node, 'type' | 'mode' | 'uid' | 'gid' | 'mtime'> {
  /** Left out for the root. */
  readonly name?: string;
  readonly size?: number;
  readonly extents?: readonly Extent[];
  readonly target?: string;
  readonly entries?: readonly NewNode[];
}

function extentJson({length, chunk, strips}: Extent): object {
  if (strips.length === 0) return {type: 'hole', length};
  if (strips.length === 1) return {type: 'linear', length, ...strips[0]};
  return {type: 'striped', length, chunk, strips};
}

function timeJson({seconds, nanoseconds}: Time): number | [number, number] {
  return nanoseconds === 0 ? seconds : [seconds, nanoseconds];
}

function nodeJson({name, type, mode, uid, gid, mtime, size, extents, target, entries}: NewNode): object {
  return {
    ...(name === undefined ? {} : {name}),
    type,
    mode: mode.toString(8).padStart(4, '0'),
    ...{uid, gid, mtime: timeJson(mtime)},
    ...(size === undefined ? {} : {size}),
    ...(extents === undefined ? {} : {extents: extents.map(extentJson)}),
    ...(target === undefined ? {} : {target}),
    ...(entries === undefined ? {} : {entries: entries.map(nodeJson)}),
  };
}

/** The text of a superblock; not checked here, `decodeSuperblock` does that. */
export function superblockJson(
  root: NewNode,
  {blockSize, members}: {readonly blockSize: number; readonly members: readonly Member[]},
): string {
  const superblock = {format: FORMAT, version: VERSION, blockSize, members, root: nodeJson(root)};
  const lines = JSON.stringify(superblock, null, 1);
  return `${lines.length > LINES_MOST ? JSON.stringify(superblock) : lines}\n`;
}
