import {viewOf} from '../../../src/wire/index.js';
import {EMPTY, exactly} from './connection.js';
import {KernelError} from './faults.js';
import type {Inode} from './inode.js';
import type {SimKernel} from './kernel.js';
import {OP} from './opcodes.js';
import {OpenFile} from './open-file.js';
import {createIn, direntHead, ENTRY_SIZE, entryHead, openOut, readIn} from './structs.js';

/** A name in a directory; the inode where the listing brought it along. */
export interface Listed {
  readonly name: Buffer;
  readonly ino: bigint;
  readonly type: number;
  readonly inode: Inode | undefined;
}

/** Where the attributes of struct fuse_entry_out begin. */
const ENTRY_ATTR = entryHead.size;
const LISTING = 32_768;
const O_RDWR = 2;
const O_CREAT = 0o100;

function nameBytes(name: string | Uint8Array): Uint8Array {
  return Buffer.concat([typeof name === 'string' ? Buffer.from(name) : name, Buffer.of(0)]);
}

/** The inode of an entry, and one lookup more of it; undefined for an entry that says "not there". */
function enter(kernel: SimKernel, body: Uint8Array, at: number): Inode | undefined {
  const {nodeid} = entryHead.read(viewOf(body), at);
  if (nodeid === 0n) return undefined;
  if (nodeid === kernel.rootNodeid) throw new KernelError('EIO', 'an entry that is the root');
  const inode = kernel.instantiate(nodeid, body, at + ENTRY_ATTR);
  inode.lookups++;
  return inode;
}

/** LOOKUP. @returns undefined when there is no such name @throws KernelError */
export function lookup(kernel: SimKernel, directory: Inode, name: string | Uint8Array): Inode | undefined {
  try {
    const body = kernel.ask(OP.LOOKUP, directory.nodeid, nameBytes(name), exactly(ENTRY_SIZE));
    return enter(kernel, body, 0);
  } catch (error) {
    if (error instanceof KernelError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Looks each name of a path up. @throws KernelError ENOENT */
export function resolve(kernel: SimKernel, path: string): Inode {
  let inode = kernel.find(kernel.rootNodeid);
  for (const name of path.split('/').filter((part) => part !== '')) {
    inode = inode === undefined ? undefined : lookup(kernel, inode, name);
  }
  if (inode === undefined) throw new KernelError('ENOENT', path);
  return inode;
}

/** All of a directory by READDIRPLUS, without "." and "..". @throws KernelError */
export function readdirplus(kernel: SimKernel, directory: Inode): Listed[] {
  const found: Listed[] = [];
  let offset = 0n;
  for (;;) {
    const request = readIn.encode({offset, size: LISTING});
    const body = kernel.ask(OP.READDIRPLUS, directory.nodeid, request, {least: 0, most: LISTING});
    if (body.length === 0) return found;
    const before = offset;
    for (let at = 0; at + ENTRY_SIZE + direntHead.size <= body.length; ) {
      const {ino, off, namelen, type} = direntHead.read(viewOf(body), at + ENTRY_SIZE);
      const start = at + ENTRY_SIZE + direntHead.size;
      const name = Buffer.from(body.subarray(start, start + namelen));
      if (namelen === 0 || start + namelen > body.length || name.includes('/'))
        throw new KernelError('EIO', 'READDIRPLUS');
      const dots = name.equals(Buffer.from('.')) || name.equals(Buffer.from('..'));
      if (!dots) found.push({name, ino, type, inode: enter(kernel, body, at)});
      offset = off;
      at = (start + namelen + 7) & ~7;
    }
    if (offset === before) throw new KernelError('EIO', 'READDIRPLUS does not go on');
  }
}

/** Makes and opens a file. @throws KernelError */
export function create(kernel: SimKernel, directory: Inode, name: string, mode = 0o644): OpenFile {
  const name0 = nameBytes(name);
  const body = new Uint8Array(createIn.size + name0.length);
  createIn.write(viewOf(body), 0, {flags: O_RDWR | O_CREAT, mode: 0o100000 | mode});
  body.set(name0, createIn.size);
  const reply = kernel.ask(OP.CREATE, directory.nodeid, body, exactly(ENTRY_SIZE + openOut.size));
  const inode = enter(kernel, reply, 0);
  if (inode === undefined) throw new KernelError('EIO', 'CREATE');
  return OpenFile.from(kernel, inode, reply.subarray(ENTRY_SIZE), O_RDWR);
}

/** UNLINK. The inode stays until it is let go of. @throws KernelError */
export function unlink(kernel: SimKernel, directory: Inode, name: string): void {
  kernel.ask(OP.UNLINK, directory.nodeid, nameBytes(name), EMPTY);
}
