import {encodeEntry, encodeOpen, putQuantity} from '../attribute-codec.js';
import {failure} from '../failure.js';
import {FOPEN_KEEP_CACHE} from '../flags/fopen-flags.js';
import {
  FUSE_FSYNC_FDATASYNC,
  FUSE_READ_LOCKOWNER,
  FUSE_RELEASE_FLOCK_UNLOCK,
  FUSE_WRITE_LOCKOWNER,
} from '../flags/request-flags.js';
import {InvalidReplyError} from '../invalid-reply.js';
import {OPCODE} from '../opcodes.js';
import {encodeNothing, MISSING, type Operation, operation} from '../operation.js';
import {REPLY_BODY, type RequestSlot} from '../request-slot.js';
import {entryOut, openOut} from '../structs/attr.js';
import {statfsOut, writeOut} from '../structs/replies.js';
import {createIn, flushIn, fsyncIn, openIn, readIn, releaseIn, writeIn} from '../structs/requests.js';

const R = readIn.at;
const W = writeIn.at;
const C = createIn.at;

function encodeOpened(slot: RequestSlot): number {
  return encodeOpen(slot.replyView, REPLY_BODY, slot.open);
}

function encodeCreated(slot: RequestSlot): number {
  encodeEntry(slot.replyView, REPLY_BODY, slot.entry, false, slot.types);
  encodeOpen(slot.replyView, REPLY_BODY + entryOut.size, slot.open);
  return entryOut.size + openOut.size;
}

/** Writes a fuse_write_out; `written` may be at most what was asked for. */
export function encodeWritten(slot: RequestSlot, written: number, asked: number): number {
  if (!Number.isInteger(written) || written < 0 || written > asked) {
    throw new InvalidReplyError('written', {written, asked});
  }
  slot.replyView.setUint32(REPLY_BODY, written, true);
  slot.replyView.setUint32(REPLY_BODY + 4, 0, true);
  return writeOut.size;
}

