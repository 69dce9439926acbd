import {encodeAttrReply} from '../attribute-codec.js';
import {failure} from '../failure.js';
import {FUSE_GETATTR_FH} from '../flags/request-flags.js';
import {
  FATTR_ATIME,
  FATTR_CTIME,
  FATTR_FH,
  FATTR_GID,
  FATTR_LOCKOWNER,
  FATTR_MODE,
  FATTR_MTIME,
  FATTR_SIZE,
  FATTR_UID,
} from '../flags/setattr-flags.js';
import {InvalidReplyError, mustBeBytes} from '../invalid-reply.js';
import {OPCODE} from '../opcodes.js';
import {encodeNothing, MISSING, type Operation, operation} from '../operation.js';
import {REPLY_BODY, type RequestSlot} from '../request-slot.js';
import {encodeStatx} from '../statx-codec.js';
import {attrOut} from '../structs/attr.js';
import {statxOut} from '../structs/replies.js';
import {accessIn, getattrIn, setattrIn, statxIn} from '../structs/requests.js';

/** Longest symbolic link target: PATH_MAX with its NUL fits one page. */
const LONGEST_TARGET = 4095;
const S = setattrIn.at;

function encodeAttributes(slot: RequestSlot): number {
  return encodeAttrReply(slot.replyView, REPLY_BODY, slot.attr, slot.nodeid, slot.types);
}

function readChanges(slot: RequestSlot): void {
  const changes = slot.changes;
  const valid = slot.u32(S.valid);
  changes.valid = valid;
  changes.fh = (valid & FATTR_FH) !== 0 ? slot.id(S.fh) : 0;
  changes.size = (valid & FATTR_SIZE) !== 0 ? slot.u64(S.size) : 0;
  if (changes.size > Number.MAX_SAFE_INTEGER) throw failure('EFBIG');
  const atime = (valid & FATTR_ATIME) !== 0;
  const mtime = (valid & FATTR_MTIME) !== 0;
  const ctime = (valid & FATTR_CTIME) !== 0;
  changes.atime = atime ? slot.seconds(S.atime) : 0;
  changes.mtime = mtime ? slot.seconds(S.mtime) : 0;
  changes.ctime = ctime ? slot.seconds(S.ctime) : 0;
  changes.atimensec = atime ? slot.u32(S.atimensec) : 0;
  changes.mtimensec = mtime ? slot.u32(S.mtimensec) : 0;
  changes.ctimensec = ctime ? slot.u32(S.ctimensec) : 0;
  changes.mode = (valid & FATTR_MODE) !== 0 ? slot.u32(S.mode) : 0;
  changes.uid = (valid & FATTR_UID) !== 0 ? slot.u32(S.uid) : 0;
  changes.gid = (valid & FATTR_GID) !== 0 ? slot.u32(S.gid) : 0;
  if ((valid & FATTR_LOCKOWNER) !== 0) slot.hasLockOwner(S.lockOwner);
}

/** Requests about what stat shows, and about symbolic links. */
export const attributeOperations: readonly Operation[] = [
  operation<void>({
    opcode: OPCODE.GETATTR,
    name: 'GETATTR',
    bodySize: getattrIn.size,
    replySize: attrOut.size,
    call: (slot, {fs, attrTimeout}) => {
      if (!fs.getattr) throw MISSING;
      const fh =
        (slot.u32(getattrIn.at.flags) & FUSE_GETATTR_FH) !== 0 ? slot.id(getattrIn.at.fh) : undefined;
      slot.attr.reset(attrTimeout);
      return fs.getattr(slot.nodeid, fh, slot.attr, slot);
    },
    encode: encodeAttributes,
  }),
  operation<void>({
    opcode: OPCODE.SETATTR,
    name: 'SETATTR',
    bodySize: setattrIn.size,
    replySize: attrOut.size,
    call: (slot, {fs, attrTimeout}) => {
      if (!fs.setattr) throw MISSING;
      readChanges(slot);
      slot.attr.reset(attrTimeout);
      return fs.setattr(slot.nodeid, slot.changes, slot.attr, slot);
    },
    encode: encodeAttributes,
  }),
  operation<void>({
    opcode: OPCODE.STATX,
    name: 'STATX',
    bodySize: statxIn.size,
    replySize: statxOut.size,
    call: (slot, {fs, attrTimeout}) => {
      if (!fs.statx) throw MISSING;
      const fh =
        (slot.u32(statxIn.at.getattrFlags) & FUSE_GETATTR_FH) !== 0 ? slot.id(statxIn.at.fh) : undefined;
      slot.statx.reset(attrTimeout);
      const mask = slot.u32(statxIn.at.sxMask);
      return fs.statx(slot.nodeid, fh, mask, slot.u32(statxIn.at.sxFlags), slot.statx, slot);
    },
    encode: (slot) => encodeStatx(slot.replyView, REPLY_BODY, slot.statx, slot.nodeid, slot.types),
  }),
  operation<Uint8Array>({
    opcode: OPCODE.READLINK,
    name: 'READLINK',
    bodySize: 0,
    replySize: 'variable',
    call: (slot, {fs}) => {
      if (!fs.readlink) throw MISSING;
      return fs.readlink(slot.nodeid, slot);
    },
    encode: (slot, target) => {
      mustBeBytes(target);
      if (target.length === 0 || target.length > LONGEST_TARGET) {
        throw new InvalidReplyError('readlink-length', {length: target.length});
      }
      if (target.includes(0)) throw new InvalidReplyError('readlink-nul', {at: target.indexOf(0)});
      slot.reserve(target.length);
      slot.putBytes(0, target);
      return target.length;
    },
  }),
  operation<void>({
    opcode: OPCODE.ACCESS,
    name: 'ACCESS',
    bodySize: accessIn.size,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.access) throw MISSING;
      return fs.access(slot.nodeid, slot.u32(accessIn.at.mask), slot);
    },
    encode: encodeNothing,
  }),
];
