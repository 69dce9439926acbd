import {failure} from '../failure.js';
import {mustBeBytes} from '../invalid-reply.js';
import {OPCODE} from '../opcodes.js';
import {encodeNothing, MISSING, type Operation, operation} from '../operation.js';
import {REPLY_BODY, type RequestSlot} from '../request-slot.js';
import {getxattrOut} from '../structs/replies.js';
import {getxattrIn, SETXATTR_IN_SHORT, setxattrIn} from '../structs/requests.js';

/** The value or list itself, or only its size when size 0 was asked for. @throws Failure ERANGE when it does not fit. */
function encodeValue(slot: RequestSlot, value: Uint8Array): number {
  mustBeBytes(value);
  const size = slot.u32(getxattrIn.at.size);
  if (size === 0) {
    slot.replyView.setUint32(REPLY_BODY, value.length, true);
    slot.replyView.setUint32(REPLY_BODY + 4, 0, true);
    return getxattrOut.size;
  }
  if (value.length > size) throw failure('ERANGE');
  slot.reserve(value.length);
  slot.putBytes(0, value);
  return value.length;
}

/** Requests about extended attributes. */
export const xattrOperations: readonly Operation[] = [
  operation<void>({
    opcode: OPCODE.SETXATTR,
    name: 'SETXATTR',
    bodySize: SETXATTR_IN_SHORT,
    replySize: 0,
    call: (slot, {fs, connection}) => {
      if (!fs.setxattr) throw MISSING;
      const extended = connection?.flags.has('SETXATTR_EXT') ?? false;
      const name = slot.name(extended ? setxattrIn.size : SETXATTR_IN_SHORT);
      const value = slot.dataAfterName(slot.u32(setxattrIn.at.size));
      // Read after the name, which proved that the longer structure is there.
      if (extended) slot.requestFlags = slot.u32(setxattrIn.at.setxattrFlags);
      return fs.setxattr(slot.nodeid, name, value, slot.u32(setxattrIn.at.flags), slot);
    },
    encode: encodeNothing,
  }),
  operation<Uint8Array>({
    opcode: OPCODE.GETXATTR,
    name: 'GETXATTR',
    bodySize: getxattrIn.size,
    replySize: 'variable',
    call: (slot, {fs}) => {
      if (!fs.getxattr) throw MISSING;
      return fs.getxattr(slot.nodeid, slot.name(getxattrIn.size), slot);
    },
    encode: encodeValue,
  }),
  operation<Uint8Array>({
    opcode: OPCODE.LISTXATTR,
    name: 'LISTXATTR',
    bodySize: getxattrIn.size,
    replySize: 'variable',
    call: (slot, {fs}) => {
      if (!fs.listxattr) throw MISSING;
      return fs.listxattr(slot.nodeid, slot);
    },
    encode: encodeValue,
  }),
  operation<void>({
    opcode: OPCODE.REMOVEXATTR,
    name: 'REMOVEXATTR',
    bodySize: 0,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.removexattr) throw MISSING;
      return fs.removexattr(slot.nodeid, slot.name(0), slot);
    },
    encode: encodeNothing,
  }),
];
