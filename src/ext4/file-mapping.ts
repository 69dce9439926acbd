import {type DeviceView, restrictToDevice} from './device-range.js';
import {Ext4Error, RequestError} from './errors.js';
import {inlineParts} from './inline-data.js';
import {hasFlag, type Inode, isType} from './inode.js';
import {INODE_FLAG, MODE_TYPE} from './inode-flags.js';
import {type FileRange, LAST_OFFSET, NO_ADDRESS, newFileRange, RANGE, type Reach} from './map-range.js';
import type {OpenedContext} from './opened-context.js';
import {RangeSet} from './range-set.js';

/** Pieces looked at to find out whether a file lies on the device. */
const MAX_RUNS = 4096;
/** Smallest block that FUSE_BMAP may count in. */
const LEAST_BLOCK = 512;

/**
 * Where files lie, for somebody who reads the device by himself: the kernel with FUSE_BMAP or iomap. No address that comes
 * from here leads past the end of the device, to metadata, to anything that is not the newest content, or to what only holders of a
 * key may see.
 */
export class FileMapping {
  readonly #ctx: OpenedContext;
  readonly #overlaid: () => Iterable<number>;
  /** Files that orphan recovery cuts off at their size, while their maps on disk go on. */
  readonly #cut: ReadonlySet<number>;
  readonly #range = newFileRange();
  #device: DeviceView | undefined;

  /** @param overlaid blocks whose newest content is not at their place; asked for when it first matters. */
  constructor(ctx: OpenedContext, overlaid: () => Iterable<number>, cut: ReadonlySet<number>) {
    this.#ctx = ctx;
    this.#overlaid = overlaid;
    this.#cut = cut;
  }

  /**
   * Fills `out` with what a file has at `offset`; see `RangeMapper.mapRange` and RANGE. Inline data ends with its last byte, and what
   * follows is a hole. Preallocated space beyond the end of the file is told like any other.
   * @param inode a regular file or directory.
   * @throws RequestError EINVAL `no-map` for other types, ENOKEY `encrypted` for content that nobody here has a key to; CorruptError,
   * ChecksumError
   */
  mapRange(inode: Inode, offset: number, length: number, reach: Reach, out: FileRange): void {
    const regular = isType(inode, MODE_TYPE.regular);
    if (!regular && !isType(inode, MODE_TYPE.directory)) {
      throw new RequestError('EINVAL', 'no-map', {ino: inode.ino});
    }
    if (regular && hasFlag(inode, INODE_FLAG.encrypt)) {
      throw new RequestError('ENOKEY', 'encrypted', {ino: inode.ino});
    }
    if (hasFlag(inode, INODE_FLAG.inlineData)) {
      this.#mapInline(inode, offset, length, reach, out);
      return;
    }
    this.#ctx.ranges.mapRange(inode, offset, length, reach, out);
    if (this.#cut.has(inode.ino)) cutOff(inode, this.#ctx.ranges.blockSize, offset, length, reach, out);
    restrictToDevice(out, this.#view());
  }

  /**
   * Whether somebody who reads the device by himself gets a file's content, if he asks for what is inline: nothing of it is encrypted,
   * and nothing is newer in the journal. The same answer each time. In an image that had to be recovered a file of more than MAX_RUNS
   * pieces counts as one that is not readable so, and one whose map is damaged, too.
   */
  isReadable(inode: Inode): boolean {
    if (!isType(inode, MODE_TYPE.regular) || hasFlag(inode, INODE_FLAG.encrypt)) return false;
    if (hasFlag(inode, INODE_FLAG.inlineData) || this.#view().overlaid.isEmpty) return true;
    const range = this.#range;
    try {
      for (let at = 0, runs = 0; at < inode.size; at = range.offset + range.length, runs++) {
        if (runs === MAX_RUNS) return false;
        this.mapRange(inode, at, inode.size - at, 'piece', range);
        if (range.kind === RANGE.overlaid) return false;
      }
    } catch (error) {
      if (error instanceof Ext4Error) return false;
      throw error;
    }
    return true;
  }

  /**
   * FUSE_BMAP: the block of the device with a block of the file, both counted in `blockSize` bytes; 0 where there is none, as for
   * FIBMAP on the kernel's ext4: only data that was written counts.
   * @throws RequestError EINVAL `bmap-block-size`; what `mapRange` throws
   */
  bmap(inode: Inode, block: number, blockSize: number): number {
    if (
      blockSize < LEAST_BLOCK ||
      blockSize > this.#ctx.ranges.blockSize ||
      (blockSize & (blockSize - 1)) !== 0
    ) {
      throw new RequestError('EINVAL', 'bmap-block-size', {blockSize});
    }
    const range = this.#range;
    if (block * blockSize + blockSize > LAST_OFFSET) return 0;
    this.mapRange(inode, block * blockSize, blockSize, 'asked', range);
    return range.kind === RANGE.written ? range.address / blockSize : 0;
  }

  #mapInline(inode: Inode, offset: number, length: number, reach: Reach, out: FileRange): void {
    const {start, rest} = inlineParts(this.#ctx, inode);
    const held = Math.min(start.length + rest.length, inode.size);
    const inline = offset < held;
    out.kind = inline ? RANGE.inline : RANGE.hole;
    out.address = NO_ADDRESS;
    out.runs = 1;
    out.offset = reach === 'far' ? (inline ? 0 : held) : offset;
    const end = inline ? held : LAST_OFFSET;
    out.length = (reach === 'asked' ? Math.min(end, offset + length) : end) - out.offset;
  }

  #view(): DeviceView {
    this.#device ??= {
      size: this.#ctx.source.size,
      blockSize: this.#ctx.ranges.blockSize,
      overlaid: RangeSet.of(this.#overlaid()),
    };
    return this.#device;
  }
}

/** Nothing is left of a file that was being truncated behind the block with its last byte. */
function cutOff(
  inode: Inode,
  blockSize: number,
  offset: number,
  length: number,
  reach: Reach,
  out: FileRange,
): void {
  const end = Math.ceil(inode.size / blockSize) * blockSize;
  if (out.offset + out.length <= end) return;
  if (out.kind !== RANGE.hole && out.offset < end) {
    out.length = end - out.offset;
    return;
  }
  const from = out.offset;
  out.kind = RANGE.hole;
  out.address = NO_ADDRESS;
  out.length = (reach === 'asked' ? offset + length : LAST_OFFSET - (LAST_OFFSET % blockSize)) - from;
}
