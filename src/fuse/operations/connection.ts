import {failure} from '../failure.js';
import {OPCODE} from '../opcodes.js';
import {encodeNothing, MISSING, type Operation, operation} from '../operation.js';
import type {RequestSlot} from '../request-slot.js';
import {initOut} from '../structs/init.js';
import {batchForgetIn, forgetIn, forgetOne, interruptIn, notifyRetrieveIn} from '../structs/requests.js';

const TWO_32 = 2 ** 32;

/** A count of lookups; one that is no safe integer can't be ours and is as good as all of them. */
function lookups(slot: RequestSlot, at: number): number {
  return Math.min(slot.u64(at), Number.MAX_SAFE_INTEGER);
}

function notSupported(opcode: number, name: string): Operation {
  return operation<void>({
    opcode,
    name,
    bodySize: 0,
    replySize: 0,
    call: () => {
      throw MISSING;
    },
    encode: encodeNothing,
  });
}

/** Requests about the connection itself, and what the kernel forgets. */
export const connectionOperations: readonly Operation[] = [
  operation<number>({
    opcode: OPCODE.INIT,
    name: 'INIT',
    bodySize: 8,
    replySize: initOut.size,
    call: (slot, target) => target.initialise(slot),
    encode: (_slot, size) => size,
  }),
  operation<void>({
    opcode: OPCODE.DESTROY,
    name: 'DESTROY',
    bodySize: 0,
    replySize: 0,
    call: (_slot, target) => target.destroy(),
    encode: encodeNothing,
  }),
  operation<void>({
    opcode: OPCODE.FORGET,
    name: 'FORGET',
    bodySize: forgetIn.size,
    replySize: 'none',
    call: (slot, {fs}) => {
      slot.types.forget(slot.nodeid);
      fs.forget?.(slot.nodeid, lookups(slot, forgetIn.at.nlookup));
    },
    encode: encodeNothing,
  }),
  operation<void>({
    opcode: OPCODE.BATCH_FORGET,
    name: 'BATCH_FORGET',
    bodySize: batchForgetIn.size,
    replySize: 'none',
    call: (slot, {fs}) => {
      const count = slot.u32(batchForgetIn.at.count);
      // Proves that every record read below lies inside the request.
      slot.dataAt(batchForgetIn.size, count * forgetOne.size);
      for (let i = 0; i < count; i++) {
        const at = batchForgetIn.size + i * forgetOne.size;
        const ino = slot.u64(at + forgetOne.at.nodeid);
        // An id that is no safe integer was never ours; it must not cost the others their forget.
        if (ino > Number.MAX_SAFE_INTEGER) continue;
        slot.types.forget(ino);
        fs.forget?.(ino, lookups(slot, at + forgetOne.at.nlookup));
      }
    },
    encode: encodeNothing,
  }),
  operation<void>({
    opcode: OPCODE.INTERRUPT,
    name: 'INTERRUPT',
    bodySize: interruptIn.size,
    replySize: 'none',
    call: (slot, target) => {
      const high = slot.u32(interruptIn.at.uniqueHigh) & 0x7fffffff;
      target.interrupt(high * TWO_32 + slot.u32(interruptIn.at.uniqueLow));
    },
    encode: encodeNothing,
  }),
  operation<void>({
    opcode: OPCODE.NOTIFY_REPLY,
    name: 'NOTIFY_REPLY',
    bodySize: notifyRetrieveIn.size,
    replySize: 'none',
    call: (slot, target) => {
      const data = slot.dataAt(notifyRetrieveIn.size, slot.u32(notifyRetrieveIn.at.size));
      const offset = slot.u64(notifyRetrieveIn.at.offset);
      if (offset > Number.MAX_SAFE_INTEGER) throw failure('EINVAL');
      target.retrieved(slot.uniqueHigh * TWO_32 + slot.uniqueLow, offset, data);
    },
    encode: encodeNothing,
  }),
  // DAX windows of virtiofs, and character devices: never offered, so never taken.
  notSupported(OPCODE.SETUPMAPPING, 'SETUPMAPPING'),
  notSupported(OPCODE.REMOVEMAPPING, 'REMOVEMAPPING'),
  notSupported(OPCODE.CUSE_INIT, 'CUSE_INIT'),
];
