import {encodeOpen} from '../attribute-codec.js';
import {failure} from '../failure.js';
import {FOPEN_CACHE_DIR, FOPEN_KEEP_CACHE} from '../flags/fopen-flags.js';
import {FUSE_FSYNC_FDATASYNC} from '../flags/request-flags.js';
import {OPCODE} from '../opcodes.js';
import {encodeNothing, MISSING, type Operation, operation} from '../operation.js';
import {REPLY_BODY, type RequestSlot} from '../request-slot.js';
import {openOut} from '../structs/attr.js';
import {fsyncIn, openIn, readIn, releaseIn} from '../structs/requests.js';
import {readRelease} from './files.js';

const R = readIn.at;

/** Makes room for the listing asked for and returns its size; sets the flags. */
function readListing(slot: RequestSlot): number {
  const size = slot.u32(R.size);
  slot.reserve(size);
  slot.fileFlags = slot.u32(R.flags);
  return size;
}

/** The cookie to go on from. lseek can set any; one that we can't have given is refused. */
function cookie(slot: RequestSlot): number {
  const offset = slot.u64(R.offset);
  if (offset > Number.MAX_SAFE_INTEGER) throw failure('EINVAL');
  return offset;
}

/** Requests about directories and their handles. */
export const directoryOperations: readonly Operation[] = [
  operation<void>({
    opcode: OPCODE.OPENDIR,
    name: 'OPENDIR',
    bodySize: openIn.size,
    replySize: openOut.size,
    call: (slot, {fs, connection}) => {
      slot.open.reset();
      if (!fs.opendir) {
        if (connection?.flags.has('NO_OPENDIR_SUPPORT')) throw MISSING;
        slot.open.flags = FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE;
        return undefined;
      }
      slot.requestFlags = slot.u32(openIn.at.openFlags);
      return fs.opendir(slot.nodeid, slot.u32(openIn.at.flags), slot.open, slot);
    },
    encode: (slot) => encodeOpen(slot.replyView, REPLY_BODY, slot.open),
  }),
  operation<void>({
    opcode: OPCODE.READDIR,
    name: 'READDIR',
    bodySize: readIn.size,
    replySize: 'variable',
    call: (slot, {fs}) => {
      if (!fs.readdir) throw MISSING;
      const fh = slot.id(R.fh);
      const size = readListing(slot);
      slot.dirents.reset(slot.reply, slot.replyView, REPLY_BODY, size);
      return fs.readdir(slot.nodeid, fh, cookie(slot), slot.dirents, slot);
    },
    encode: (slot) => slot.dirents.length,
  }),
  operation<void>({
    opcode: OPCODE.READDIRPLUS,
    name: 'READDIRPLUS',
    bodySize: readIn.size,
    replySize: 'variable',
    call: (slot, {fs, entryTimeout, attrTimeout}) => {
      if (!fs.readdirplus) throw MISSING;
      const fh = slot.id(R.fh);
      const size = readListing(slot);
      slot.direntsPlus.reset(slot.reply, slot.replyView, REPLY_BODY, size, entryTimeout, attrTimeout);
      return fs.readdirplus(slot.nodeid, fh, cookie(slot), slot.direntsPlus, slot);
    },
    encode: (slot) => {
      slot.direntsPlus.finish();
      return slot.direntsPlus.length;
    },
  }),
  operation<void>({
    opcode: OPCODE.RELEASEDIR,
    name: 'RELEASEDIR',
    bodySize: releaseIn.size,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.releasedir) return undefined;
      readRelease(slot);
      return fs.releasedir(slot.nodeid, slot.id(releaseIn.at.fh), slot);
    },
    encode: encodeNothing,
  }),
  operation<void>({
    opcode: OPCODE.FSYNCDIR,
    name: 'FSYNCDIR',
    bodySize: fsyncIn.size,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.fsyncdir) throw MISSING;
      const dataOnly = (slot.u32(fsyncIn.at.fsyncFlags) & FUSE_FSYNC_FDATASYNC) !== 0;
      return fs.fsyncdir(slot.nodeid, slot.id(fsyncIn.at.fh), dataOnly, slot);
    },
    encode: encodeNothing,
  }),
];
