import {entryOut} from '../fuse/structs/attr.js';
import {DIRENTPLUS_HEADER, direntPlusSize, direntSize, direntStruct} from '../fuse/structs/dirent.js';
import {isDots} from './asked.js';
import {type EntryRules, entryFault, isNegative} from './attribute-check.js';
import type {Fault} from './faults.js';
import type {NodeRegister} from './node-register.js';

const D = direntStruct.at;
const SLASH = 0x2f;
/** NAME_MAX: no file system of Linux has longer names. */
const LONGEST_NAME = 255;
const DT_DIR = 4;
/** DT_UNKNOWN, and the kinds of file that there are: FIFO, CHR, DIR, BLK, REG, LNK, SOCK. */
const TYPES: ReadonlySet<number> = new Set([0, 1, 2, DT_DIR, 6, 8, 10, 12]);

/** The attributes of `.` and `..` are not looked at by the kernel; an entry without a node has none. */
const ENTRY: EntryRules = {mayBeAbsent: true, mayBeRoot: false, type: 0};

/** What was found of a listing. */
export interface ListingVerdict {
  readonly fault: Fault | undefined;
  /** Bytes of whole records: what is behind them is the beginning of one, which the kernel leaves alone. */
  readonly whole: number;
}

/** READDIR: records of a struct fuse_dirent and a name. @param at where they begin; @param end where they end */
export function listing(bytes: Uint8Array, view: DataView, at: number, end: number): ListingVerdict {
  let record = at;
  // Ends: each record is 24 bytes at least.
  while (end - record >= direntStruct.size) {
    const length = view.getUint32(record + D.namelen, true);
    if (length === 0 || length > LONGEST_NAME) return {fault: 'entry-name', whole: 0};
    const size = direntSize(length);
    if (size > end - record) break;
    const fault = direntFault(bytes, view, record, length);
    if (fault !== undefined) return {fault, whole: 0};
    record += size;
  }
  return {fault: undefined, whole: record - at};
}

/** READDIRPLUS: the same with a struct fuse_entry_out before each. Sound entries are remembered. */
export function listingPlus(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  nodes: NodeRegister,
): ListingVerdict {
  let record = at;
  // Ends: each record is 152 bytes at least.
  while (end - record >= DIRENTPLUS_HEADER) {
    const dirent = record + entryOut.size;
    const length = view.getUint32(dirent + D.namelen, true);
    if (length === 0 || length > LONGEST_NAME) return {fault: 'entry-name', whole: 0};
    const size = direntPlusSize(length);
    if (size > end - record) break;
    let fault = direntFault(bytes, view, dirent, length);
    const name = dirent + direntStruct.size;
    if (fault === undefined && !isDots(view, name, name + length)) {
      fault = entryFault(view, record, ENTRY, nodes);
    }
    if (fault !== undefined) return {fault, whole: 0};
    record += size;
  }
  return {fault: undefined, whole: record - at};
}

/** A whole struct fuse_dirent and its name. */
function direntFault(bytes: Uint8Array, view: DataView, at: number, length: number): Fault | undefined {
  const name = at + direntStruct.size;
  for (let i = name; i < name + length; i++) {
    // The name is inside the reply.
    const byte = bytes[i] as number;
    if (byte === 0 || byte === SLASH) return 'entry-name';
  }
  const type = view.getUint32(at + D.type, true);
  if (!TYPES.has(type)) return 'entry-type';
  if (type !== 0 && type !== DT_DIR && isDots(view, name, name + length)) return 'entry-type';
  // The kernel's position in the directory, which is signed.
  return isNegative(view, at + D.off) ? 'entry-offset' : undefined;
}
