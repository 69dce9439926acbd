import {type InitFlag, InitFlagSet, PROTOCOL_MAJOR, REPLY_BODY, REQUEST_BODY} from '../fuse/index.js';

import {INIT_IN_SHORT, initIn, initOut} from '../fuse/structs/init.js';
import type {Reply} from './body-check.js';
import type {Fault} from './faults.js';

/** Bodies of answers to INIT that there have been: before 7.23 there was less to say. */
const SHORT_OUT = 24;
/** The oldest minor version whose answers look as they do today. */
const OLDEST_MINOR = 9;
/**
 * Bytes of a read or write at most: 32 pages, which is what holds without MAX_PAGES. The kernel lays most of a larger packet into
 * one piece of memory, and 256 KiB in one piece can't always be had.
 */
export const LARGEST_DATA = 131_072;
const SMALLEST_WRITE = 4_096;
const SECOND_NS = 1_000_000_000;
const READ_FROM = REQUEST_BODY;

/**
 * Features that a server behind a relay may be offered, each by its name, so that none passes that nobody thought of here. Left out
 * is what needs the device itself (splice(2), requests over io_uring, PASSTHROUGH and IOMAP, which register files by ioctls on it),
 * what only virtiofs has, MAX_PAGES (see LARGEST_DATA), and HAS_RESEND, which is for a server that took another one's place.
 */
const OFFERED: readonly InitFlag[] = [
  'ASYNC_READ',
  'POSIX_LOCKS',
  'ATOMIC_O_TRUNC',
  'EXPORT_SUPPORT',
  'BIG_WRITES',
  'DONT_MASK',
  'FLOCK_LOCKS',
  'HAS_IOCTL_DIR',
  'AUTO_INVAL_DATA',
  'DO_READDIRPLUS',
  'READDIRPLUS_AUTO',
  'ASYNC_DIO',
  'WRITEBACK_CACHE',
  'NO_OPEN_SUPPORT',
  'PARALLEL_DIROPS',
  'POSIX_ACL',
  'ABORT_ERROR',
  'CACHE_SYMLINKS',
  'NO_OPENDIR_SUPPORT',
  'EXPLICIT_INVAL_DATA',
  'HANDLE_KILLPRIV_V2',
  'SETXATTR_EXT',
  'INIT_EXT',
  'SECURITY_CTX',
  'CREATE_SUPP_GROUP',
  'HAS_EXPIRE_ONLY',
  'DIRECT_IO_ALLOW_MMAP',
  'NO_EXPORT_SUPPORT',
  'ALLOW_IDMAP',
  'REQUEST_TIMEOUT',
];

const KNOWN: InitFlagSet = new InitFlagSet();
for (const name of OFFERED) KNOWN.add(name);

/** What a kernel and a server agree on, seen from between them. */
export class InitExchange {
  #offered: InitFlagSet | undefined;

  /** Takes what can't be had out of the kernel's offer, in place. @param length of the request, at least a header */
  narrow(view: DataView, length: number): void {
    if (length < READ_FROM + INIT_IN_SHORT) {
      this.#offered = new InitFlagSet();
      return;
    }
    const low = READ_FROM + initIn.at.flags;
    const high = READ_FROM + initIn.at.flags2;
    const offered = new InitFlagSet(view.getUint32(low, true) & KNOWN.low);
    view.setUint32(low, offered.low, true);
    if (length >= READ_FROM + initIn.size) {
      // Without INIT_EXT nobody looks at the upper word.
      if (offered.has('INIT_EXT')) offered.high = (view.getUint32(high, true) & KNOWN.high) >>> 0;
      view.setUint32(high, offered.high, true);
    }
    this.#offered = offered;
  }

  /**
   * Judges the server's answer and bounds it, in place. What it takes without having been offered it does not get, which is
   * `corrected` and no reason to refuse the answer: some libraries name all that they know.
   */
  judge(reply: Reply): {readonly fault: Fault | undefined; readonly corrected: boolean} {
    const {view} = reply;
    const at = (field: number): number => REPLY_BODY + field;
    const body = reply.length - REPLY_BODY;
    if (body !== SHORT_OUT && body !== initOut.size) return refused('size');
    const {major, minor, flags, maxWrite, timeGran, flags2} = initOut.at;
    if (view.getUint32(at(major), true) !== PROTOCOL_MAJOR) return refused('init-version');
    if (view.getUint32(at(minor), true) < OLDEST_MINOR) return refused('init-version');
    const offered = this.#offered ?? new InitFlagSet();
    const taken = new InitFlagSet(view.getUint32(at(flags), true));
    const largest = Math.min(Math.max(view.getUint32(at(maxWrite), true), SMALLEST_WRITE), LARGEST_DATA);
    view.setUint32(at(maxWrite), largest, true);
    let given = new InitFlagSet(taken.low & offered.low);
    if (body === initOut.size) {
      if (view.getUint32(at(timeGran), true) > SECOND_NS) return refused('init-granularity');
      taken.high = taken.has('INIT_EXT') ? view.getUint32(at(flags2), true) : 0;
      given = new InitFlagSet(given.low, given.has('INIT_EXT') ? taken.high & offered.high : 0);
      view.setUint32(at(flags2), given.high, true);
      // They belong to MAX_PAGES, PASSTHROUGH, MAP_ALIGNMENT and REQUEST_TIMEOUT.
      view.setUint16(at(initOut.at.maxPages), 0, true);
      view.setUint16(at(initOut.at.mapAlignment), 0, true);
      view.setUint32(at(initOut.at.maxStackDepth), 0, true);
      if (!given.has('REQUEST_TIMEOUT')) view.setUint16(at(initOut.at.requestTimeout), 0, true);
    }
    view.setUint32(at(flags), given.low, true);
    return {fault: undefined, corrected: taken.low !== given.low || taken.high !== given.high};
  }
}

function refused(fault: Fault): {readonly fault: Fault; readonly corrected: boolean} {
  return {fault, corrected: false};
}
