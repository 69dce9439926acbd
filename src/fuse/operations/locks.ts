import {FUSE_LK_FLOCK} from '../flags/request-flags.js';
import {InvalidReplyError} from '../invalid-reply.js';
import {OPCODE} from '../opcodes.js';
import {encodeNothing, MISSING, type Operation, type OperationTarget, operation} from '../operation.js';
import type {FileLock} from '../replies.js';
import {REPLY_BODY, type RequestSlot} from '../request-slot.js';
import {lkOut} from '../structs/replies.js';
import {lkIn} from '../structs/requests.js';

const L = lkIn.at;
/** F_UNLCK, the greatest of the lock types. */
const F_UNLCK = 2;
const OFFSET_MAX = (1n << 63n) - 1n;

function readLock(slot: RequestSlot): FileLock {
  return {
    start: slot.id64(L.start),
    end: slot.id64(L.end),
    type: slot.u32(L.type),
    pid: slot.u32(L.pid),
    owner: slot.id64(L.owner),
    flock: (slot.u32(L.lkFlags) & FUSE_LK_FLOCK) !== 0,
  };
}

function encodeLock(slot: RequestSlot, lock: FileLock): number {
  const {start, end, type, pid} = lock;
  if (type > F_UNLCK || type < 0) throw new InvalidReplyError('lock-type', {type});
  if (start < 0n || end > OFFSET_MAX || (type !== F_UNLCK && start > end)) {
    throw new InvalidReplyError('lock-range', {start: start.toString(), end: end.toString()});
  }
  lkOut.write(slot.replyView, REPLY_BODY, {start, end, type, pid});
  return lkOut.size;
}

function setLock(slot: RequestSlot, {fs}: OperationTarget, wait: boolean): void | Promise<void> {
  if (!fs.setlk) throw MISSING;
  return fs.setlk(slot.nodeid, slot.id(L.fh), readLock(slot), wait, slot);
}

/** Requests about file locks; only sent when the server took POSIX_LOCKS or FLOCK_LOCKS. */
export const lockOperations: readonly Operation[] = [
  operation<FileLock>({
    opcode: OPCODE.GETLK,
    name: 'GETLK',
    bodySize: lkIn.size,
    replySize: lkOut.size,
    call: (slot, {fs}) => {
      if (!fs.getlk) throw MISSING;
      const lock = readLock(slot);
      const later = fs.getlk(slot.nodeid, slot.id(L.fh), lock, slot);
      return later === undefined ? lock : later.then(() => lock);
    },
    encode: encodeLock,
  }),
  operation<void>({
    opcode: OPCODE.SETLK,
    name: 'SETLK',
    bodySize: lkIn.size,
    replySize: 0,
    call: (slot, target) => setLock(slot, target, false),
    encode: encodeNothing,
  }),
  operation<void>({
    opcode: OPCODE.SETLKW,
    name: 'SETLKW',
    bodySize: lkIn.size,
    replySize: 0,
    call: (slot, target) => setLock(slot, target, true),
    encode: encodeNothing,
  }),
];
