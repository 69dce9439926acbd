import type {FileSystem} from '../../../src/fuse/index.js';
import {
  type BackingDevice,
  type IomapControl,
  type IomapDriver,
  type IomapHooks,
  IomapServer,
  MAPPING,
  type MappingPair,
} from '../../../src/iomap/index.js';
import {Errno} from '../../../src/sys/errno.js';
import type {ErrnoCode} from '../../../src/sys/errno-codes.js';
import {viewOf} from '../../../src/wire/index.js';
import {Harness, request, rows} from '../fuse/support.js';

export const MIB = 1 << 20;

/** What INIT of a kernel of the 7th posting says. */
export const INIT_V7: Uint8Array = rows(
  '07000000 63000000  major, minor 99',
  '00000200 fbffff73  max_readahead flags',
  'fd0f0000 00000000  flags2 with bit 11',
  ...new Array(5).fill('00000000 00000000  unused'),
);

/** IOMAP_CONFIG of the 7th posting. */
export const CONFIG_V7: Uint8Array = rows(
  '7f00000000000000  flags',
  'ffffffffffffff7f  maxbytes',
  '00000400 00000000  cache_maxbytes',
  ...new Array(5).fill('0000000000000000  padding'),
);

/** The fuse device as it answers ioctls; cookies begin at 7, so that nobody takes a device's number for one. */
export class FakeControl implements IomapControl {
  readonly calls: string[] = [];
  /** What a call of this name fails with. */
  readonly refuses = new Map<string, ErrnoCode>();
  #cookie = 7;

  registerDevice(fd: number): number {
    this.#call('register', fd);
    return this.#cookie++;
  }

  setDeviceBlockSize(cookie: number, blockSize: number): void {
    this.#call('blocksize', cookie, blockSize);
  }

  setNoFs(): void {
    this.#call('nofs');
  }

  #call(name: string, ...values: number[]): void {
    this.calls.push([name, ...values].join(' '));
    const refusal = this.refuses.get(name);
    if (refusal !== undefined) throw new Errno(refusal, name);
  }
}

/** The first cookie that FakeControl gives out. */
export const COOKIE = 7;

/** Maps a file like this: 1 MiB of data at 16 MiB of the device; a hole from there on. */
export class PlainDriver implements IomapDriver, FileSystem {
  readonly iomapVolume: IomapDriver['iomapVolume'];
  /** What mapRange was asked: `ino offset length op`. */
  readonly asked: string[] = [];
  /** Replaces the answer. */
  answer: ((out: MappingPair, offset: number, op: number) => void) | undefined;

  constructor(volume: Partial<IomapDriver['iomapVolume']> = {}) {
    this.iomapVolume = {blockSize: 4096, readOnly: true, ...volume};
  }

  mapRange(ino: number, offset: number, length: number, op: number, out: MappingPair): void {
    this.asked.push(`${ino} ${offset} ${length} ${op}`);
    if (this.answer !== undefined) this.answer(out, offset, op);
    else if (offset < MIB) out.read.place(MAPPING.MAPPED, 0, MIB, 16 * MIB);
    else out.read.set(MAPPING.HOLE, MIB, 2 ** 50);
  }

  destroy(): void {}
}

/** A session with iomap whose notifications are kept. */
export class IomapHarness {
  readonly control = new FakeControl();
  readonly server: IomapServer;
  readonly harness: Harness;
  readonly notifications: Uint8Array[] = [];
  readonly problems: string[] = [];
  /** What the kernel answers notifications with. */
  refusal: ErrnoCode | undefined;
  nowMs = 1000;

  constructor(
    fs: FileSystem & IomapDriver,
    {
      devices = [{fd: 30, size: 64 * MIB}],
      init = INIT_V7,
      config = CONFIG_V7,
      hooks = {},
    }: {devices?: BackingDevice[]; init?: Uint8Array; config?: Uint8Array | null; hooks?: IomapHooks} = {},
  ) {
    this.server = new IomapServer(
      fs,
      {
        devices,
        control: this.control,
        send: (message, length) => {
          this.notifications.push(message.slice(0, length));
          if (this.refusal !== undefined) throw new Errno(this.refusal, 'write');
        },
      },
      {
        onProblem: (error, what) => this.problems.push(`${what}: ${String(error)}`),
        now: () => this.nowMs,
        ...hooks,
      },
    );
    this.harness = new Harness(fs, this.server.sessionOptions(), {}, {init});
    if (config !== null) this.harness.ask(request('IOMAP_CONFIG', config, {nodeid: 0n}));
  }

  begin(position: number, options: BeginOptions = {}): BeginAnswer {
    const reply = this.harness.ask(beginRequest(position, options));
    const view = viewOf(reply);
    return {
      errno: 0 - view.getInt32(4, true),
      read: mappingAt(view, 16),
      write: mappingAt(view, 48),
    };
  }

  /** The errno of a request. */
  errnoOf(bytes: Uint8Array): number {
    return this.harness.errnoOf(bytes);
  }
}

export interface BeginOptions {
  ino?: number;
  attrIno?: number;
  op?: number;
  count?: number | bigint;
}

export function beginRequest(
  position: number | bigint,
  {ino = 5, attrIno = ino, op = 0, count = 4096}: BeginOptions = {},
): Uint8Array {
  const body = new Uint8Array(32);
  const view = viewOf(body);
  view.setUint32(0, op, true);
  view.setBigUint64(8, BigInt(attrIno), true);
  view.setBigUint64(16, BigInt(position), true);
  view.setBigUint64(24, BigInt(count), true);
  return request('IOMAP_BEGIN', body, {nodeid: BigInt(ino)});
}

export interface IoendOptions {
  ino?: number;
  flags?: number;
  error?: number;
  offset: number;
  length: number;
  short?: boolean;
}

export function ioendRequest({
  ino = 5,
  flags = 0,
  error = 0,
  offset,
  length,
  short,
}: IoendOptions): Uint8Array {
  const body = new Uint8Array(short === true ? 40 : 48);
  const view = viewOf(body);
  view.setUint32(0, flags, true);
  view.setInt32(4, error, true);
  view.setBigUint64(8, BigInt(ino), true);
  view.setBigUint64(16, BigInt(offset), true);
  view.setBigUint64(24, 0xffffffffffffffffn, true);
  if (short === true) view.setUint32(32, length, true);
  else view.setBigUint64(32, BigInt(length), true);
  return request('IOMAP_IOEND', body, {nodeid: BigInt(ino)});
}

/** A mapping as text: type, range, address and device, flags when there are any. */
export interface WireMapping {
  offset: number;
  length: number;
  addr: bigint;
  type: number;
  flags: number;
  dev: number;
}

export interface BeginAnswer {
  errno: number;
  read: WireMapping;
  write: WireMapping;
}

/** Zeros where the message is shorter. */
export function mappingAt(view: DataView, at: number): WireMapping {
  if (view.byteLength < at + 32) return {offset: 0, length: 0, addr: 0n, type: 0, flags: 0, dev: 0};
  return {
    offset: Number(view.getBigUint64(at, true)),
    length: Number(view.getBigUint64(at + 8, true)),
    addr: view.getBigUint64(at + 16, true),
    type: view.getUint16(at + 24, true),
    flags: view.getUint16(at + 26, true),
    dev: view.getUint32(at + 28, true),
  };
}

export const NO_ADDR: bigint = 0xffffffffffffffffn;
