import {BlockMap, type Run} from '../../../src/ext4/block-map.js';
import {CorruptError} from '../../../src/ext4/errors.js';
import type {BlocksAllowed} from '../../../src/ext4/extent-tree.js';
import type {Inode} from '../../../src/ext4/inode.js';
import {INODE_FLAG} from '../../../src/ext4/inode-flags.js';
import {RangeMapper} from '../../../src/ext4/map-range.js';
import type {Superblock} from '../../../src/ext4/superblock.js';

export const BLOCK_SIZE = 1024;
/** Blocks a file of the fixture may have: from 1 to before this. */
export const BLOCKS = 2 ** 40;

/** Only what a block map looks at. */
export function fixtureInode(iBlock: Uint8Array, extents: boolean, ino = 12, size = 0): Inode {
  const whole = new Uint8Array(60);
  whole.set(iBlock);
  return {ino, flags: extents ? INODE_FLAG.extents : 0, iBlock: whole, checksumSeed: 0x1234, size} as Inode;
}

function inside(_ino: number, first: number, count: number): boolean {
  return first > 0 && first + count <= BLOCKS;
}

/** A block map on blocks given by number; blocks read are counted. */
export class MapFixture {
  readonly blocks = new Map<number, Uint8Array>();
  readonly map: BlockMap;
  readonly ranges: RangeMapper;
  reads = 0;

  constructor(metadataCsum = false, allowed: BlocksAllowed = inside) {
    const superblock = {blockSize: BLOCK_SIZE, features: {metadataCsum}} as Superblock;
    const read = (block: number): Uint8Array => {
      this.reads++;
      const bytes = this.blocks.get(block);
      if (bytes === undefined) throw new CorruptError('block-outside', {block});
      return bytes;
    };
    this.map = new BlockMap(superblock, read, allowed);
    this.ranges = new RangeMapper(this.map, BLOCK_SIZE);
  }

  find(inode: Inode, block: number): [state: number, physical: number, length: number] {
    const run: Run = {state: 0, physical: 0, length: 0};
    this.map.find(inode, block, run);
    return [run.state, run.physical, run.length];
  }
}

/** An extent of a leaf: first file block, blocks (negative: unwritten), first disk block. */
export type Extent = [logical: number, length: number, physical: number];
/** An entry of an index: first file block, block of the child. */
export type Index = [logical: number, child: number];

/** A node of an extent tree in `size` bytes. */
export function extentNode(depth: number, entries: Array<Extent | Index>, size = BLOCK_SIZE): Uint8Array {
  const bytes = new Uint8Array(size);
  const d = new DataView(bytes.buffer);
  d.setUint16(0, 0xf30a, true);
  d.setUint16(2, entries.length, true);
  d.setUint16(4, Math.floor((size - 12) / 12), true);
  d.setUint16(6, depth, true);
  entries.forEach((entry, i) => {
    const at = 12 + i * 12;
    d.setUint32(at, entry[0], true);
    if (entry.length === 3) {
      d.setUint16(at + 4, entry[1] < 0 ? 0x8000 - entry[1] : entry[1], true);
      d.setUint16(at + 6, Math.floor(entry[2] / 2 ** 32), true);
      d.setUint32(at + 8, entry[2] % 2 ** 32, true);
    } else {
      d.setUint32(at + 4, entry[1] % 2 ** 32, true);
      d.setUint16(at + 8, Math.floor(entry[1] / 2 ** 32), true);
    }
  });
  return bytes;
}

/** Block numbers as they lie in an indirect block. */
export function pointers(values: number[], size = BLOCK_SIZE): Uint8Array {
  const bytes = new Uint8Array(size);
  const d = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    d.setUint32(i * 4, value, true);
  });
  return bytes;
}
