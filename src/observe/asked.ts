import {OPCODE, REQUEST_BODY} from '../fuse/index.js';
import {inHeader} from '../fuse/structs/header.js';
import {
  copyFileRangeIn,
  getxattrIn,
  ioctlIn,
  linkIn,
  mknodIn,
  readIn,
  writeIn,
} from '../fuse/structs/requests.js';

const DOT = 0x2e;
const TWO_32 = 2 ** 32;
/** Bit of a request id that marks the interruption of the request with the rest of it. */
export const INTERRUPTION = 1;

/** What is remembered of a request until it is answered: what its answer has to fit. Used again and again. */
export class Asked {
  opcode = 0;
  /** Request id, as its two halves. */
  uniqueLow = 0;
  uniqueHigh = 0;
  /** The node that it is about, as two halves. */
  nodeLow = 0;
  nodeHigh = 0;
  /** Most bytes of the answer's data, or of what it may say to have done; the mode for MKNOD; 0 elsewhere. */
  size = 0;
  /** LOOKUP of `.` or `..`. */
  isDots = false;
  /** The server was told that whoever waits wants to go on. */
  interrupted = false;
  /** When it was read, of performance.now(). */
  startedMs = 0;
  /** Bytes of the request. */
  bytes = 0;

  /** Reads a request as it came from the kernel: `length` bytes, a header at least. */
  take(view: DataView, length: number): void {
    const word = (at: number): number => (at + 4 <= length ? view.getUint32(at, true) : 0);
    const body = (at: number): number => word(REQUEST_BODY + at);
    this.opcode = word(inHeader.at.opcode);
    this.uniqueLow = word(inHeader.at.uniqueLow);
    this.uniqueHigh = word(inHeader.at.uniqueHigh);
    this.nodeLow = word(inHeader.at.nodeid);
    this.nodeHigh = word(inHeader.at.nodeid + 4);
    this.bytes = length;
    this.isDots = false;
    this.interrupted = false;
    this.size = 0;
    switch (this.opcode) {
      case OPCODE.LOOKUP:
        this.isDots = isDots(view, REQUEST_BODY, length - 1);
        return;
      case OPCODE.READ:
      case OPCODE.READDIR:
      case OPCODE.READDIRPLUS:
        this.size = body(readIn.at.size);
        return;
      case OPCODE.WRITE:
        this.size = body(writeIn.at.size);
        return;
      case OPCODE.GETXATTR:
      case OPCODE.LISTXATTR:
        this.size = body(getxattrIn.at.size);
        return;
      case OPCODE.IOCTL:
        this.size = body(ioctlIn.at.outSize);
        return;
      case OPCODE.COPY_FILE_RANGE:
      case OPCODE.COPY_FILE_RANGE_64:
        this.size = body(copyFileRangeIn.at.len + 4) * TWO_32 + body(copyFileRangeIn.at.len);
        return;
      case OPCODE.MKNOD:
        this.size = body(mknodIn.at.mode);
        return;
      case OPCODE.LINK:
        // The header names the directory; the answer is about the file that gets a name.
        this.nodeLow = body(linkIn.at.oldnodeid);
        this.nodeHigh = body(linkIn.at.oldnodeid + 4);
        return;
      default:
        return;
    }
  }
}

/** Whether the bytes from `start` up to `end` are `.` or `..`. */
export function isDots(view: DataView, start: number, end: number): boolean {
  const length = end - start;
  if (length !== 1 && length !== 2) return false;
  return view.getUint8(start) === DOT && (length === 1 || view.getUint8(start + 1) === DOT);
}

/** A request id as a number. Ids of the kernel count up from 2, so that those above 2^53 are nobody's. */
export function idOf(low: number, high: number): number {
  return high * TWO_32 + low;
}
