import {failure, InvalidReplyError} from '../fuse/index.js';
import type {DeviceRegistry} from './device-registry.js';
import {MAPPING, MAPPING_FLAG, type Mapping, type MappingPair, NO_ADDRESS, NO_DEVICE} from './mapping.js';
import {isWriteLike, needsBlocks, OP} from './op-flags.js';

/** Addresses are given in sectors at least. */
const SECTOR = 512;
/** The flags that a server may set; the rest is the kernel's. */
const SERVER_FLAGS =
  MAPPING_FLAG.NEW |
  MAPPING_FLAG.DIRTY |
  MAPPING_FLAG.SHARED |
  MAPPING_FLAG.MERGED |
  MAPPING_FLAG.BOUNDARY |
  MAPPING_FLAG.ANON_WRITE |
  MAPPING_FLAG.ATOMIC_BIO |
  MAPPING_FLAG.WANT_IOMAP_END;

/** What answers are held against. */
export interface AnswerLimits {
  readonly blockSize: number;
  /** Where the longest possible file ends, rounded up to a block. */
  readonly end: number;
  readonly devices: DeviceRegistry;
}

/** A driver's defect: the caller gets EIO, and the session's owner is told. */
function invalid(code: string, {offset, length, addr, type, flags, dev}: Mapping): InvalidReplyError {
  return new InvalidReplyError(code, {offset, length, addr, type, flags, dev});
}

/**
 * Holds one slot of an answer against what the kernel checks, so that a mistake is found where it was made: an answer that the
 * kernel does not like is EUCLEAN for the caller and tells nobody why. What reaches past the end of the device, or of the longest possible
 * file, is cut off.
 *
 * @throws InvalidReplyError; Failure EIO when the byte asked for lies beyond the device
 */
function checkSlot(mapping: Mapping, position: number, {blockSize, end, devices}: AnswerLimits): void {
  const {offset, length} = mapping;
  if ((mapping.flags & ~SERVER_FLAGS) !== 0) throw invalid('mapping-flags', mapping);
  if (!Number.isSafeInteger(offset) || !(offset >= 0) || !(length > 0))
    throw invalid('mapping-range', mapping);
  if (!Number.isSafeInteger(offset + length)) throw invalid('mapping-range', mapping);
  if (offset % blockSize !== 0 || length % blockSize !== 0) throw invalid('mapping-alignment', mapping);
  if (mapping.end > end) mapping.length = end - offset;
  switch (mapping.type) {
    case MAPPING.MAPPED:
    case MAPPING.UNWRITTEN: {
      const {addr} = mapping;
      const size = devices.sizeOf(mapping.dev);
      if (size === undefined) throw invalid('mapping-device', mapping);
      if (!Number.isSafeInteger(addr) || addr < 0 || addr % SECTOR !== 0)
        throw invalid('mapping-address', mapping);
      if (addr + mapping.length > size) {
        mapping.length = Math.floor((size - addr) / blockSize) * blockSize;
        if (!mapping.covers(position)) throw failure('EIO');
      }
      break;
    }
    case MAPPING.INLINE:
      if (mapping.length > blockSize) throw invalid('mapping-inline', mapping);
      mapping.addr = NO_ADDRESS;
      mapping.dev = NO_DEVICE;
      break;
    case MAPPING.HOLE:
    case MAPPING.DELALLOC:
      mapping.addr = NO_ADDRESS;
      mapping.dev = NO_DEVICE;
      break;
    default:
      throw invalid('mapping-type', mapping);
  }
  if (!mapping.covers(position)) throw invalid('mapping-elsewhere', mapping);
}

/**
 * Holds mappings for the kernel's cache against what it checks; NOCACHE leaves a tree alone and gets the range of the other.
 * @throws InvalidReplyError
 */
export function checkUpsert({read, write}: MappingPair, limits: AnswerLimits): void {
  if (read.type === MAPPING.NOCACHE) read.set(MAPPING.NOCACHE, write.offset, write.length);
  else checkSlot(read, read.offset, limits);
  if (write.type === MAPPING.NOCACHE) write.set(MAPPING.NOCACHE, read.offset, read.length);
  else if (write.type === MAPPING.PURE_OVERWRITE && read.type !== MAPPING.NOCACHE) {
    write.set(MAPPING.PURE_OVERWRITE, read.offset, read.length);
  } else checkSlot(write, write.offset, limits);
}

/** The slot that an operation works on: where it reads from, or where it writes to. */
export function targetOf({read, write}: MappingPair, op: number): Mapping {
  return isWriteLike(op) && write.type !== MAPPING.PURE_OVERWRITE ? write : read;
}

/**
 * Holds a driver's answer against the rules and makes it what the kernel takes: both slots valid, the write slot in step with the
 * read slot, nothing beyond the device.
 *
 * @throws InvalidReplyError for an answer that breaks a rule; Failure EIO when the byte at `position` is beyond the device
 */
export function checkAnswer(pair: MappingPair, position: number, op: number, limits: AnswerLimits): void {
  const {read, write} = pair;
  checkSlot(read, position, limits);
  if (write.type === MAPPING.PURE_OVERWRITE) write.set(MAPPING.PURE_OVERWRITE, read.offset, read.length);
  else checkSlot(write, position, limits);

  const target = targetOf(pair, op);
  if (target.type === MAPPING.HOLE && needsBlocks(op)) throw invalid('mapping-hole', target);
  if ((op & OP.WRITEBACK) !== 0 && !target.hasAddress) throw invalid('mapping-writeback', target);
  if (target.type === MAPPING.DELALLOC && (op & OP.DIRECT) !== 0 && isWriteLike(op)) {
    throw invalid('mapping-delalloc', target);
  }
}
