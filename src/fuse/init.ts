import type {FileSystem} from './file-system.js';
import {type InitFlag, InitFlagSet} from './flags/init-flags.js';
import {INIT_IN_SHORT, initIn, initOut} from './structs/init.js';

/** The protocol this library speaks, FUSE_KERNEL_VERSION.FUSE_KERNEL_MINOR_VERSION of Linux 6.18. */
export const PROTOCOL_MAJOR = 7;
export const PROTOCOL_MINOR = 45;
/** The minor version of the fuse-iomap patches: with a smaller one in the reply the kernel makes no file an iomap file. */
export const IOMAP_MINOR = 99;
/** The oldest minor version it answers (Linux 5.4). */
export const OLDEST_MINOR = 31;

/** Largest write that is ever asked for: 256 pages of 4 KiB, the kernel's own default limit. */
export const LARGEST_WRITE = 1 << 20;
/** Smallest max_write the protocol allows. */
export const SMALLEST_WRITE = 4096;
/** Pages of a request when MAX_PAGES is not negotiated. */
const PAGES_WITHOUT_MAX_PAGES = 32;

/** What a server wants of a connection. */
export interface InitOptions {
  /** Most bytes in one write, a multiple of pageSize from 4096 to 1 MiB. Default 1 MiB. Bounds reads too. */
  readonly maxWrite?: number;
  /** Bytes the kernel reads ahead at most; default what it offers. */
  readonly maxReadahead?: number;
  /** Requests of the kernel's own (read-ahead, write-back) in flight, 1 to 65535; default the kernel's 12. */
  readonly maxBackground?: number;
  /** Number of these from which the mount counts as congested; default three quarters of maxBackground. */
  readonly congestionThreshold?: number;
  /** Granularity of times in nanoseconds, 1 to 1,000,000,000; default 1. */
  readonly timeGranularityNs?: number;
  /** Seconds after which an unanswered request aborts the connection, at least 15; default none. */
  readonly requestTimeoutSeconds?: number;
  /** The page size of this machine; default 4096. */
  readonly pageSize?: number;
  /** Features wanted beside the defaults; those not offered are left out. */
  readonly want?: readonly InitFlag[];
  /** Features not wanted although they are defaults. */
  readonly refuse?: readonly InitFlag[];
  /** Bits of flags2 beyond this library's knowledge, for protocol extensions; set when offered. */
  readonly extraFlags2?: number;
  /** Highest minor version to admit to; default 45, and 99 when IOMAP was agreed on. For protocol extensions. */
  readonly maxMinor?: number;
}

/** What was agreed. */
export interface ConnectionInfo {
  /** The kernel's version. */
  readonly kernelMajor: number;
  readonly kernelMinor: number;
  /** The minor version in force: the smaller one, and 99 where IOMAP was agreed on, whatever the kernel's. */
  readonly minor: number;
  /** What the kernel offered, and what was taken of it. */
  readonly offered: InitFlagSet;
  readonly flags: InitFlagSet;
  /** Bytes. */
  readonly maxWrite: number;
  readonly maxReadahead: number;
  /** Largest read or readdir in bytes. */
  readonly maxRead: number;
}

/** Taken whenever they are offered; those in the second list depend on which methods there are. */
const DEFAULTS: readonly InitFlag[] = [
  'ASYNC_READ',
  'BIG_WRITES',
  'HAS_IOCTL_DIR',
  'ASYNC_DIO',
  'PARALLEL_DIROPS',
  'ABORT_ERROR',
  'MAX_PAGES',
  'CACHE_SYMLINKS',
  'NO_OPEN_SUPPORT',
  'NO_OPENDIR_SUPPORT',
  'SETXATTR_EXT',
  'INIT_EXT',
  'HAS_EXPIRE_ONLY',
];

function wantedFlags(fs: FileSystem, options: InitOptions): InitFlagSet {
  const wanted = new InitFlagSet();
  for (const flag of DEFAULTS) wanted.add(flag);
  // Without an open method opens end in ENOSYS, and the kernel would then drop O_TRUNC instead of sending SETATTR.
  if (fs.open) wanted.add('ATOMIC_O_TRUNC');
  if (fs.readdirplus) wanted.add('DO_READDIRPLUS');
  if (fs.readdirplus && fs.readdir) wanted.add('READDIRPLUS_AUTO');
  if (fs.setlk && fs.getlk) wanted.add('POSIX_LOCKS');
  if (fs.setlk) wanted.add('FLOCK_LOCKS');
  if (options.requestTimeoutSeconds !== undefined) wanted.add('REQUEST_TIMEOUT');
  for (const flag of options.want ?? []) wanted.add(flag);
  for (const flag of options.refuse ?? []) wanted.delete(flag);
  return wanted;
}

