import {iomapConfigIn, iomapConfigOut} from '../fuse/structs/iomap.js';
import type {IomapVolume} from './driver.js';

/** What the reply says about the file system, as bits: a field counts when its bit is set. */
const CONFIG = {
  ID: 0x01n,
  UUID: 0x02n,
  BLOCKSIZE: 0x04n,
  MAX_LINKS: 0x08n,
  TIME: 0x10n,
  MAXBYTES: 0x20n,
  CACHE_MAXBYTES: 0x40n,
} as const;

/** The reply of the 6th posting ends before cacheMaxbytes. */
const REPLY_SIZE_V6 = iomapConfigOut.at.cacheMaxbytes;
const ID_ROOM = 31;
const UUID_ROOM = 16;
/** The longest file that every block size divides and whose end is still a safe integer. */
const LONGEST_FILE = 2 ** 53 - 2 ** 16;
const SMALLEST_BLOCK = 512;
const LARGEST_BLOCK = 65_536;

/** What the kernel asks by. */
export interface ConfigRequest {
  /** Bits that it understands. */
  readonly flags: bigint;
  /** Longest file it can do. */
  readonly maxbytes: bigint;
  /** Whether it is of the 7th posting or later. */
  readonly knowsCacheLimit: boolean;
}

export function readConfigRequest(view: DataView, at: number): ConfigRequest {
  const flags = view.getBigUint64(at + iomapConfigIn.at.flags, true);
  const limit = view.getUint32(at + iomapConfigIn.at.cacheMaxbytes, true);
  return {
    flags,
    maxbytes: view.getBigUint64(at + iomapConfigIn.at.maxbytes, true),
    knowsCacheLimit: (flags & CONFIG.CACHE_MAXBYTES) !== 0n || limit !== 0,
  };
}

/** @throws RangeError for what the kernel would not take */
export function checkVolume({blockSize, maxBytes, uuid, times, kernelCacheBytes}: IomapVolume): void {
  const isPower = Number.isInteger(blockSize) && Number.isInteger(Math.log2(blockSize));
  if (!isPower || blockSize < SMALLEST_BLOCK || blockSize > LARGEST_BLOCK) {
    throw new RangeError(`a block size of ${blockSize} bytes is none`);
  }
  if (maxBytes !== undefined && !(Number.isSafeInteger(maxBytes) && maxBytes > 0)) {
    throw new RangeError(`files of ${maxBytes} bytes can't be`);
  }
  if (uuid !== undefined && uuid.length > UUID_ROOM)
    throw new RangeError(`a uuid of ${uuid.length} bytes is too long`);
  if (
    kernelCacheBytes !== undefined &&
    !(kernelCacheBytes >>> 0 === kernelCacheBytes && kernelCacheBytes > 0)
  ) {
    throw new RangeError(`a cache of ${kernelCacheBytes} bytes can't be`);
  }
  if (times === undefined) return;
  const {granularityNs, min, max} = times;
  const isRange = Number.isSafeInteger(min) && Number.isSafeInteger(max) && min <= max;
  if (!isRange || !(Number.isInteger(granularityNs) && granularityNs >= 1 && granularityNs <= 1e9)) {
    throw new RangeError(`times from ${min} to ${max} in steps of ${granularityNs} ns can't be`);
  }
}

/** Where the longest file ends, rounded up to a block. */
export function endOfLongest({maxBytes = LONGEST_FILE, blockSize}: IomapVolume): number {
  return Math.ceil(Math.min(maxBytes, LONGEST_FILE) / blockSize) * blockSize;
}

/** An identifier as the kernel's messages show it: cut to what fits, without half a character. */
function idBytes(id: string): Uint8Array {
  const bytes = new Uint8Array(ID_ROOM);
  const {written} = new TextEncoder().encodeInto(id, bytes);
  return bytes.subarray(0, written);
}

/** Writes the reply to IOMAP_CONFIG, with what the kernel understands of it; returns its size. */
export function encodeConfig(
  view: DataView,
  at: number,
  volume: IomapVolume,
  request: ConfigRequest,
): number {
  const {blockSize, id, uuid, maxLinks, times, kernelCacheBytes} = volume;
  const longest = BigInt(Math.min(volume.maxBytes ?? LONGEST_FILE, LONGEST_FILE));
  const maxbytes = Number(request.maxbytes < longest ? request.maxbytes : longest);
  const values: Array<[flag: bigint, values: Parameters<typeof iomapConfigOut.encode>[0]]> = [
    [CONFIG.BLOCKSIZE, {blocksize: blockSize}],
    [CONFIG.MAXBYTES, {maxbytes}],
  ];
  if (id !== undefined) values.push([CONFIG.ID, {id: idBytes(id)}]);
  if (uuid !== undefined) values.push([CONFIG.UUID, {uuid, uuidLength: uuid.length}]);
  if (maxLinks !== undefined) values.push([CONFIG.MAX_LINKS, {maxLinks}]);
  if (times !== undefined) {
    values.push([CONFIG.TIME, {timeGran: times.granularityNs, timeMin: times.min, timeMax: times.max}]);
  }
  if (kernelCacheBytes !== undefined) values.push([CONFIG.CACHE_MAXBYTES, {cacheMaxbytes: kernelCacheBytes}]);

  let flags = 0n;
  let reply: Parameters<typeof iomapConfigOut.encode>[0] = {};
  for (const [flag, fields] of values) {
    if ((request.flags & flag) === 0n) continue;
    flags |= flag;
    reply = {...reply, ...fields};
  }
  const bytes = iomapConfigOut.encode({...reply, flags});
  const size = request.knowsCacheLimit ? iomapConfigOut.size : REPLY_SIZE_V6;
  new Uint8Array(view.buffer, view.byteOffset + at, size).set(bytes.subarray(0, size));
  return size;
}

/** Whether the kernel takes the block size that mappings are aligned to; without, there can be none. */
export function knowsBlockSize(request: ConfigRequest): boolean {
  return (request.flags & CONFIG.BLOCKSIZE) !== 0n;
}
