import {putQuantity} from '../attribute-codec.js';
import {failure} from '../failure.js';
import {FUSE_POLL_SCHEDULE_NOTIFY} from '../flags/request-flags.js';
import {InvalidReplyError, mustBeBytes} from '../invalid-reply.js';
import {OPCODE} from '../opcodes.js';
import {encodeNothing, MISSING, type Operation, type OperationTarget, operation} from '../operation.js';
import type {IoctlResult} from '../replies.js';
import {REPLY_BODY, type RequestSlot} from '../request-slot.js';
import {bmapOut, copyFileRangeOut, ioctlOut, lseekOut, pollOut, writeOut} from '../structs/replies.js';
import {
  bmapIn,
  copyFileRangeIn,
  fallocateIn,
  ioctlIn,
  lseekIn,
  pollIn,
  syncfsIn,
} from '../structs/requests.js';
import {encodeWritten} from './files.js';

const C = copyFileRangeIn.at;
const F = fallocateIn.at;
const I = ioctlIn.at;
/** What COPY_FILE_RANGE can answer in its 32 bits. */
const LARGEST_COPY = 0xffffffff;

function encodeQuantity(slot: RequestSlot, value: number): number {
  putQuantity(slot.replyView, REPLY_BODY, value, 'result');
  return 8;
}

/** COPY_FILE_RANGE and COPY_FILE_RANGE_64 differ in their replies only. */
function copyFileRange(slot: RequestSlot, {fs}: OperationTarget, longest: number): number | Promise<number> {
  if (!fs.copyFileRange) throw MISSING;
  const offset = slot.u64(C.offIn);
  const offsetOut = slot.u64(C.offOut);
  const length = Math.min(slot.u64(C.len), longest);
  if (offsetOut > Number.MAX_SAFE_INTEGER - length) throw failure('EFBIG');
  if (offset > Number.MAX_SAFE_INTEGER - length) return 0;
  const fh = slot.id(C.fhIn);
  const inoOut = slot.id(C.nodeidOut);
  const fhOut = slot.id(C.fhOut);
  const flags = slot.u32(C.flags);
  return fs.copyFileRange(slot.nodeid, fh, offset, inoOut, fhOut, offsetOut, length, flags, slot);
}

function encodeIoctl(slot: RequestSlot, {result, data}: IoctlResult): number {
  if (data !== undefined) mustBeBytes(data);
  const outSize = slot.u32(I.outSize);
  const length = data?.length ?? 0;
  if (length > outSize) throw new InvalidReplyError('ioctl-length', {length, outSize});
  if ((result | 0) !== result) throw new InvalidReplyError('ioctl-result', {result});
  slot.reserve(ioctlOut.size + length);
  ioctlOut.write(slot.replyView, REPLY_BODY, {result});
  if (data) slot.putBytes(ioctlOut.size, data);
  return ioctlOut.size + length;
}

/** Requests about where data lies, and those for special uses: ioctl, poll. */
export const spaceOperations: readonly Operation[] = [
  operation<void>({
    opcode: OPCODE.FALLOCATE,
    name: 'FALLOCATE',
    bodySize: fallocateIn.size,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.fallocate) throw MISSING;
      const offset = slot.u64(F.offset);
      const length = slot.u64(F.length);
      if (offset + length > Number.MAX_SAFE_INTEGER) throw failure('EFBIG');
      return fs.fallocate(slot.nodeid, slot.id(F.fh), slot.u32(F.mode), offset, length, slot);
    },
    encode: encodeNothing,
  }),
  operation<number>({
    opcode: OPCODE.LSEEK,
    name: 'LSEEK',
    bodySize: lseekIn.size,
    replySize: lseekOut.size,
    call: (slot, {fs}) => {
      if (!fs.lseek) throw MISSING;
      const offset = slot.u64(lseekIn.at.offset);
      if (offset > Number.MAX_SAFE_INTEGER) throw failure('ENXIO');
      return fs.lseek(slot.nodeid, slot.id(lseekIn.at.fh), offset, slot.u32(lseekIn.at.whence), slot);
    },
    encode: encodeQuantity,
  }),
  operation<number>({
    opcode: OPCODE.COPY_FILE_RANGE,
    name: 'COPY_FILE_RANGE',
    bodySize: copyFileRangeIn.size,
    replySize: writeOut.size,
    call: (slot, target) => copyFileRange(slot, target, LARGEST_COPY),
    encode: (slot, copied) => encodeWritten(slot, copied, Math.min(slot.u64(C.len), LARGEST_COPY)),
  }),
  operation<number>({
    opcode: OPCODE.COPY_FILE_RANGE_64,
    name: 'COPY_FILE_RANGE_64',
    bodySize: copyFileRangeIn.size,
    replySize: copyFileRangeOut.size,
    call: (slot, target) => copyFileRange(slot, target, Number.MAX_SAFE_INTEGER),
    encode: (slot, copied) => {
      if (copied > slot.u64(C.len)) throw new InvalidReplyError('copied', {copied});
      return encodeQuantity(slot, copied);
    },
  }),
  operation<number>({
    opcode: OPCODE.BMAP,
    name: 'BMAP',
    bodySize: bmapIn.size,
    replySize: bmapOut.size,
    call: (slot, {fs}) => {
      if (!fs.bmap) throw MISSING;
      const block = slot.u64(bmapIn.at.block);
      if (block > Number.MAX_SAFE_INTEGER) throw failure('EINVAL');
      return fs.bmap(slot.nodeid, block, slot.u32(bmapIn.at.blocksize), slot);
    },
    encode: encodeQuantity,
  }),
  operation<IoctlResult>({
    opcode: OPCODE.IOCTL,
    name: 'IOCTL',
    bodySize: ioctlIn.size,
    replySize: 'variable',
    call: (slot, {fs}) => {
      if (!fs.ioctl) throw MISSING;
      return fs.ioctl(
        slot.nodeid,
        {
          fh: slot.id(I.fh),
          cmd: slot.u32(I.cmd),
          arg: slot.id64(I.arg),
          flags: slot.u32(I.flags),
          input: slot.dataAt(ioctlIn.size, slot.u32(I.inSize)),
          outSize: slot.u32(I.outSize),
        },
        slot,
      );
    },
    encode: encodeIoctl,
  }),
  operation<number>({
    opcode: OPCODE.POLL,
    name: 'POLL',
    bodySize: pollIn.size,
    replySize: pollOut.size,
    call: (slot, {fs}) => {
      if (!fs.poll) throw MISSING;
      const notify = (slot.u32(pollIn.at.flags) & FUSE_POLL_SCHEDULE_NOTIFY) !== 0;
      const kh = notify ? slot.id(pollIn.at.kh) : undefined;
      return fs.poll(slot.nodeid, slot.id(pollIn.at.fh), slot.u32(pollIn.at.events), kh, slot);
    },
    encode: (slot, revents) => {
      if (revents >>> 0 !== revents) throw new InvalidReplyError('poll-events', {revents});
      return encodeQuantity(slot, revents);
    },
  }),
  operation<void>({
    opcode: OPCODE.SYNCFS,
    name: 'SYNCFS',
    bodySize: syncfsIn.size,
    replySize: 0,
    call: (slot, {fs}) => {
      if (!fs.syncfs) throw MISSING;
      return fs.syncfs(slot.nodeid, slot);
    },
    encode: encodeNothing,
  }),
];