/** Requests about regular files and their handles. */
export const fileOperations: readonly Operation[] = [
  operation<void>({
    opcode: OPCODE.OPEN,
    name: 'OPEN',
    bodySize: openIn.size,
    replySize: openOut.size,
    call: (slot, {fs, connection}) => {
      slot.open.reset();
      if (!fs.open) {
        if (connection?.flags.has('NO_OPEN_SUPPORT')) throw MISSING;
        slot.open.flags = FOPEN_KEEP_CACHE;
        return undefined;
      }
      slot.requestFlags = slot.u32(openIn.at.openFlags);
      return fs.open(slot.nodeid, slot.u32(openIn.at.flags), slot.open, slot);
    },
    encode: encodeOpened,
  }),
  operation<void>({
    opcode: OPCODE.CREATE,
    name: 'CREATE',
    bodySize: createIn.size,
    replySize: entryOut.size + openOut.size,
    call: (slot, {fs, entryTimeout, attrTimeout}) => {
      if (!fs.create) throw MISSING;
      const name = slot.name(createIn.size);
      slot.entry.reset(entryTimeout, attrTimeout);
      slot.open.reset();
      slot.requestFlags = slot.u32(C.openFlags);
      const mode = slot.u32(C.mode);
      const umask = slot.u32(C.umask);
      return fs.create(slot.nodeid, name, mode, umask, slot.u32(C.flags), slot.entry, slot.open, slot);
    },
    encode: encodeCreated,
  }),
  operation<void>({
    opcode: OPCODE.TMPFILE,
    name: 'TMPFILE',
    bodySize: createIn.size,
    replySize: entryOut.size + openOut.size,
    call: (slot, {fs, entryTimeout, attrTimeout}) => {
      if (!fs.tmpfile) throw MISSING;
      slot.entry.reset(entryTimeout, attrTimeout);
      slot.open.reset();
      slot.requestFlags = slot.u32(C.openFlags);
      const mode = slot.u32(C.mode);
      return fs.tmpfile(slot.nodeid, mode, slot.u32(C.umask), slot.u32(C.flags), slot.entry, slot.open, slot);
    },
    encode: encodeCreated,
  }),
  operation<number>({
    opcode: OPCODE.READ,
    name: 'READ',
    bodySize: readIn.size,
    replySize: 'variable',
    call: (slot, {fs}) => {
      if (!fs.read) throw MISSING;
      const fh = slot.id(R.fh);
      const offset = slot.u64(R.offset);
      const size = slot.u32(R.size);
      slot.requestFlags = slot.u32(R.readFlags);
      slot.fileFlags = slot.u32(R.flags);
      if ((slot.requestFlags & FUSE_READ_LOCKOWNER) !== 0) slot.hasLockOwner(R.lockOwner);
      const target = slot.replyTarget(size);
      // No file is longer than 2^53 - 1 bytes here, so this is past its end.
      if (offset > Number.MAX_SAFE_INTEGER - size) return 0;
      return fs.read(slot.nodeid, fh, offset, target, slot);
    },
    encode: (slot, length) => {
      const size = slot.u32(R.size);
      if (!Number.isInteger(length) || length < 0 || length > size) {
        throw new InvalidReplyError('read-length', {length, size});
      }
      return length;
    },
  }),
  operation<number>({
    opcode: OPCODE.WRITE,
    name: 'WRITE',
    bodySize: writeIn.size,
    replySize: writeOut.size,
    call: (slot, {fs}) => {
      if (!fs.write) throw MISSING;
      const fh = slot.id(W.fh);
      const offset = slot.u64(W.offset);
      const data = slot.dataAt(writeIn.size, slot.u32(W.size));
      slot.requestFlags = slot.u32(W.writeFlags);
      slot.fileFlags = slot.u32(W.flags);
      if ((slot.requestFlags & FUSE_WRITE_LOCKOWNER) !== 0) slot.hasLockOwner(W.lockOwner);
      if (offset > Number.MAX_SAFE_INTEGER - data.length) throw failure('EFBIG');
      return fs.write(slot.nodeid, fh, offset, data, slot);
    },
    encode: (slot, written) => encodeWritten(slot, written, slot.u32(W.size)),
  }),
  operation<void>({
    opcode: OPCODE.RELEASE,
    name: 'RELEASE',
    bodySize: releaseIn.size,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.release) return undefined;
      readRelease(slot);
      return fs.release(slot.nodeid, slot.id(releaseIn.at.fh), slot);
    },
    encode: encodeNothing,
  }),
  operation<void>({
    opcode: OPCODE.FLUSH,
    name: 'FLUSH',
    bodySize: flushIn.size,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.flush) throw MISSING;
      slot.hasLockOwner(flushIn.at.lockOwner);
      return fs.flush(slot.nodeid, slot.id(flushIn.at.fh), slot);
    },
    encode: encodeNothing,
  }),
  operation<void>({
    opcode: OPCODE.FSYNC,
    name: 'FSYNC',
    bodySize: fsyncIn.size,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.fsync) throw MISSING;
      const dataOnly = (slot.u32(fsyncIn.at.fsyncFlags) & FUSE_FSYNC_FDATASYNC) !== 0;
      return fs.fsync(slot.nodeid, slot.id(fsyncIn.at.fh), dataOnly, slot);
    },
    encode: encodeNothing,
  }),
  operation<void>({
    opcode: OPCODE.STATFS,
    name: 'STATFS',
    bodySize: 0,
    replySize: statfsOut.size,
    call: (slot, {fs}) => {
      slot.statfs.reset();
      return fs.statfs?.(slot.nodeid, slot.statfs, slot);
    },
    encode: encodeStatfs,
  }),
];

/** Takes over the flags of RELEASE and RELEASEDIR. */
export function readRelease(slot: RequestSlot): void {
  slot.fileFlags = slot.u32(releaseIn.at.flags);
  slot.requestFlags = slot.u32(releaseIn.at.releaseFlags);
  if ((slot.requestFlags & FUSE_RELEASE_FLOCK_UNLOCK) !== 0) slot.hasLockOwner(releaseIn.at.lockOwner);
}

function encodeStatfs(slot: RequestSlot): number {
  const {statfs} = slot;
  for (const name of ['blocks', 'bfree', 'bavail', 'files', 'ffree'] as const) {
    putQuantity(slot.replyView, REPLY_BODY + statfsOut.at[name], statfs[name], `statfs-${name}`);
  }
  for (const name of ['bsize', 'namelen', 'frsize'] as const) {
    if (statfs[name] >>> 0 !== statfs[name]) {
      throw new InvalidReplyError(`statfs-${name}`, {value: statfs[name]});
    }
    slot.replyView.setUint32(REPLY_BODY + statfsOut.at[name], statfs[name], true);
  }
  slot.reply.fill(0, REPLY_BODY + statfsOut.at.padding, REPLY_BODY + statfsOut.size);
  return statfsOut.size;
}
