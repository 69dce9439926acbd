import {viewOf} from '../../../src/wire/index.js';
import {FOPEN} from './bits.js';
import {bufferedRead} from './buffered-read.js';
import {bufferedWrite} from './buffered-write.js';
import {EMPTY, exactly} from './connection.js';
import {directRead, directWrite} from './direct-io.js';
import {KernelError} from './faults.js';
import type {Inode} from './inode.js';
import type {SimKernel} from './kernel.js';
import {OP} from './opcodes.js';
import {seekData, seekHole} from './reports.js';
import {fsyncIn, lseekIn, openIn, openOut, readIn, releaseIn} from './structs.js';
import {writeBack} from './writeback.js';

export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_TRUNC = 0o1000;
export const O_DIRECT = 0o40000;

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const REFUSED = FOPEN.PASSTHROUGH | FOPEN.STREAM | FOPEN.NONSEEKABLE;

/** An open file of the simulated kernel. With iomap its data are the kernel's business, without they are READ from the server. */
export class OpenFile {
  readonly inode: Inode;
  readonly #kernel: SimKernel;
  readonly #fh: bigint;
  readonly #flags: number;
  /** Whether OPEN was answered with a handle that wants a RELEASE. */
  readonly #opened: boolean;
  readonly #direct: boolean;

  private constructor(
    kernel: SimKernel,
    inode: Inode,
    flags: number,
    fh: bigint,
    openFlags: number,
    opened: boolean,
  ) {
    this.#kernel = kernel;
    this.inode = inode;
    this.#flags = flags;
    this.#fh = fh;
    this.#opened = opened;
    this.#direct = (openFlags & FOPEN.DIRECT_IO) !== 0 || (flags & O_DIRECT) !== 0;
  }

  /** open(2). @throws KernelError */
  static open(kernel: SimKernel, inode: Inode, flags = O_RDONLY): OpenFile {
    const {unwanted} = kernel;
    let reply: Uint8Array | undefined;
    if (!unwanted.open) {
      kernel.optional('open', () => {
        reply = kernel.ask(OP.OPEN, inode.nodeid, openIn.encode({flags}), exactly(openOut.size));
      });
    }
    if ((flags & O_TRUNC) !== 0) {
      inode.cache?.drop(0n, 1n << 64n);
      inode.pages.truncate(0);
      inode.size = 0;
      inode.diskSize = 0;
    }
    if (reply === undefined) return new OpenFile(kernel, inode, flags, 0n, 0, false);
    return OpenFile.from(kernel, inode, reply, flags);
  }

  /** With the answer to OPEN or CREATE. @throws KernelError EINVAL for flags that an inode with iomap can't have */
  static from(kernel: SimKernel, inode: Inode, reply: Uint8Array, flags: number): OpenFile {
    const {fh, openFlags} = openOut.read(viewOf(reply));
    if (inode.iomap && (openFlags & REFUSED) !== 0) {
      kernel.faults.add('open-flags', `node ${inode.nodeid}: ${openFlags}`);
      throw new KernelError('EINVAL', 'open');
    }
    return new OpenFile(kernel, inode, flags, fh, openFlags, true);
  }

  /** pread(2). @returns how many bytes there were */
  read(target: Uint8Array, pos: number): number {
    const {inode} = this;
    if (!inode.iomap) return this.#readByServer(target, pos);
    return this.#direct
      ? directRead(this.#kernel, inode, target, pos)
      : bufferedRead(this.#kernel, inode, target, pos);
  }

  /** pwrite(2) of all of it. @throws KernelError EOPNOTSUPP without iomap, which nobody here writes to */
  write(data: Uint8Array, pos: number): void {
    const {inode} = this;
    if (!inode.iomap) throw new KernelError('EOPNOTSUPP', 'write without iomap');
    if (this.#direct) directWrite(this.#kernel, inode, data, pos);
    else bufferedWrite(this.#kernel, inode, data, pos);
  }

  /** SEEK_DATA. @throws KernelError ENXIO */
  seekData(pos: number): number {
    return this.inode.iomap ? seekData(this.#kernel, this.inode, pos) : this.#seekByServer(pos, SEEK_DATA);
  }

  /** SEEK_HOLE. @throws KernelError ENXIO */
  seekHole(pos: number): number {
    return this.inode.iomap ? seekHole(this.#kernel, this.inode, pos) : this.#seekByServer(pos, SEEK_HOLE);
  }

  /** fsync(2): write-back, then the server's own. @throws KernelError */
  fsync(): void {
    const kernel = this.#kernel;
    writeBack(kernel, this.inode);
    if (kernel.unwanted.fsync) return;
    const body = fsyncIn.encode({fh: this.#fh});
    kernel.optional('fsync', () => kernel.ask(OP.FSYNC, this.inode.nodeid, body, EMPTY));
  }

  /** close(2): data stay in memory, and a server that was asked at open is told. */
  close(): void {
    if (!this.#opened) return;
    const body = releaseIn.encode({fh: this.#fh, flags: this.#flags});
    this.#kernel.connection.collect(this.#kernel.connection.submit(OP.RELEASE, this.inode.nodeid, body));
  }

  #readByServer(target: Uint8Array, pos: number): number {
    const {inode} = this;
    const end = Math.min(pos + target.length, inode.size);
    let at = pos;
    while (at < end) {
      const size = Math.min(end - at, this.#kernel.maxTransfer);
      const request = readIn.encode({fh: this.#fh, offset: BigInt(at), size});
      const data = this.#kernel.ask(OP.READ, inode.nodeid, request, {least: 0, most: size});
      if (data.length === 0) break;
      target.set(data, at - pos);
      at += data.length;
    }
    return Math.max(0, at - pos);
  }

  #seekByServer(pos: number, whence: number): number {
    const request = lseekIn.encode({fh: this.#fh, offset: BigInt(pos), whence});
    const reply = this.#kernel.ask(OP.LSEEK, this.inode.nodeid, request, exactly(8));
    return Number(viewOf(reply).getBigUint64(0, true));
  }
}
