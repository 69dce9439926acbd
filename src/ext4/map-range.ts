import type {BlockMap, Run} from './block-map.js';
import {Ext4Error} from './errors.js';
import {END_OF_MAP} from './extent-tree.js';
import type {Inode} from './inode.js';
import {RUN} from './map-node.js';

/**
 * What a range of a file is.
 *
 * - `hole`: nothing is stored, reads as zeros; also everything that follows the last block of the map;
 * - `written`: data, at `address` on the device;
 * - `unwritten`: space at `address` that is set aside and reads as zeros;
 * - `inline`: data in the inode itself;
 * - `overlaid`: data whose newest content is in the journal or in memory and not at its place on the device yet.
 */
export const RANGE = {
  hole: RUN.hole,
  written: RUN.written,
  unwritten: RUN.unwritten,
  inline: 3,
  overlaid: 4,
} as const;

/** The address of what has none. */
export const NO_ADDRESS = -1;

/** The largest offset that a mapping may end at, 2^53 - 1. */
export const LAST_OFFSET = Number.MAX_SAFE_INTEGER;

/** A range of a file that is all alike, and in one piece where it has a place on the device. Filled by `mapRange`. */
export interface FileRange {
  /** One of RANGE. */
  kind: number;
  /** First byte in the file. */
  offset: number;
  /** Bytes, at least 1. */
  length: number;
  /** Byte of the device where `offset` lies; NO_ADDRESS for holes, inline and overlaid data. */
  address: number;
  /** Runs of the block map that were looked at for it. */
  runs: number;
}

/** A range to be filled. */
export function newFileRange(): FileRange {
  return {kind: RANGE.hole, offset: 0, length: 0, address: NO_ADDRESS, runs: 0};
}

/**
 * How much a mapping tells:
 *
 * - `asked`: the bytes that were asked for, or the first of them that are alike;
 * - `piece`: from the first byte on what the map has in one piece there, without a look at the next one;
 * - `far`: whole blocks from the one with the first byte on, as long as they are alike, beyond what was asked for and beyond
 *   the end of the file.
 */
export type Reach = 'asked' | 'piece' | 'far';

/** For one answer at most: runs looked at (8 TiB of the longest extents), and bytes of map decoded. */
const MAX_RUNS = 1 << 16;
const MAX_WORK = 1 << 24;

/**
 * Where the bytes of files with a block map lie: extents and indirect blocks as ranges of bytes. Neighbours in the file that are
 * neighbours on disk, too, are one range, whichever nodes they come from. Reading, lseek(2), bmap, and what is reported to the
 * kernel all ask here.
 */
export class RangeMapper {
  readonly blockSize: number;
  readonly #map: BlockMap;
  readonly #run: Run = {state: RUN.hole, physical: 0, length: 0};
  /** The file and block of which `#run` tells since the last range ended before it: the next question mostly is for that. */
  #aheadOf: Inode | undefined;
  #aheadAt = 0;

  constructor(map: BlockMap, blockSize: number) {
    this.#map = map;
    this.blockSize = blockSize;
  }

  /** Bytes of map decoded so far, for all files. */
  get work(): number {
    return this.#map.work;
  }

  /**
   * Fills `out` with what the file has at `offset`. It may be shorter than it could be where the map is of very many
   * pieces, and always covers `offset`.
   * @param offset 0 or more. @param length at least 1; `offset + length` is at most LAST_OFFSET.
   * @throws CorruptError, ChecksumError from damaged nodes over `offset`; damage further on only ends the range before it.
   */
  mapRange(inode: Inode, offset: number, length: number, reach: Reach, out: FileRange): void {
    const {blockSize} = this;
    const run = this.#run;
    const first = Math.floor(offset / blockSize);
    if (inode !== this.#aheadOf || first !== this.#aheadAt) this.#map.find(inode, first, run);
    this.#aheadOf = undefined;
    const {state, physical} = run;
    let blocks = run.length;
    out.runs = 1;
    const limit = reach === 'asked' ? offset + length : LAST_OFFSET - (LAST_OFFSET % blockSize);
    if (reach !== 'piece' && (first + blocks) * blockSize < limit) {
      const last = Math.min(END_OF_MAP, Math.ceil(limit / blockSize));
      blocks = this.#further(inode, first, state, physical, blocks, last, out);
    }
    const start = reach === 'far' ? first * blockSize : offset;
    // Behind the last block there can be is more of the same hole.
    const until = first + blocks >= END_OF_MAP ? limit : Math.min(limit, (first + blocks) * blockSize);
    out.kind = state;
    out.offset = start;
    out.length = until - start;
    out.address = state === RUN.hole ? NO_ADDRESS : physical * blockSize + (start - first * blockSize);
  }

  /** How many blocks from `first` on are alike and in one piece; `blocks` are known to be, and none from `last` on matters. */
  #further(
    inode: Inode,
    first: number,
    state: number,
    physical: number,
    blocks: number,
    last: number,
    out: FileRange,
  ): number {
    const run = this.#run;
    const start = this.#map.work;
    try {
      // Ends: a run has at least one block.
      while (first + blocks < last && out.runs < MAX_RUNS && this.#map.work - start <= MAX_WORK) {
        this.#map.find(inode, first + blocks, run);
        out.runs++;
        if (run.state !== state || (state !== RUN.hole && run.physical !== physical + blocks)) {
          this.#aheadOf = inode;
          this.#aheadAt = first + blocks;
          break;
        }
        blocks += run.length;
      }
    } catch (error) {
      // Whoever asks for what lies there is told.
      if (!(error instanceof Ext4Error)) throw error;
    }
    return blocks;
  }
}
