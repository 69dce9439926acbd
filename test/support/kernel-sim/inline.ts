import {viewOf} from '../../../src/wire/index.js';
import {exactly} from './connection.js';
import {KernelError} from './faults.js';
import type {Inode} from './inode.js';
import type {SimKernel} from './kernel.js';
import type {Mapping} from './mapping.js';
import {OP} from './opcodes.js';
import {readIn, writeOut} from './structs.js';

/**
 * Data of an inode whose mapping is INLINE: a READ by node id with handle 0. v7 asks for what the operation wants, later kernels for
 * the whole mapping.
 */
export function serverRead(
  kernel: SimKernel,
  inode: Inode,
  mapping: Mapping,
  pos: number,
  length: number,
): Uint8Array {
  const whole = kernel.traits.strict;
  const offset = whole ? mapping.offset : BigInt(pos);
  const size = whole ? Number(mapping.length) : length;
  const data = kernel.ask(OP.READ, inode.nodeid, readIn.encode({offset, size}), {least: 0, most: size});
  if (whole && data.length === 0) throw new KernelError('EIO', 'read of inline data');
  const skip = pos - Number(offset);
  return data.subarray(skip, skip + length);
}

/** The same for writing. @throws KernelError EIO when not all was taken */
export function serverWrite(kernel: SimKernel, inode: Inode, data: Uint8Array, pos: number): void {
  const body = new Uint8Array(readIn.size + data.length);
  readIn.write(viewOf(body), 0, {offset: BigInt(pos), size: data.length});
  body.set(data, readIn.size);
  const reply = kernel.ask(OP.WRITE, inode.nodeid, body, exactly(writeOut.size));
  if (writeOut.read(viewOf(reply)).size !== data.length) throw new KernelError('EIO', 'write of inline data');
}
