import {viewOf} from '../../../src/wire/index.js';
import {IOEND, NONE} from './bits.js';
import {exactly} from './connection.js';
import type {Inode} from './inode.js';
import type {SimKernel} from './kernel.js';
import {OP} from './opcodes.js';
import {ioendIn, ioendInV6} from './structs.js';

/** A write that ended, as IOMAP_IOEND tells it. */
export interface Ended {
  readonly flags: number;
  /** 0 or a negative errno. */
  readonly error: number;
  readonly pos: number;
  readonly written: number;
  readonly dev?: number;
  /** Byte address; told in units of 512, as both known trees do. */
  readonly addr?: bigint;
}

const NEEDS = IOEND.SHARED | IOEND.UNWRITTEN | IOEND.APPEND;
const SECTOR = 512n;

/** Whether a write is told of: a plain overwrite inside of the file is not. */
export function needsIoend({flags, error, written}: Ended): boolean {
  return error !== 0 || (flags & IOEND.SWAPOFF) !== 0 || (written > 0 && (flags & NEEDS) !== 0);
}

/** IOMAP_IOEND, where the kernel sends one. @throws KernelError what the server answered */
export function ioend(kernel: SimKernel, inode: Inode, ended: Ended): void {
  if (!needsIoend(ended)) return;
  if (kernel.unwanted.ioend && !(kernel.traits.strict && (ended.flags & IOEND.SWAPOFF) !== 0)) return;
  const asked = kernel.optional('ioend', () => {
    const reply = kernel.ask(
      OP.IOMAP_IOEND,
      inode.nodeid,
      request(kernel, inode, ended),
      exactly(kernel.traits.ioendReply),
    );
    settle(kernel, inode, ended, reply);
  });
  if (!asked) return;
  const {pos, written} = ended;
  inode.cache?.drop(BigInt(pos), BigInt(pos + written));
}

function request(kernel: SimKernel, inode: Inode, ended: Ended): Uint8Array {
  const {flags, error, pos, written, dev = 0, addr} = ended;
  const newAddr = addr === undefined ? NONE : addr / SECTOR;
  const common = {flags, error, attrIno: inode.attrIno, pos: BigInt(pos), newAddr};
  if (kernel.traits.version === 'v6') return ioendInV6.encode({...common, written});
  return ioendIn.encode({...common, written: BigInt(written), dev});
}

function settle(kernel: SimKernel, inode: Inode, {flags, pos, written}: Ended, reply: Uint8Array): void {
  if (kernel.traits.ioendReply === 0) {
    if ((flags & IOEND.APPEND) !== 0) inode.diskSize = Math.max(inode.diskSize, pos + written);
    return;
  }
  const size = Number(viewOf(reply).getBigUint64(0, true));
  const least = (flags & IOEND.APPEND) !== 0 ? Math.max(inode.diskSize, pos + written) : inode.diskSize;
  if (size < least) {
    kernel.faults.add('ioend-size-shrank', `node ${inode.nodeid}: ${size}, at least ${least} is on disk`);
  }
  inode.diskSize = kernel.traits.strict ? Math.max(inode.diskSize, size) : size;
}
