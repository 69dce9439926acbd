import {closeSync, openSync, readFileSync, writeSync} from 'node:fs';
import {type BlockSource, FileSource} from '../../src/block/index.js';
import {CRC_START, crc32c} from '../../src/ext4/checksum.js';
import {listBlocks} from '../../src/ext4/journal/block-list.js';
import {ReplayImage} from '../../src/ext4/journal/image.js';
import {openJournal} from '../../src/ext4/journal/location.js';
import {NO_COPIES, OverlaySource} from '../../src/ext4/journal/overlay.js';
import {replayJournal} from '../../src/ext4/journal/replay.js';
import {journalHeader, journalSuperblock} from '../../src/ext4/journal/structs.js';
import {decodeSuperblock, SUPERBLOCK_OFFSET, type Superblock} from '../../src/ext4/superblock.js';
import {viewOf} from '../../src/wire/index.js';
import {differingBlocks, type Workbench} from './dirty-image.js';

export function readSuperblock(source: BlockSource): Superblock {
  const raw = new Uint8Array(1024);
  source.read(raw, 0, raw.length, SUPERBLOCK_OFFSET);
  return decodeSuperblock(raw);
}

export function replayImage(source: BlockSource): ReplayImage {
  const superblock = readSuperblock(source);
  return new ReplayImage(new OverlaySource(source, superblock.blockSize, NO_COPIES), superblock);
}

/** A block of a log that is not a copy. */
export interface LogBlock {
  index: number;
  type: number;
  sequence: number;
}

/** Changes blocks of a journal, as seen from its start. */
export class JournalPatch {
  readonly blockSize: number;
  readonly checksum: number;
  readonly superblock: ReturnType<typeof openJournal>['superblock'];
  readonly #fd: number;
  readonly #file: ReturnType<typeof openJournal>['file'];

  constructor(path: string) {
    this.#fd = openSync(path, 'r+');
    const journal = openJournal(replayImage(new FileSource(this.#fd)));
    this.#file = journal.file;
    this.superblock = journal.superblock;
    this.blockSize = journal.superblock.blockSize;
    this.checksum = journal.superblock.checksum;
  }

  read(index: number): Uint8Array {
    return this.#file.read(index);
  }

  /** @param seal computes the checksum of a descriptor, revoke or commit block, or of the superblock, anew */
  edit(index: number, change: (view: DataView, bytes: Uint8Array) => void, seal = true): void {
    const bytes = this.read(index);
    const view = viewOf(bytes);
    change(view, bytes);
    if (seal && this.checksum >= 2) this.#seal(index, view, bytes);
    writeSync(this.#fd, bytes, 0, bytes.length, this.#file.locate(index) * this.blockSize);
  }

  #seal(index: number, view: DataView, bytes: Uint8Array): void {
    const whole = index === 0 ? journalSuperblock.size : bytes.length;
    const at = index === 0 ? journalSuperblock.at.checksum : view.getUint32(4) === 2 ? 16 : whole - 4;
    view.setUint32(at, 0);
    view.setUint32(at, crc32c(index === 0 ? CRC_START : this.superblock.checksumSeed, bytes, 0, whole));
  }

  /** Descriptor, revoke and commit blocks of the log, from its start on, of any sequence number from the first on. */
  blocks(): LogBlock[] {
    const found: LogBlock[] = [];
    const {first, last, start, sequence} = this.superblock;
    for (let step = 0; step < last - first; step++) {
      const index = first + ((start - first + step) % (last - first));
      const header = journalHeader.read(viewOf(this.read(index)));
      if (header.magic !== 0xc03b3998 || header.sequence < sequence) continue;
      found.push({index, type: header.blockType, sequence: header.sequence});
    }
    return found;
  }

  /** The `nth` block of a type, counted from the end when negative. */
  nth(type: number, nth: number): number {
    return this.blocks()
      .filter((block) => block.type === type)
      .at(nth)!.index;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/**
 * Blocks that differ between the replay and an image that the kernel recovered, apart from the superblock and the
 * journal itself; `stale` are those that differ without the replay. Fails when the image was written to.
 */
export function compareReplay(path: string, recovered: string) {
  const before = readFileSync(path);
  const ours = openSync(path, 'r');
  const theirs = openSync(recovered, 'r');
  try {
    const image = new FileSource(ours);
    const superblock = readSuperblock(image);
    const {source, report} = replayJournal(image, superblock);
    const view = replayImage(source);
    const journal = listBlocks(view, view.inode(superblock.journalInode)).runs;
    const superblockAt = superblock.blockSize === 1024 ? 1 : 0;
    const counts = (block: number): boolean =>
      block !== superblockAt && !journal.some((run) => block >= run.disk && block < run.disk + run.count);
    const kernel = new FileSource(theirs);
    const different = differingBlocks(source, kernel, superblock.blockSize).filter(counts);
    const stale = differingBlocks(image, kernel, superblock.blockSize).filter(counts);
    if (!readFileSync(path).equals(before)) throw new Error('the image was written to');
    return {different, stale, report};
  } finally {
    closeSync(ours);
    closeSync(theirs);
  }
}

/**
 * What came of a replay: the kernel's and ours, `refused` or the blocks that differ; `recovered` is the image after the
 * kernel's.
 */
export function outcomes(bench: Workbench, path: string): {kernel: string; ours: string; recovered?: string} {
  const recovered = bench.recovered(path);
  if (recovered !== undefined) {
    const {different, report} = compareReplay(path, recovered);
    const state = `replayed ${report.replayed}`;
    const ours = different.length === 0 ? state : `blocks ${different.join(' ')} differ`;
    return {kernel: state, ours, recovered};
  }
  const fd = openSync(path, 'r');
  try {
    const image = new FileSource(fd);
    const {report} = replayJournal(image, readSuperblock(image));
    return {kernel: 'refused', ours: `replayed up to ${report.endSequence}`};
  } catch (error) {
    const {name, errno, code} = error as {name: string; errno?: string; code?: string};
    if (errno === undefined) throw error;
    return {kernel: 'refused', ours: `refused`.concat(code === undefined ? ` by ${name}` : '')};
  } finally {
    closeSync(fd);
  }
}

/** A source of bytes in memory, which may change between reads. */
export function memory(bytes: Buffer): BlockSource {
  return {
    size: bytes.length,
    read(target, offset, length, position) {
      const part = bytes.subarray(position, Math.max(position, Math.min(position + length, bytes.length)));
      target.set(part, offset);
      return part.length;
    },
  };
}

/** Small numbers that are the same in each run (xorshift32). */
export function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
