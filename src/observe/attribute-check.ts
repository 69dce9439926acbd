import {hasFileType} from '../fuse/index.js';
import {attrOut, attrStruct, entryOut, openOut} from '../fuse/structs/attr.js';
import {statxOut} from '../fuse/structs/replies.js';
import type {Asked} from './asked.js';
import type {Fault} from './faults.js';
import type {NodeRegister} from './node-register.js';

const A = attrStruct.at;
const E = entryOut.at;
const X = statxOut.at;
const SECOND_NS = 1_000_000_000;
const TYPE_MASK = 0o170000;
const REGULAR = 0o100000;
/** Upper half of a 64-bit number from which on it is negative for the kernel. */
const NEGATIVE = 0x80000000;
/** STATX_TYPE and STATX_SIZE of statx(2). */
const STATX_TYPE = 1;
const STATX_SIZE = 0x200;
/**
 * FOPEN_* up to PARALLEL_DIRECT_WRITES. PASSTHROUGH names a file that was registered by an ioctl on the device, which a server
 * behind a relay has not got.
 */
const OPEN_FLAGS = 0x7f;

/** Whether a signed 64-bit number at `at` is below 0 for the kernel. */
export function isNegative(view: DataView, at: number): boolean {
  return view.getUint32(at + 4, true) >= NEGATIVE;
}

/** What every struct fuse_attr has to be. @param at offset of the struct, which is whole */
export function attrFault(view: DataView, at: number): Fault | undefined {
  if (!hasFileType(view.getUint32(at + A.mode, true))) return 'mode';
  if (isNegative(view, at + A.size)) return 'file-size';
  const sound =
    view.getUint32(at + A.atimensec, true) < SECOND_NS &&
    view.getUint32(at + A.mtimensec, true) < SECOND_NS &&
    view.getUint32(at + A.ctimensec, true) < SECOND_NS;
  return sound ? undefined : 'nanoseconds';
}

/** A struct fuse_attr_out about the node that was asked for. */
export function attrOutFault(
  view: DataView,
  at: number,
  {nodeLow, nodeHigh}: Asked,
  nodes: NodeRegister,
): Fault | undefined {
  if (view.getUint32(at + attrOut.at.attrValidNsec, true) >= SECOND_NS) return 'nanoseconds';
  const attr = at + attrOut.at.attr;
  const fault = attrFault(view, attr);
  if (fault !== undefined) return fault;
  const mode = view.getUint32(attr + A.mode, true);
  return isSameNode(nodes, nodeLow, nodeHigh, mode) ? undefined : 'node-type';
}

/** The root comes with no entry: what is told of it first counts. */
function isSameNode(nodes: NodeRegister, low: number, high: number, mode: number): boolean {
  return isRoot(low, high) ? nodes.entry(low, high, 0, mode) : nodes.attributes(low, high, mode);
}

function isRoot(low: number, high: number): boolean {
  return low === 1 && high === 0;
}

/** What may be at the place of a struct fuse_entry_out. */
export interface EntryRules {
  /** No node: a name that is known not to exist, or an entry without attributes. */
  readonly mayBeAbsent: boolean;
  /** The root may be meant: `.` and `..`. */
  readonly mayBeRoot: boolean;
  /** Type bits that it must have; 0 for any. */
  readonly type: number;
}

/** A struct fuse_entry_out. One that is sound is remembered. */
export function entryFault(
  view: DataView,
  at: number,
  rules: EntryRules,
  nodes: NodeRegister,
): Fault | undefined {
  const low = view.getUint32(at + E.nodeid, true);
  const high = view.getUint32(at + E.nodeid + 4, true);
  if (low === 0 && high === 0) {
    if (!rules.mayBeAbsent) return 'node-zero';
    // The kernel keeps it for so long; it reads nothing else.
    return view.getUint32(at + E.entryValidNsec, true) < SECOND_NS ? undefined : 'nanoseconds';
  }
  if (isRoot(low, high) && !rules.mayBeRoot) return 'node-root';
  if (view.getUint32(at + E.entryValidNsec, true) >= SECOND_NS) return 'nanoseconds';
  if (view.getUint32(at + E.attrValidNsec, true) >= SECOND_NS) return 'nanoseconds';
  const attr = at + E.attr;
  const fault = attrFault(view, attr);
  if (fault !== undefined) return fault;
  const mode = view.getUint32(attr + A.mode, true);
  if (rules.type !== 0 && (mode & TYPE_MASK) !== rules.type) return 'mode';
  const generation = view.getUint32(at + E.generation, true) ^ view.getUint32(at + E.generation + 4, true);
  // The kernel takes the root to be of no generation, whatever is said.
  const known = isRoot(low, high) ? 0 : generation;
  return nodes.entry(low, high, known, mode) ? undefined : 'node-type';
}

/** A struct fuse_open_out. */
export function openFault(view: DataView, at: number): Fault | undefined {
  const flags = view.getUint32(at + openOut.at.openFlags, true);
  return (flags & ~OPEN_FLAGS) === 0 ? undefined : 'open-flags';
}

const CREATED: EntryRules = {mayBeAbsent: false, mayBeRoot: false, type: REGULAR};

/** CREATE and TMPFILE: an entry of a regular file, then the open file. */
export function createFault(view: DataView, at: number, nodes: NodeRegister): Fault | undefined {
  return openFault(view, at + entryOut.size) ?? entryFault(view, at, CREATED, nodes);
}

/** A struct fuse_statx_out: what its mask says that there is. */
export function statxFault(
  view: DataView,
  at: number,
  {nodeLow, nodeHigh}: Asked,
  nodes: NodeRegister,
): Fault | undefined {
  const mask = view.getUint32(at + X.mask, true);
  if ((mask & STATX_SIZE) !== 0 && isNegative(view, at + X.size)) return 'file-size';
  for (const nanoseconds of [X.attrValidNsec, X.atimensec, X.btimensec, X.ctimensec, X.mtimensec]) {
    if (view.getUint32(at + nanoseconds, true) >= SECOND_NS) return 'nanoseconds';
  }
  if ((mask & STATX_TYPE) === 0) return undefined;
  const mode = view.getUint16(at + X.mode, true);
  if (!hasFileType(mode)) return 'mode';
  return isSameNode(nodes, nodeLow, nodeHigh, mode) ? undefined : 'node-type';
}
