import {closeSync, constants, openSync} from 'node:fs';
import {expect} from 'vitest';
import {type BlockSource, FileSource} from '../../src/block/index.js';
import {
  hasFlag,
  INODE_FLAG,
  type Inode,
  type InodeNumber,
  isType,
  MODE_TYPE,
  newFileRange,
  RANGE,
  type Reach,
  Volume,
} from '../../src/ext4/index.js';
import {type Extent, FIEMAP_EXTENT, fibmap, fiemap} from './fiemap.js';
import type {Random} from './random.js';
import type {Snapshot} from './snapshot.js';

/** A range as numbers. */
export type Piece = [kind: number, offset: number, length: number, address: number];

/** A volume on an image, and the image as it lies there. */
export function withVolume<T>(image: string, action: (volume: Volume, raw: BlockSource) => T): T {
  const fd = openSync(image, 'r');
  try {
    const raw = new FileSource(fd);
    return action(Volume.open(raw, {cacheLimit: 8 << 20}), raw);
  } finally {
    closeSync(fd);
  }
}

/** All there is of a file, one range after the other; the last one reaches as far as offsets go. */
export function pieces(
  volume: Volume,
  inode: Inode,
  reach: Reach = 'far',
  step = Number.MAX_SAFE_INTEGER,
): Piece[] {
  const found: Piece[] = [];
  const range = newFileRange();
  for (let at = 0; at < 2 ** 52; at = range.offset + range.length) {
    volume.mapping.mapRange(inode, at, Math.min(step, Number.MAX_SAFE_INTEGER - at), reach, range);
    // Each one goes on where the one before ended, so nothing is left out or told twice.
    if (range.offset !== at || range.length < 1)
      throw new Error(`${range.offset} + ${range.length} after ${at}`);
    found.push([range.kind, range.offset, range.length, range.address]);
  }
  return found;
}

/** What follows each other in the file and on disk as one, as the kernel does not always tell it. */
function merged(extents: readonly Extent[]): Piece[] {
  const all: Piece[] = [];
  for (const {logical, physical, length, flags} of extents) {
    const inline = (flags & FIEMAP_EXTENT.DATA_INLINE) !== 0;
    const kind = inline
      ? RANGE.inline
      : (flags & FIEMAP_EXTENT.UNWRITTEN) !== 0
        ? RANGE.unwritten
        : RANGE.written;
    const last = all.at(-1);
    const goesOn =
      last !== undefined &&
      last[0] === kind &&
      last[1] + last[2] === logical &&
      last[3] + last[2] === physical;
    if (goesOn) last[2] += length;
    else all.push([kind, logical, length, inline ? -1 : physical]);
  }
  return all;
}

/** A file's bytes as somebody gets them who reads the device where the mapping says so, and asks for the rest. */
export function readByMapping(volume: Volume, raw: BlockSource, inode: Inode, longest: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(inode.size, longest));
  const range = newFileRange();
  for (let at = 0; at < bytes.length; at += range.length) {
    volume.mapping.mapRange(inode, at, bytes.length - at, 'asked', range);
    if (range.kind === RANGE.written) {
      expect(raw.read(bytes, at, range.length, range.address)).toBe(range.length);
    } else if (range.kind === RANGE.inline || range.kind === RANGE.overlaid) {
      volume.read(inode, at, bytes, at, range.length);
    }
  }
  return bytes;
}

/** One file's mapping against FIEMAP and FIBMAP of the open file on the kernel's mount, and its content read by it. */
function compareFile(volume: Volume, raw: BlockSource, path: Buffer, ino: number, random: Random): void {
  const inode = volume.inode(ino as InodeNumber);
  if (isType(inode, MODE_TYPE.regular) && hasFlag(inode, INODE_FLAG.encrypt)) return;
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const what = path.toString('latin1');
    const ours = pieces(volume, inode);
    const placed = ours.filter(([kind]) => kind !== RANGE.hole);
    const theirs = merged(fiemap(fd));
    if (placed.length > 0 || theirs.length > 0)
      expect(
        placed.map(([kind, ...place]) =>
          kind === RANGE.overlaid ? [RANGE.written, place[0], place[1]] : [kind, ...place],
        ),
        what,
      ).toEqual(theirs.map((piece, i) => (placed[i]?.[0] === RANGE.overlaid ? piece.slice(0, 3) : piece)));
    if (!isType(inode, MODE_TYPE.regular)) return;
    const {blockSize} = volume.superblock;
    for (let n = 0; n < 2 && inode.size > 0; n++) {
      const block = random.below(Math.min(2 ** 31, Math.ceil(inode.size / blockSize) + 2));
      const at = block * blockSize;
      const covering = ours.find(([, offset, length]) => at >= offset && at - offset < length)!;
      const expected = covering[0] === RANGE.overlaid ? 0 : fibmap(fd, block);
      // FIBMAP has 31 bits.
      const found = volume.mapping.bmap(inode, block, blockSize);
      if (found < 2 ** 31) expect(found, what).toBe(expected);
    }
    const content = Buffer.alloc(Math.min(inode.size, 1 << 20));
    volume.read(inode, 0, content, 0, content.length);
    expect(content.equals(readByMapping(volume, raw, inode, content.length)), what).toBe(true);
  } finally {
    closeSync(fd);
  }
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
/** Of files that nothing is stored of, which some images have 50,000 of, every so manieth is enough. */
const EVERY_EMPTY = 100;

/**
 * What `mapRange` and `bmap` tell of every file against FIEMAP and FIBMAP on the kernel's mount of the same image.
 * @param seen what the mount showed
 */
export function compareMappings(image: string, root: string, seen: Snapshot, random: Random): void {
  let empty = 0;
  withVolume(image, (volume, raw) => {
    for (const [path, {mode, ino, size, blocks}] of seen.entries) {
      const type = mode & S_IFMT;
      if (type !== S_IFREG && type !== S_IFDIR) continue;
      if (size === 0 && blocks === 0 && empty++ % EVERY_EMPTY !== 0) continue;
      compareFile(volume, raw, Buffer.from(`${root}/${path}`, 'latin1'), Number(ino), random);
    }
  });
}
