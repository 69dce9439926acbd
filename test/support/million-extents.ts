import {closeSync, openSync, readSync, truncateSync, writeFileSync, writeSync} from 'node:fs';
import {run} from './mounts.js';

export const EXTENT_BLOCK = 4096;
/** Blocks of data; the file's blocks take turns at them. */
export const DATA_BLOCKS = 64;
const IMAGE_BLOCKS = 16_384;
/** Where we put the data and the tree: far behind all that mke2fs makes, and free. */
const DATA_START = 8192;
const TREE_START = DATA_START + DATA_BLOCKS;

const HEADER = 12;
const ENTRY = 12;
const PER_BLOCK = Math.floor((EXTENT_BLOCK - HEADER) / ENTRY);
const MAGIC = 0xf30a;
const EXTENTS_FL = 0x80000;
const IN_ROOT = 4;

/** Which block of data a block of the file has: never the one behind its predecessor's. */
export function dataBlockOf(block: number): number {
  return (block * 27) % DATA_BLOCKS;
}

/** One entry of a node: where it begins in the file, and the block it leads to. */
interface Entry {
  readonly logical: number;
  readonly block: number;
}

function node(entries: readonly Entry[], depth: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt16LE(MAGIC, 0);
  bytes.writeUInt16LE(entries.length, 2);
  bytes.writeUInt16LE(Math.floor((size - HEADER) / ENTRY), 4);
  bytes.writeUInt16LE(depth, 6);
  for (const [index, {logical, block}] of entries.entries()) {
    const at = HEADER + index * ENTRY;
    bytes.writeUInt32LE(logical, at);
    if (depth === 0) {
      bytes.writeUInt16LE(1, at + 4);
      bytes.writeUInt32LE(block, at + 8);
    } else bytes.writeUInt32LE(block, at + 4);
  }
  return bytes;
}

/**
 * Makes an ext4 image with one file, `big`, of that many extents of one block each. They share a few blocks of data, and neither the
 * tree nor the data are in the bitmaps: a file system that nobody would call sound, but whose every mapping is.
 *
 * @param data DATA_BLOCKS blocks
 */
export function makeMillionExtents(image: string, extents: number, data: Buffer): void {
  writeFileSync(image, '');
  truncateSync(image, IMAGE_BLOCKS * EXTENT_BLOCK);
  const features = '^metadata_csum,^has_journal,^resize_inode,^uninit_bg,extents';
  run('mke2fs', ['-q', '-F', '-t', 'ext4', '-b', `${EXTENT_BLOCK}`, '-O', features, image]);
  run('debugfs', ['-w', '-R', 'write /dev/null big', image]);
  const place = /located at block (\d+), offset (0x[0-9a-f]+)/.exec(
    run('debugfs', ['-R', 'imap big', image]),
  );
  if (place === null) throw new Error('debugfs does not tell where the inode is');
  const fd = openSync(image, 'r+');
  try {
    writeSync(fd, data, 0, data.length, DATA_START * EXTENT_BLOCK);
    let next = TREE_START;
    let level: Entry[] = Array.from({length: extents}, (_, logical) => ({
      logical,
      block: DATA_START + dataBlockOf(logical),
    }));
    let depth = 0;
    // Ends: each round leaves a fraction of the entries.
    for (; level.length > IN_ROOT; depth++) {
      const above: Entry[] = [];
      for (let at = 0; at < level.length; at += PER_BLOCK) {
        const part = level.slice(at, at + PER_BLOCK);
        writeSync(fd, node(part, depth, EXTENT_BLOCK), 0, EXTENT_BLOCK, next * EXTENT_BLOCK);
        above.push({logical: part[0]!.logical, block: next++});
      }
      level = above;
    }
    if (next > IMAGE_BLOCKS) throw new Error(`${extents} extents need ${next} blocks`);
    patchInode(fd, Number(place[1]) * EXTENT_BLOCK + Number(place[2]), extents, node(level, depth, 60));
  } finally {
    closeSync(fd);
  }
}

function patchInode(fd: number, at: number, extents: number, root: Buffer): void {
  const inode = Buffer.alloc(128);
  readSync(fd, inode, 0, inode.length, at);
  const size = extents * EXTENT_BLOCK;
  inode.writeUInt32LE(size % 2 ** 32, 4);
  inode.writeUInt32LE(Math.floor(size / 2 ** 32), 108);
  inode.writeUInt32LE(extents * (EXTENT_BLOCK / 512), 28);
  inode.writeUInt32LE((inode.readUInt32LE(32) | EXTENTS_FL) >>> 0, 32);
  root.copy(inode, 40);
  writeSync(fd, inode, 0, inode.length, at);
}
