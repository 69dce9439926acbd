import type {BlockSource} from '../block/index.js';
import {bytes, pad, struct, u16, u32, u64, viewOf} from '../wire/index.js';
import {crc32c} from './checksum.js';
import {ChecksumError, CorruptError, RequestError} from './errors.js';
import type {Superblock} from './superblock.js';

/**
 * Multiple mount protection: whoever writes to the file system bumps a counter in one block every few seconds, so
 * that another machine that sees the same disk notices. Facts: Linux fs/ext4/mmp.c.
 *
 * The kernel looks at it for writable mounts only. A reader would show torn data while someone writes, so it
 * looks here for each mount; it never takes the block for itself.
 */

const MMP_MAGIC = 0x004d4d50;
/** Nobody has it. */
const SEQ_CLEAN = 0xff4d4d50;
/** e2fsck has it, which does not count up. */
const SEQ_FSCK = 0xe24d4d50;
/** Seconds; the kernel takes a shorter interval for this one. */
const MIN_CHECK_INTERVAL = 5;

const mmpLayout = struct('mmp_struct', 'le', 1024, {
  magic: u32,
  sequence: u32,
  /** Seconds since 1970 of the last update. */
  time: u64,
  nodeName: bytes(64),
  deviceName: bytes(32),
  /** Seconds after which the counter has changed at the latest. */
  checkInterval: u16,
  reserved: pad(906),
  checksum: u32,
});

/** What the MMP block says. Names are as written by the other machine, without trailing zeros, one character a byte. */
export interface MmpBlock {
  readonly sequence: number;
  readonly nodeName: string;
  readonly deviceName: string;
  /** Seconds to wait before a counter that stays the same proves that nobody is there. */
  readonly waitSeconds: number;
}

export interface MmpOptions {
  /** Waits that many milliseconds; without it an active counter refuses at once. */
  sleep?: ((ms: number) => void) | undefined;
  /** Longest wait accepted, in milliseconds; a block that asks for more refuses at once. Default: one minute. */
  maxWaitMs?: number | undefined;
  /** Reads past any cache, else the second look would see the first again; default: reads the source. */
  fresh?: BlockSource['read'] | undefined;
}

/**
 * Refuses an image that another system may be writing to.
 * @throws RequestError EBUSY `mmp-fsck` or `mmp-in-use`, CorruptError or ChecksumError for a block that can't be
 */
export function checkMmp(source: BlockSource, superblock: Superblock, options: MmpOptions = {}): void {
  if (!superblock.features.mmp) return;
  const read = options.fresh ?? source.read.bind(source);
  const first = readMmpBlock(read, superblock);
  if (first.sequence === SEQ_CLEAN) return;
  if (first.sequence === SEQ_FSCK) throw busy('mmp-fsck', first);
  const waitMs = first.waitSeconds * 1000;
  if (options.sleep === undefined || waitMs > (options.maxWaitMs ?? 60_000)) throw busy('mmp-in-use', first);
  options.sleep(waitMs);
  const second = readMmpBlock(read, superblock);
  if (second.sequence !== first.sequence) throw busy('mmp-in-use', second);
}

/** Reads and checks the block that s_mmp_block names. @throws CorruptError, ChecksumError */
export function readMmpBlock(read: BlockSource['read'], superblock: Superblock): MmpBlock {
  const block = superblock.mmpBlock;
  if (block < BigInt(superblock.firstDataBlock) || block >= BigInt(superblock.blocksCount)) {
    throw new CorruptError('mmp-block', {block, blocks: superblock.blocksCount});
  }
  const raw = new Uint8Array(mmpLayout.size);
  // Below blocksCount, so its position is a safe integer.
  if (read(raw, 0, raw.length, Number(block) * superblock.blockSize) !== raw.length) {
    throw new CorruptError('mmp-block', {block, blocks: superblock.blocksCount});
  }
  const view = viewOf(raw);
  const magic = view.getUint32(mmpLayout.at.magic, true);
  if (magic !== MMP_MAGIC) throw new CorruptError('mmp-magic', {block, magic});
  if (superblock.features.metadataCsum) {
    const stored = view.getUint32(mmpLayout.at.checksum, true);
    const computed = crc32c(superblock.checksumSeed, raw, 0, mmpLayout.at.checksum);
    if (stored !== computed) throw new ChecksumError('mmp-checksum', {block, stored, computed});
  }
  const interval = Math.max(
    superblock.mmpInterval,
    MIN_CHECK_INTERVAL,
    view.getUint16(mmpLayout.at.checkInterval, true),
  );
  return {
    sequence: view.getUint32(mmpLayout.at.sequence, true),
    nodeName: text(raw, mmpLayout.at.nodeName, 64),
    deviceName: text(raw, mmpLayout.at.deviceName, 32),
    waitSeconds: Math.min(interval * 2 + 1, interval + 60),
  };
}

function busy(code: string, mmp: MmpBlock): RequestError {
  const {sequence, nodeName, deviceName, waitSeconds} = mmp;
  return new RequestError('EBUSY', code, {sequence, nodeName, deviceName, waitSeconds});
}

function text(raw: Uint8Array, at: number, length: number): string {
  const bytes = raw.subarray(at, at + length);
  const zero = bytes.indexOf(0);
  // Only what prints: the text ends up in logs and on terminals.
  return String.fromCharCode(...(zero < 0 ? bytes : bytes.subarray(0, zero))).replace(/[^\x20-\x7e]/g, '?');
}