function inRange(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined) return;
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} is ${value}, must be an integer from ${least} to ${most}`);
  }
}

/** @throws RangeError for an option that INIT can't carry. */
export function checkInitOptions(options: InitOptions): void {
  inRange('pageSize', options.pageSize, 4096, 65536);
  inRange('maxWrite', options.maxWrite, SMALLEST_WRITE, LARGEST_WRITE);
  if ((options.maxWrite ?? 0) % (options.pageSize ?? 4096) !== 0) {
    throw new RangeError(`maxWrite is ${options.maxWrite}, must be a multiple of the page size`);
  }
  inRange('maxReadahead', options.maxReadahead, 0, 0xffffffff);
  inRange('maxBackground', options.maxBackground, 1, 0xffff);
  inRange('congestionThreshold', options.congestionThreshold, 1, 0xffff);
  inRange('timeGranularityNs', options.timeGranularityNs, 1, 1_000_000_000);
  inRange('requestTimeoutSeconds', options.requestTimeoutSeconds, 15, 0xffff);
  inRange('extraFlags2', options.extraFlags2, 0, 0xffffffff);
  inRange('maxMinor', options.maxMinor, OLDEST_MINOR, 0xffff);
  if (options.want?.includes('PASSTHROUGH') && options.want.includes('WRITEBACK_CACHE')) {
    throw new RangeError('PASSTHROUGH and WRITEBACK_CACHE exclude each other');
  }
}

/**
 * How an INIT request is answered: with an agreement; with our major version alone because the kernel's is newer (it then asks
 * again); or not at all understood (too old or malformed), which ends the connection.
 */
export type Negotiation =
  | {readonly kind: 'agreed'; readonly connection: ConnectionInfo}
  | {readonly kind: 'ask-again'}
  | {readonly kind: 'refused'; readonly errno: 'EPROTO' | 'EINVAL'};

/** Reads the body of an INIT request (`length` bytes at `offset`) and decides. Sets no feature that was not offered. */
export function negotiate(
  view: DataView,
  offset: number,
  length: number,
  fs: FileSystem,
  options: InitOptions,
): Negotiation {
  if (length < INIT_IN_SHORT) return {kind: 'refused', errno: 'EINVAL'};
  const at = (field: number): number => view.getUint32(offset + field, true);
  const major = at(initIn.at.major);
  const kernelMinor = at(initIn.at.minor);
  if (major > PROTOCOL_MAJOR) return {kind: 'ask-again'};
  if (major < PROTOCOL_MAJOR || kernelMinor < OLDEST_MINOR) return {kind: 'refused', errno: 'EPROTO'};

  const offered = new InitFlagSet(at(initIn.at.flags));
  if (offered.has('INIT_EXT') && length >= initIn.size) offered.high = at(initIn.at.flags2);
  const wanted = wantedFlags(fs, options);
  wanted.high = (wanted.high | (options.extraFlags2 ?? 0)) >>> 0;
  const flags = new InitFlagSet(offered.low & wanted.low, offered.high & wanted.high);
  // Without INIT_EXT in the reply the kernel does not look at flags2.
  if (!flags.has('INIT_EXT')) flags.high = 0;

  const pageSize = options.pageSize ?? 4096;
  const largest = flags.has('MAX_PAGES') ? LARGEST_WRITE : PAGES_WITHOUT_MAX_PAGES * pageSize;
  const maxWrite = Math.min(options.maxWrite ?? LARGEST_WRITE, largest);
  const maxPages = Math.ceil(maxWrite / pageSize);
  const kernelReadahead = at(initIn.at.maxReadahead);
  return {
    kind: 'agreed',
    connection: {
      kernelMajor: major,
      kernelMinor,
      minor: flags.has('IOMAP') ? IOMAP_MINOR : Math.min(kernelMinor, options.maxMinor ?? PROTOCOL_MINOR),
      offered,
      flags,
      maxWrite,
      maxReadahead: Math.min(options.maxReadahead ?? kernelReadahead, kernelReadahead),
      maxRead: (flags.has('MAX_PAGES') ? maxPages : PAGES_WITHOUT_MAX_PAGES) * pageSize,
    },
  };
}

/** Writes the reply to INIT at `offset`, returns its size. */
export function encodeInitReply(
  view: DataView,
  offset: number,
  negotiation: Exclude<Negotiation, {kind: 'refused'}>,
  options: InitOptions,
): number {
  if (negotiation.kind === 'ask-again') {
    initOut.write(view, offset, {major: PROTOCOL_MAJOR, minor: options.maxMinor ?? PROTOCOL_MINOR});
    return initOut.size;
  }
  const {connection} = negotiation;
  const background = options.maxBackground ?? 0;
  initOut.write(view, offset, {
    major: PROTOCOL_MAJOR,
    minor: connection.minor,
    maxReadahead: connection.maxReadahead,
    flags: connection.flags.low,
    flags2: connection.flags.high,
    maxBackground: background,
    congestionThreshold: options.congestionThreshold ?? Math.floor((background * 3) / 4),
    maxWrite: connection.maxWrite,
    timeGran: options.timeGranularityNs ?? 1,
    maxPages: connection.flags.has('MAX_PAGES') ? connection.maxRead / (options.pageSize ?? 4096) : 0,
    maxStackDepth: connection.flags.has('PASSTHROUGH') ? 1 : 0,
    requestTimeout: connection.flags.has('REQUEST_TIMEOUT') ? (options.requestTimeoutSeconds ?? 0) : 0,
  });
  return initOut.size;
}
