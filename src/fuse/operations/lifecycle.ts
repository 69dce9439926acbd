import {OPCODE} from '../opcodes.js';
import {encodeNothing, MISSING, type Operation, operation} from '../operation.js';
import {freezeIn, shutdownIn} from '../structs/iomap.js';

/** Requests about the file system as a whole, which only kernels with the fuse-iomap patches send. */
export const lifecycleOperations: readonly Operation[] = [
  operation<void>({
    opcode: OPCODE.FREEZE_FS,
    name: 'FREEZE_FS',
    bodySize: freezeIn.size,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.freeze) throw MISSING;
      return fs.freeze(Math.min(slot.u64(freezeIn.at.unlinked), Number.MAX_SAFE_INTEGER), slot);
    },
    encode: encodeNothing,
  }),
  operation<void>({
    opcode: OPCODE.UNFREEZE_FS,
    name: 'UNFREEZE_FS',
    bodySize: 0,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.thaw) throw MISSING;
      return fs.thaw(slot);
    },
    encode: encodeNothing,
  }),
  operation<void>({
    opcode: OPCODE.SHUTDOWN_FS,
    name: 'SHUTDOWN_FS',
    bodySize: shutdownIn.size,
    replySize: 0,
    call: (slot, target) => {
      target.shutDown();
      return target.fs.shutdown?.(slot);
    },
    encode: encodeNothing,
  }),
];
