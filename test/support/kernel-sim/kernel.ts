import {ERRNO} from '../../../src/sys/errno-codes.js';
import {Connection, EMPTY, exactly, type ReplySize, type SentRequest} from './connection.js';
import {type CallGround, DeviceCalls} from './device-calls.js';
import {Devices} from './devices.js';
import {Faults, KernelError} from './faults.js';
import {attributesFault, checkAttributeFlags, decodeAttributes, Inode} from './inode.js';
import type {ServerLink} from './link.js';
import type {CheckGround} from './mapping.js';
import {OP} from './opcodes.js';
import {configure, initialise, type Superblock} from './start.js';
import {ATTR_OUT_ATTR, ATTR_OUT_SIZE, getattrIn} from './structs.js';
import {type KernelVersion, type Traits, VERSIONS} from './version.js';
import {writeBack} from './writeback.js';

export interface KernelOptions {
  readonly version?: KernelVersion;
  /** Whether the connection was approved for iomap; default yes. */
  readonly approved?: boolean;
  /** Whether regular files are taken for devices, which no kernel does: for tests without loop devices. */
  readonly fileDevices?: boolean;
  /** Node id of the root, the mount option of that name. */
  readonly rootNodeid?: bigint;
  readonly patienceMs?: number;
  readonly tamper?: (opcode: number, body: Uint8Array) => Uint8Array;
}

/** Errors that make the kernel never ask for something again. */
export interface Unwanted {
  open: boolean;
  end: boolean;
  ioend: boolean;
  syncfs: boolean;
  fsync: boolean;
}

/**
 * The kernel's side of a FUSE connection with iomap: `mount`, look names up, open, do I/O on the image through the server's mappings,
 * `unmount`. What the user would see comes back or is thrown as KernelError; what the server does wrong is counted in `faults`.
 * One thing at a time, and all of it synchronous.
 */
export class SimKernel implements CallGround {
  readonly traits: Traits;
  readonly faults = new Faults();
  readonly devices: Devices;
  readonly connection: Connection;
  readonly calls: DeviceCalls;
  readonly mayIomap: boolean;
  readonly rootNodeid: bigint;
  readonly unwanted: Unwanted = {open: false, end: false, ioend: false, syncfs: false, fsync: false};
  iomapOn = false;
  superblock: Superblock = {blockSize: 4096, maxbytes: 2n ** 63n - 1n, cacheLimit: 262_144};
  /** Largest READ and WRITE, bytes. */
  maxTransfer = 65_536;
  /** Called before each folio is filled, written to or written back. For tests of races. */
  beforeFolio: (() => void) | undefined;
  readonly #link: ServerLink;
  readonly #inodes = new Map<bigint, Inode>();

  constructor(link: ServerLink, options: KernelOptions = {}) {
    this.traits = VERSIONS[options.version ?? 'v7'];
    this.mayIomap = this.traits.iomap && (options.approved ?? true);
    this.rootNodeid = options.rootNodeid ?? 1n;
    this.devices = new Devices(options.fileDevices ?? false);
    this.calls = new DeviceCalls(this);
    this.#link = link;
    this.connection = new Connection(link, this.faults, {
      call: (call) => this.calls.handle(call),
      tamper: options.tamper,
      ...(options.patienceMs === undefined ? {} : {patienceMs: options.patienceMs}),
    });
  }

  get ground(): CheckGround {
    const {traits, devices, superblock} = this;
    return {traits, devices, blockSize: BigInt(superblock.blockSize), maxbytes: superblock.maxbytes};
  }

  get cacheLimit(): number {
    return this.superblock.cacheLimit;
  }

