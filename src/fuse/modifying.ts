import {OPCODE} from './opcodes.js';
import {REQUEST_BODY, type RequestSlot} from './request-slot.js';
import {iomapBeginIn} from './structs/iomap.js';
import {ioctlIn, openIn} from './structs/requests.js';

/** open(2): the file is emptied by opening it. */
const O_TRUNC = 0o1000;
/** _IOC_WRITE of an ioctl's number: the caller gives data. All that change something do, and a few that don't (FIEMAP). */
const IOC_WRITE = 0x40000000;

/** WRITE, ZERO, UNSHARE and WRITEBACK of an IOMAP_BEGIN: blocks may be allocated. */
const IOMAP_WRITE_LIKE = 0x80000083;

const ALWAYS: ReadonlySet<number> = new Set([
  OPCODE.SETATTR,
  OPCODE.SYMLINK,
  OPCODE.MKNOD,
  OPCODE.MKDIR,
  OPCODE.UNLINK,
  OPCODE.RMDIR,
  OPCODE.RENAME,
  OPCODE.RENAME2,
  OPCODE.LINK,
  OPCODE.WRITE,
  OPCODE.SETXATTR,
  OPCODE.REMOVEXATTR,
  OPCODE.CREATE,
  OPCODE.TMPFILE,
  OPCODE.FALLOCATE,
  OPCODE.COPY_FILE_RANGE,
  OPCODE.COPY_FILE_RANGE_64,
  OPCODE.IOMAP_IOEND,
]);

/**
 * Whether a request may change what the file system holds, by what it asks for. What only makes earlier changes durable (flush,
 * fsync) does not.
 */
export function modifies(slot: RequestSlot): boolean {
  if (ALWAYS.has(slot.opcode)) return true;
  // A body too short for these fields is refused before anything is done.
  const bodyBytes = slot.bodyEnd - REQUEST_BODY;
  if (slot.opcode === OPCODE.OPEN)
    return bodyBytes >= openIn.size && (slot.u32(openIn.at.flags) & O_TRUNC) !== 0;
  if (slot.opcode === OPCODE.IOCTL) {
    return bodyBytes >= ioctlIn.size && (slot.u32(ioctlIn.at.cmd) & IOC_WRITE) !== 0;
  }
  if (slot.opcode === OPCODE.IOMAP_BEGIN) {
    return bodyBytes >= iomapBeginIn.size && (slot.u32(iomapBeginIn.at.opflags) & IOMAP_WRITE_LIKE) !== 0;
  }
  return false;
}
