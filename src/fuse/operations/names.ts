import {encodeEntry} from '../attribute-codec.js';
import {OPCODE} from '../opcodes.js';
import {encodeNothing, MISSING, type Operation, operation} from '../operation.js';
import {REPLY_BODY, type RequestSlot} from '../request-slot.js';
import {entryOut} from '../structs/attr.js';
import {linkIn, mkdirIn, mknodIn, rename2In, renameIn} from '../structs/requests.js';

function encodeNewEntry(slot: RequestSlot): number {
  return encodeEntry(slot.replyView, REPLY_BODY, slot.entry, false, slot.types);
}

/** Requests about names in directories. */
export const nameOperations: readonly Operation[] = [
  operation<void>({
    opcode: OPCODE.LOOKUP,
    name: 'LOOKUP',
    bodySize: 0,
    replySize: entryOut.size,
    call: (slot, {fs, entryTimeout, attrTimeout}) => {
      if (!fs.lookup) throw MISSING;
      const name = slot.name(0);
      slot.entry.reset(entryTimeout, attrTimeout);
      return fs.lookup(slot.nodeid, name, slot.entry, slot);
    },
    encode: (slot) => encodeEntry(slot.replyView, REPLY_BODY, slot.entry, true, slot.types),
  }),
  operation<void>({
    opcode: OPCODE.SYMLINK,
    name: 'SYMLINK',
    bodySize: 0,
    replySize: entryOut.size,
    call: (slot, {fs, entryTimeout, attrTimeout}) => {
      if (!fs.symlink) throw MISSING;
      const name = slot.name(0);
      const target = slot.nextName();
      slot.entry.reset(entryTimeout, attrTimeout);
      return fs.symlink(slot.nodeid, name, target, slot.entry, slot);
    },
    encode: encodeNewEntry,
  }),
  operation<void>({
    opcode: OPCODE.MKNOD,
    name: 'MKNOD',
    bodySize: mknodIn.size,
    replySize: entryOut.size,
    call: (slot, {fs, entryTimeout, attrTimeout}) => {
      if (!fs.mknod) throw MISSING;
      const name = slot.name(mknodIn.size);
      const mode = slot.u32(mknodIn.at.mode);
      const rdev = slot.u32(mknodIn.at.rdev);
      const umask = slot.u32(mknodIn.at.umask);
      slot.entry.reset(entryTimeout, attrTimeout);
      return fs.mknod(slot.nodeid, name, mode, rdev, umask, slot.entry, slot);
    },
    encode: encodeNewEntry,
  }),
  operation<void>({
    opcode: OPCODE.MKDIR,
    name: 'MKDIR',
    bodySize: mkdirIn.size,
    replySize: entryOut.size,
    call: (slot, {fs, entryTimeout, attrTimeout}) => {
      if (!fs.mkdir) throw MISSING;
      const name = slot.name(mkdirIn.size);
      slot.entry.reset(entryTimeout, attrTimeout);
      const mode = slot.u32(mkdirIn.at.mode);
      return fs.mkdir(slot.nodeid, name, mode, slot.u32(mkdirIn.at.umask), slot.entry, slot);
    },
    encode: encodeNewEntry,
  }),
  operation<void>({
    opcode: OPCODE.LINK,
    name: 'LINK',
    bodySize: linkIn.size,
    replySize: entryOut.size,
    call: (slot, {fs, entryTimeout, attrTimeout}) => {
      if (!fs.link) throw MISSING;
      const name = slot.name(linkIn.size);
      slot.entry.reset(entryTimeout, attrTimeout);
      return fs.link(slot.id(linkIn.at.oldnodeid), slot.nodeid, name, slot.entry, slot);
    },
    encode: encodeNewEntry,
  }),
  operation<void>({
    opcode: OPCODE.UNLINK,
    name: 'UNLINK',
    bodySize: 0,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.unlink) throw MISSING;
      return fs.unlink(slot.nodeid, slot.name(0), slot);
    },
    encode: encodeNothing,
  }),
  operation<void>({
    opcode: OPCODE.RMDIR,
    name: 'RMDIR',
    bodySize: 0,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.rmdir) throw MISSING;
      return fs.rmdir(slot.nodeid, slot.name(0), slot);
    },
    encode: encodeNothing,
  }),
  operation<void>({
    opcode: OPCODE.RENAME,
    name: 'RENAME',
    bodySize: renameIn.size,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.rename) throw MISSING;
      const name = slot.name(renameIn.size);
      const newName = slot.nextName();
      return fs.rename(slot.nodeid, name, slot.id(renameIn.at.newdir), newName, 0, slot);
    },
    encode: encodeNothing,
  }),
  operation<void>({
    opcode: OPCODE.RENAME2,
    name: 'RENAME2',
    bodySize: rename2In.size,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.rename) throw MISSING;
      const name = slot.name(rename2In.size);
      const newName = slot.nextName();
      const flags = slot.u32(rename2In.at.flags);
      return fs.rename(slot.nodeid, name, slot.id(rename2In.at.newdir), newName, flags, slot);
    },
    encode: encodeNothing,
  }),
];