  get inodes(): readonly Inode[] {
    return [...this.#inodes.values()];
  }

  /** INIT, and where iomap was agreed on, CONFIG before anything else. @returns the root @throws KernelError */
  mount(): Inode {
    this.start();
    const body = this.ask(OP.GETATTR, this.rootNodeid, getattrIn.encode({}), exactly(ATTR_OUT_SIZE));
    return this.instantiate(this.rootNodeid, body, ATTR_OUT_ATTR);
  }

  /** `mount` without a look at the root. */
  start(): void {
    initialise(this);
    if (this.iomapOn) configure(this);
  }

  /** A request of the kernel. @throws KernelError */
  ask(opcode: number, nodeid: bigint, body: Uint8Array, size: ReplySize): Uint8Array {
    return this.connection.ask(opcode, nodeid, body, size);
  }

  /** The requests that an action makes. */
  during(action: () => void): SentRequest[] {
    this.connection.sent = [];
    try {
      action();
      return this.connection.sent;
    } finally {
      this.connection.sent = undefined;
    }
  }

  find(nodeid: bigint): Inode | undefined {
    return this.#inodes.get(nodeid);
  }

  hasIomapInodes(): boolean {
    return this.inodes.some(({iomap}) => iomap);
  }

  /** The inode for attributes that the server gave, new or known. @throws KernelError EIO for attributes that are none */
  instantiate(nodeid: bigint, body: Uint8Array, at: number): Inode {
    const attributes = decodeAttributes(body, at);
    if (attributesFault(attributes)) {
      this.faults.add(
        'attr-invalid',
        `node ${nodeid}: mode ${attributes.mode.toString(8)}, size ${attributes.size}`,
      );
      throw new KernelError('EIO', `inode ${attributes.ino}`);
    }
    checkAttributeFlags(attributes, this.traits, this.faults);
    const known = this.#inodes.get(nodeid);
    if (known !== undefined) {
      known.refresh(attributes, this.traits, this.faults);
      return known;
    }
    const inode = new Inode(nodeid, attributes, this.traits, this.superblock.blockSize, this.iomapOn);
    this.#inodes.set(nodeid, inode);
    return inode;
  }

  /** Lets go of an inode: its data, its mappings, and its lookups, which the server is told. */
  evict(inode: Inode): void {
    if (inode.nodeid === this.rootNodeid || !this.#inodes.delete(inode.nodeid)) return;
    const forget = new Uint8Array(8);
    new DataView(forget.buffer).setBigUint64(0, BigInt(inode.lookups), true);
    if (inode.lookups > 0) this.connection.submit(OP.FORGET, inode.nodeid, forget);
  }

  /** sync(2) of this file system. */
  syncfs(): void {
    for (const inode of this.#inodes.values()) writeBack(this, inode);
    if (this.unwanted.syncfs || !this.iomapOn) return;
    this.optional('syncfs', () => this.ask(OP.SYNCFS, this.rootNodeid, new Uint8Array(8), EMPTY));
  }

  /** A request that the kernel gives up for ever when it is answered ENOSYS. @returns false then */
  optional(what: keyof Unwanted, request: () => void): boolean {
    try {
      request();
      return true;
    } catch (error) {
      if (!(error instanceof KernelError) || error.code !== 'ENOSYS') throw error;
      this.unwanted[what] = true;
      return false;
    }
  }

  /** fsfreeze(8). @throws KernelError EOPNOTSUPP when the server can't */
  freeze(): void {
    this.syncfs();
    try {
      this.ask(OP.FREEZE_FS, this.rootNodeid, new Uint8Array(8), EMPTY);
    } catch (error) {
      if (error instanceof KernelError && error.code === 'ENOSYS')
        throw new KernelError('EOPNOTSUPP', 'freeze');
      throw error;
    }
  }

  thaw(): void {
    const {errno} = this.connection.collect(this.connection.submit(OP.UNFREEZE_FS, this.rootNodeid));
    if (errno !== 0 && errno !== ERRNO.ENOSYS) throw new KernelError('EIO', 'thaw');
  }

  /** The disk disappeared. The answer is not looked at. */
  shutdown(): void {
    this.devices.gone = true;
    this.connection.collect(this.connection.submit(OP.SHUTDOWN_FS, this.rootNodeid, new Uint8Array(8)));
  }

  /** Syncs, has the server process everything, and waits for it. Inodes in use are let go without a word. */
  unmount(): void {
    try {
      if (!this.devices.gone) this.syncfs();
    } finally {
      this.connection.collect(this.connection.submit(OP.DESTROY, 0n));
      this.close();
    }
  }

  /** The end without ceremony. */
  close(): void {
    this.#inodes.clear();
    this.devices.close();
    this.#link.close();
  }
}
