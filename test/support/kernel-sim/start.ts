import {viewOf} from '../../../src/wire/index.js';
import {CONFIG} from './bits.js';
import {exactly} from './connection.js';
import {type FaultKind, KernelError} from './faults.js';
import type {SimKernel} from './kernel.js';
import {OP} from './opcodes.js';
import {configIn, configOut, initIn, initOut} from './structs.js';

/** What CONFIG settles of the mounted file system. */
export interface Superblock {
  readonly blockSize: number;
  readonly maxbytes: bigint;
  /** Bytes of mappings in each tree of an inode's cache. */
  readonly cacheLimit: number;
}

const MAJOR = 7;
const READ_AHEAD = 131_072;
/** What Linux 6.18 offers. */
const FLAGS = 0x73fffffb;
const FLAGS2 = 0x000007fd;
const INIT_EXT = 2 ** 30;
const FUSE_IOMAP = 1 << 11;
const SMALLEST_MAX_WRITE = 4096;
const PAGE = 4096;
const MAX_PAGES = 1 << 22;

/** FUSE_INIT: offers iomap where the connection may use it. @throws KernelError ECONNREFUSED when there is no agreement */
export function initialise(kernel: SimKernel): void {
  const {traits, faults} = kernel;
  const flags2 = FLAGS2 | (kernel.mayIomap ? FUSE_IOMAP : 0);
  const request = initIn.encode({
    major: MAJOR,
    minor: traits.minor,
    maxReadahead: READ_AHEAD,
    flags: FLAGS,
    flags2,
  });
  const refused = () => new KernelError('ECONNREFUSED', 'INIT');
  let body: Uint8Array;
  try {
    body = kernel.ask(OP.INIT, 0n, request, exactly(initOut.size));
  } catch (error) {
    if (error instanceof KernelError) throw refused();
    throw error;
  }
  const reply = initOut.read(viewOf(body));
  if (reply.major !== MAJOR) throw refused();
  const extended = (reply.flags & INIT_EXT) !== 0;
  if ((reply.flags & ~FLAGS) !== 0 || (reply.flags2 & ~flags2) !== 0) {
    faults.add('init-not-offered', `flags ${reply.flags.toString(16)}, flags2 ${reply.flags2.toString(16)}`);
  }
  if (!extended && reply.flags2 !== 0) faults.add('init-without-ext', `flags2 ${reply.flags2.toString(16)}`);
  const minor = Math.min(reply.minor, traits.minor);
  kernel.iomapOn = extended && kernel.mayIomap && (reply.flags2 & FUSE_IOMAP) !== 0;
  // With a smaller number nothing fails, but no inode becomes one with iomap.
  if (kernel.iomapOn && minor < traits.minor) faults.add('init-minor', `${reply.minor}`);
  const maxPages = (reply.flags & MAX_PAGES) !== 0 ? Math.max(1, reply.maxPages) : 32;
  const most = Math.min(Math.max(reply.maxWrite, SMALLEST_MAX_WRITE), maxPages * PAGE);
  kernel.maxTransfer = Math.min(kernel.maxTransfer, most);
}

const DEFAULT_CACHE = 262_144;
const LEAST_CACHE = 256;
const MOST_CACHE = 2_097_152;
const KNOWN = 0x3fn;
const LARGEST = 2n ** 63n - 1n;
/** Before the limit of the cache was added. */
const SIZE_BEFORE_V7 = 96;
const UP_TO_FLAGS = 8;

/** IOMAP_CONFIG. @throws KernelError what the server answered, or EINVAL for an answer that is refused */
export function configure(kernel: SimKernel): void {
  const {traits, faults} = kernel;
  const known = traits.cacheLimit ? KNOWN | BigInt(CONFIG.CACHE_MAXBYTES) : KNOWN;
  const request = configIn.encode({
    flags: known,
    maxbytes: LARGEST,
    cacheMaxbytes: traits.cacheLimit ? DEFAULT_CACHE : 0,
  });
  let body: Uint8Array;
  try {
    body = kernel.ask(OP.IOMAP_CONFIG, 0n, request, {
      least: 0,
      most: traits.cacheLimit ? configOut.size : SIZE_BEFORE_V7,
    });
  } catch (error) {
    if (error instanceof KernelError && error.code === 'ENOSYS') return;
    if (error instanceof KernelError && error.code === 'EIO') faults.add('config-size', error.message);
    throw error;
  }
  const refuse = (kind: FaultKind, what: string): never => {
    faults.add(kind, what);
    throw new KernelError('EINVAL', 'IOMAP_CONFIG');
  };
  if (body.length < UP_TO_FLAGS) refuse('config-size', `${body.length} bytes`);
  const whole = new Uint8Array(configOut.size);
  whole.set(body);
  const reply = configOut.read(viewOf(whole));
  const has = (flag: number): boolean => (reply.flags & BigInt(flag)) !== 0n;
  if ((reply.flags & ~known) !== 0n) refuse('config-flags', reply.flags.toString(16));
  if (reply.padding.some((byte) => byte !== 0)) refuse('config-padding', reply.padding.join());
  if (has(CONFIG.UUID) && reply.uuidLength > 16) refuse('config-uuid', `${reply.uuidLength}`);
  const {blockSize} = reply;
  if (
    has(CONFIG.BLOCKSIZE) &&
    ((blockSize & (blockSize - 1)) !== 0 || blockSize < 512 || blockSize > 65_536)
  ) {
    refuse('config-blocksize', `${blockSize}`);
  }
  if (traits.strict) {
    if (has(CONFIG.TIME) && !(reply.timeGran >= 1 && reply.timeGran <= 1e9))
      refuse('config-time', `${reply.timeGran}`);
    if (has(CONFIG.MAXBYTES) && reply.maxbytes > LARGEST) refuse('config-maxbytes', `${reply.maxbytes}`);
  }
  const cache = has(CONFIG.CACHE_MAXBYTES) && reply.cacheMaxbytes !== 0 ? reply.cacheMaxbytes : DEFAULT_CACHE;
  kernel.superblock = {
    blockSize: has(CONFIG.BLOCKSIZE) ? blockSize : PAGE,
    maxbytes: has(CONFIG.MAXBYTES) ? reply.maxbytes : LARGEST,
    cacheLimit: traits.cacheLimit
      ? Math.min(Math.max(cache, LEAST_CACHE), MOST_CACHE)
      : Number.POSITIVE_INFINITY,
  };
}
