import {viewOf} from '../../../src/wire/index.js';
import {MAP, MAPF, OPF, opText, writeLike} from './bits.js';
import {EMPTY, exactly} from './connection.js';
import {KernelError} from './faults.js';
import type {Inode} from './inode.js';
import type {SimKernel} from './kernel.js';
import {decodeMapping, endOf, type Mapping, mappingFault, mappingText, type Place} from './mapping.js';
import {choose, type Found} from './mapping-cache.js';
import {OP} from './opcodes.js';
import {beginIn, endIn, mapping as layout} from './structs.js';

/** A mapping that an operation works with. */
export interface Iomap extends Found {
  /** Position at which it was asked for. */
  readonly pos: number;
  readonly opflags: number;
  /** Of the inode's cache, where it came from there; such a mapping must be looked at again before each use. */
  readonly sequence: number | undefined;
  /** Where it ends, or the operation, whichever comes first. */
  readonly end: number;
}

/** A real kernel repeats without end, as long as nobody kills the process. */
const MOST_RETRIES = 4;
/** Numbers above are rounded; operations never get there. */
const FAR = BigInt(Number.MAX_SAFE_INTEGER);

/** The mapping for `[pos, end)` of a file, out of the inode's cache or from the server. @throws KernelError */
export function iomapBegin(
  kernel: SimKernel,
  inode: Inode,
  pos: number,
  end: number,
  opflags: number,
): Iomap {
  for (let attempt = 0; ; attempt++) {
    const cached = inode.cache?.lookup(BigInt(pos), opflags);
    if (cached !== undefined) {
      return {...cached, pos, opflags, sequence: inode.cache!.sequence, end: reachOf(cached.target, end)};
    }
    const {read, write} = ask(kernel, inode, pos, end, opflags);
    const retry = read.type === MAP.RETRY_CACHE || (write.type === MAP.RETRY_CACHE && writeLike(opflags));
    if (!retry) {
      const found = choose(read, write, opflags);
      return {...found, pos, opflags, sequence: undefined, end: reachOf(found.target, end)};
    }
    checkRetry(kernel, inode, opflags, attempt);
  }
}

function reachOf(target: Mapping, end: number): number {
  const last = endOf(target);
  return last > FAR ? end : Math.min(Number(last), end);
}

function ask(kernel: SimKernel, inode: Inode, pos: number, end: number, opflags: number) {
  const request = beginIn.encode({
    opflags,
    attrIno: inode.attrIno,
    pos: BigInt(pos),
    count: BigInt(end - pos),
  });
  const body = kernel.ask(OP.IOMAP_BEGIN, inode.nodeid, request, exactly(2 * layout.size));
  const read = decodeMapping(body, 0);
  const write = decodeMapping(body, layout.size);
  check(kernel, inode, read, {slot: 'read', pos: BigInt(pos), opflags});
  check(kernel, inode, write, {slot: 'write', pos: BigInt(pos), opflags});
  return {read, write};
}

function check(kernel: SimKernel, inode: Inode, mapping: Mapping, place: Place & {pos: bigint}): void {
  const fault = mappingFault(mapping, place, kernel.ground);
  if (fault === undefined) return;
  const {slot, pos, opflags} = place as {slot: string; pos: bigint; opflags: number};
  kernel.faults.add(
    fault,
    `${slot} slot of BEGIN ${opText(opflags)} at ${pos} of node ${inode.nodeid}: ${mappingText(mapping)}`,
  );
  throw new KernelError(fault === 'map-atomic' ? 'EIO' : 'EUCLEAN', 'IOMAP_BEGIN');
}

function checkRetry(kernel: SimKernel, inode: Inode, opflags: number, attempt: number): void {
  if (inode.cache === undefined) {
    kernel.faults.add('cache-retry-without-cache', `BEGIN ${opText(opflags)} of node ${inode.nodeid}`);
    throw new KernelError('EUCLEAN', 'IOMAP_BEGIN');
  }
  if ((opflags & (OPF.ATOMIC | OPF.SWAPFILE)) !== 0) {
    kernel.faults.add('cache-retry-refused', `BEGIN ${opText(opflags)} of node ${inode.nodeid}`);
    if (kernel.traits.strict) throw new KernelError('EUCLEAN', 'IOMAP_BEGIN');
  }
  if (attempt + 1 < MOST_RETRIES) return;
  kernel.faults.add('cache-retry-endless', `BEGIN ${opText(opflags)} of node ${inode.nodeid}`);
  throw new KernelError('EINTR', 'IOMAP_BEGIN');
}

/** Whether a mapping may still be used: one out of the cache only while the cache did not change. */
export function isValid(inode: Inode, {sequence}: Iomap): boolean {
  return sequence === undefined || inode.cache?.sequence === sequence;
}

/** Position on the device of a position in the file. */
export function addressOf(mapping: Mapping, pos: number): bigint {
  return mapping.addr + (BigInt(pos) - mapping.offset);
}

/** IOMAP_END, where the kernel sends one. @param written bytes done; @param sizeChanged whether the operation grew the file */
export function iomapEnd(
  kernel: SimKernel,
  inode: Inode,
  iomap: Iomap,
  written: number,
  sizeChanged: boolean,
): void {
  const {target, opflags, pos, end} = iomap;
  if (kernel.unwanted.end || target.type === MAP.INLINE) return;
  const wanted = kernel.traits.strict && (target.flags & MAPF.WANT_IOMAP_END) !== 0;
  const short = written < end - pos;
  if (!wanted && !(writeLike(opflags) && (sizeChanged || short))) return;
  const body = new Uint8Array(endIn.size + layout.size);
  const view = viewOf(body);
  endIn.write(view, 0, {
    opflags,
    attrIno: inode.attrIno,
    pos: BigInt(pos),
    count: BigInt(end - pos),
    written,
  });
  const flags = target.flags | (sizeChanged ? MAPF.SIZE_CHANGED : 0);
  layout.write(view, endIn.size, {...target, flags});
  kernel.optional('end', () => kernel.ask(OP.IOMAP_END, inode.nodeid, body, EMPTY));
}
