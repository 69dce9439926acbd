import {
  failure,
  OPCODE,
  type Operation,
  operation,
  REPLY_BODY,
  REQUEST_BODY,
  type RequestSlot,
} from '../fuse/index.js';
import {
  iomapBeginIn,
  iomapBeginOut,
  iomapConfigIn,
  iomapEndIn,
  iomapIoendIn,
  iomapIoendInV6,
  iomapIoendOut,
} from '../fuse/structs/iomap.js';
import {ERRNO} from '../sys/errno-codes.js';
import {setU64} from '../wire/index.js';
import {type ConfigRequest, encodeConfig, readConfigRequest} from './config.js';
import type {DeviceRegistry} from './device-registry.js';
import type {CompletedIo, EndedOperation} from './driver.js';
import type {IomapServer} from './iomap-server.js';
import {Mapping, type MappingPair} from './mapping.js';
import {readMapping, writeMapping} from './mapping-codec.js';

const B = iomapBeginIn.at;
const E = iomapEndIn.at;
const I = iomapIoendIn.at;
const TWO_32 = 2 ** 32;
/** The largest error number there is. */
const LARGEST_ERRNO = 511;

/** A position or length in a request. @throws Failure EFBIG above 2^53 - 1, where no file of ours reaches */
function bytesAt(slot: RequestSlot, at: number): number {
  const value = slot.u64(at);
  if (value > Number.MAX_SAFE_INTEGER) throw failure('EFBIG');
  return value;
}

/** A signed quantity. @throws Failure EINVAL when it is no safe integer */
function signedAt({requestView}: RequestSlot, at: number): number {
  const offset = REQUEST_BODY + at;
  const value = requestView.getUint32(offset, true) + requestView.getInt32(offset + 4, true) * TWO_32;
  if (!Number.isSafeInteger(value)) throw failure('EINVAL');
  return value;
}

function readEnded(slot: RequestSlot, mapping: Mapping, devices: DeviceRegistry): EndedOperation {
  readMapping(slot.requestView, REQUEST_BODY + E.map, mapping);
  const dev = devices.numberOf(mapping.dev);
  if (dev === undefined) throw failure('EINVAL');
  mapping.dev = dev;
  return {
    op: slot.u32(E.opflags),
    offset: bytesAt(slot, E.pos),
    length: bytesAt(slot, E.count),
    written: signedAt(slot, E.written),
    mapping,
  };
}

/** Whether a request is of the 7th posting or later; the 6th is shorter and has no reply. */
function isLong(slot: RequestSlot): boolean {
  return slot.bodyEnd - REQUEST_BODY >= iomapIoendIn.size;
}

function readCompleted(slot: RequestSlot): CompletedIo {
  const error = slot.requestView.getInt32(REQUEST_BODY + I.error, true);
  const length = isLong(slot) ? bytesAt(slot, I.written) : slot.u32(iomapIoendInV6.at.written);
  const offset = bytesAt(slot, I.pos);
  if (!Number.isSafeInteger(offset + length)) throw failure('EFBIG');
  const errno = error < 0 && error >= -LARGEST_ERRNO ? -error : ERRNO.EIO;
  return {flags: slot.u32(I.flags), errno: error === 0 ? 0 : errno, offset, length};
}

/** The requests of iomap, as a session takes them. */
export function iomapOperations(server: IomapServer): readonly Operation[] {
  const {counters, devices} = server;
  const ended = new Mapping();
  const counted = <T>(action: () => T): T => {
    try {
      return action();
    } catch (error) {
      counters.errors++;
      throw error;
    }
  };
  return [
    operation<ConfigRequest>({
      opcode: OPCODE.IOMAP_CONFIG,
      name: 'IOMAP_CONFIG',
      bodySize: iomapConfigIn.size,
      replySize: 'variable',
      call: (slot, {connection}) => {
        const request = readConfigRequest(slot.requestView, REQUEST_BODY);
        server.configure(request, connection);
        return request;
      },
      encode: (slot, request) => encodeConfig(slot.replyView, REPLY_BODY, server.driver.iomapVolume, request),
    }),
    operation<MappingPair>({
      opcode: OPCODE.IOMAP_BEGIN,
      name: 'IOMAP_BEGIN',
      bodySize: iomapBeginIn.size,
      replySize: iomapBeginOut.size,
      call: (slot) =>
        counted(() =>
          server.begin(
            slot.nodeid,
            slot.u64(B.attrIno),
            slot.u32(B.opflags),
            bytesAt(slot, B.pos),
            slot.u64(B.count),
          ),
        ),
      encode: (slot, {read, write}) => {
        const view = slot.replyView;
        writeMapping(view, REPLY_BODY + iomapBeginOut.at.read, read, devices.cookieOf(read.dev));
        writeMapping(view, REPLY_BODY + iomapBeginOut.at.write, write, devices.cookieOf(write.dev));
        return iomapBeginOut.size;
      },
    }),
    operation<void>({
      opcode: OPCODE.IOMAP_END,
      name: 'IOMAP_END',
      bodySize: iomapEndIn.size,
      replySize: 0,
      call: (slot) =>
        counted(() => server.end(slot.nodeid, slot.u64(E.attrIno), readEnded(slot, ended, devices))),
      encode: () => 0,
    }),
    operation<number>({
      opcode: OPCODE.IOMAP_IOEND,
      name: 'IOMAP_IOEND',
      bodySize: iomapIoendInV6.size,
      replySize: 'variable',
      call: (slot) => counted(() => server.ioend(slot.nodeid, slot.u64(I.attrIno), readCompleted(slot))),
      encode: (slot, size) => {
        if (!isLong(slot)) return 0;
        setU64(slot.replyView, REPLY_BODY + iomapIoendOut.at.newsize, size, true);
        return iomapIoendOut.size;
      },
    }),
  ];
}
