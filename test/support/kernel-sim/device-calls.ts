import {ERRNO} from '../../../src/sys/errno-codes.js';
import {viewOf} from '../../../src/wire/index.js';
import {NONE} from './bits.js';
import type {Devices} from './devices.js';
import type {Faults} from './faults.js';
import type {Inode} from './inode.js';
import type {DeviceCall, DeviceResult} from './link.js';
import {type CheckGround, decodeMapping, type Mapping, mappingFault, mappingText} from './mapping.js';
import {MappingCache} from './mapping-cache.js';
import {NOTIFY} from './opcodes.js';
import {backingInfo, backingMap, devInval, nodeHead, outHeader, range} from './structs.js';
import type {Traits} from './version.js';

/** ioctls of the device, x86 and arm64. */
export const IOC = {
  BACKING_OPEN: 0x4010e501,
  BACKING_CLOSE: 0x4004e502,
  IOMAP_SUPPORT: 0x8010e563,
  SET_NOFS: 0x4004e564,
  ADD_IOMAP: 0x0000e565,
  SET_BLOCKSIZE: 0x4008e566,
  ADD_IOMAP_V6: 0x0000e563,
  SET_BLOCKSIZE_V6: 0x4008e563,
} as const;

const BACKING_IOMAP = 1;
const UPSERT_SIZE = 80;
const INVAL_SIZE = 48;
const INVAL_INODE_SIZE = 24;
const SUPPORT_ALL = 3n;

/** What the calls need to know of the kernel. */
export interface CallGround {
  readonly traits: Traits;
  readonly faults: Faults;
  readonly devices: Devices;
  readonly ground: CheckGround;
  /** Bytes for each tree of mappings. */
  readonly cacheLimit: number;
  /** Whether the INIT reply switched iomap on. */
  readonly iomapOn: boolean;
  /** Whether the connection may use it. */
  readonly mayIomap: boolean;
  find(nodeid: bigint): Inode | undefined;
  hasIomapInodes(): boolean;
}

/** ioctl(2) and write(2) of notifications, as the server's calls arrive. */
export class DeviceCalls {
  readonly #kernel: CallGround;
  /** How often each notification was taken, and refused. */
  readonly taken = {upserts: 0, invalidations: 0, refused: 0};

  constructor(kernel: CallGround) {
    this.#kernel = kernel;
  }

  handle({kind, request, memory, fd}: DeviceCall): DeviceResult {
    const result = kind === 'write' ? this.#notify(memory) : this.#ioctl(request, memory, fd);
    if (result < 0 && kind === 'write') this.taken.refused++;
    return {result: result < 0 ? result : kind === 'write' ? memory.length : result, memory};
  }

  #ioctl(request: number, memory: Uint8Array, fd: DeviceCall['fd']): number {
    const {traits, devices, iomapOn, mayIomap} = this.#kernel;
    if (!traits.iomap) return -ERRNO.ENOTTY;
    const v6 = traits.version === 'v6';
    const view = viewOf(memory);
    switch (request) {
      case IOC.BACKING_OPEN: {
        if (!iomapOn) return -ERRNO.EPERM;
        const {flags, padding} = backingMap.read(view);
        if (flags !== BACKING_IOMAP || padding !== 0n) return -ERRNO.EINVAL;
        return fd === undefined ? -ERRNO.EBADF : devices.add(fd);
      }
      case IOC.BACKING_CLOSE: {
        const cookie = view.getUint32(0, true);
        if (cookie === 0) return -ERRNO.EINVAL;
        if (devices.get(cookie) === undefined) return -ERRNO.ENOENT;
        // Later kernels let go of a device while there is no inode that could need it.
        if (!traits.strict || this.#kernel.hasIomapInodes()) return -ERRNO.EBUSY;
        devices.remove(cookie);
        return 0;
      }
      case v6 ? IOC.SET_BLOCKSIZE_V6 : IOC.SET_BLOCKSIZE: {
        if (!iomapOn) return -ERRNO.EOPNOTSUPP;
        const {id, blockSize} = backingInfo.read(view);
        return devices.setBlockSize(id, blockSize);
      }
      case IOC.IOMAP_SUPPORT:
        view.setBigUint64(0, mayIomap ? SUPPORT_ALL : 0n, true);
        return 0;
      case v6 ? IOC.ADD_IOMAP_V6 : IOC.ADD_IOMAP:
        return mayIomap && !traits.strict ? 0 : traits.strict ? -ERRNO.EINVAL : -ERRNO.EPERM;
      case IOC.SET_NOFS:
        if (v6) return -ERRNO.ENOTTY;
        return view.getUint32(0, true) > 1 ? -ERRNO.EINVAL : 0;
      default:
        return -ERRNO.ENOTTY;
    }
  }

  #notify(message: Uint8Array): number {
    const {faults, iomapOn} = this.#kernel;
    if (message.length < outHeader.size) return -ERRNO.EINVAL;
    const {len, error: code, unique} = outHeader.read(viewOf(message));
    if (len !== message.length || unique !== 0n) {
      faults.add('notify-size', `header says ${len}, written were ${message.length}`);
      return -ERRNO.EINVAL;
    }
    const body = message.slice(outHeader.size);
    const size = SIZES.get(code);
    if (size === undefined) {
      faults.add('notify-unknown', `code ${code}`);
      return -ERRNO.EINVAL;
    }
    if (body.length !== size) {
      faults.add('notify-size', `code ${code}: ${body.length} bytes, not ${size}`);
      return -ERRNO.EINVAL;
    }
    if (code === NOTIFY.INVAL_INODE) return this.#invalInode(body);
    if (!iomapOn) return -ERRNO.EINVAL;
    if (code === NOTIFY.DEV_INVAL) return this.#devInval(body);
    const found = this.#inode(body);
    if (typeof found === 'number') return found;
    return code === NOTIFY.UPSERT_MAPPINGS ? this.#upsert(found, body) : this.#inval(found, body);
  }

  #invalInode(body: Uint8Array): number {
    const inode = this.#kernel.find(viewOf(body).getBigUint64(0, true));
    if (inode === undefined) return -ERRNO.ENOENT;
    inode.pages.reclaim();
    return 0;
  }

  #inode(body: Uint8Array): Inode | number {
    const {nodeid, attrIno} = nodeHead.read(viewOf(body));
    const inode = this.#kernel.find(nodeid);
    if (inode === undefined) return -ERRNO.ESTALE;
    if (inode.attrIno !== attrIno) {
      this.#kernel.faults.add('notify-ino', `node ${nodeid} is ${inode.attrIno}, not ${attrIno}`);
      return -ERRNO.EINVAL;
    }
    if (this.#kernel.traits.strict && !inode.iomap) {
      this.#kernel.faults.add('notify-node', `node ${nodeid} is none with iomap`);
      return -ERRNO.EINVAL;
    }
    return inode;
  }

  #upsert(inode: Inode, body: Uint8Array): number {
    const read = decodeMapping(body, 16);
    const write = decodeMapping(body, 48);
    if (!this.#sound(read, 'read-upsert') || !this.#sound(write, 'write-upsert')) return -ERRNO.EUCLEAN;
    inode.cache ??= new MappingCache();
    inode.cache.upsert(read, write, this.#kernel.cacheLimit);
    this.taken.upserts++;
    return 0;
  }

  #sound(mapping: Mapping, slot: 'read-upsert' | 'write-upsert'): boolean {
    const {ground, faults, traits} = this.#kernel;
    // Of a record that leaves its tree alone only later kernels look at the rest.
    if (mapping.type === NOCACHE && !traits.strict) return true;
    const fault = mappingFault(mapping, {slot}, ground);
    if (fault === undefined) return true;
    faults.add(fault, `${slot}: ${mappingText(mapping)}`);
    return false;
  }

  #inval(inode: Inode, body: Uint8Array): number {
    const view = viewOf(body);
    const ranges = [range.read(view, 16), range.read(view, 32)] as const;
    const {blockSize} = this.#kernel.ground;
    for (const {offset, length} of ranges) {
      const whole = length === NONE || length % blockSize === 0n;
      if (length !== 0n && (offset % blockSize !== 0n || !whole)) {
        this.#kernel.faults.add('map-alignment', `invalidation of ${offset}+${length}`);
        return -ERRNO.EUCLEAN;
      }
    }
    this.taken.invalidations++;
    const [read, write] = ranges;
    const end = ({offset, length}: {offset: bigint; length: bigint}): bigint =>
      length === NONE ? NONE : offset + length;
    if (read.length !== 0n) inode.cache?.dropRead(read.offset, end(read));
    if (write.length !== 0n) inode.cache?.dropWrite(write.offset, end(write));
    return 0;
  }

  #devInval(body: Uint8Array): number {
    const {dev, offset, length} = devInval.read(viewOf(body));
    if (dev === 0) return -ERRNO.EINVAL;
    const device = this.#kernel.devices.get(dev);
    if (device === undefined) return -ERRNO.ENODEV;
    if (offset + length > BigInt(device.size)) return -ERRNO.EINVAL;
    device.invalidated.push({offset, length});
    return 0;
  }
}

const NOCACHE = 253;
const SIZES = new Map<number, number>([
  [NOTIFY.INVAL_INODE, INVAL_INODE_SIZE],
  [NOTIFY.DEV_INVAL, devInval.size],
  [NOTIFY.UPSERT_MAPPINGS, UPSERT_SIZE],
  [NOTIFY.INVAL_MAPPINGS, INVAL_SIZE],
]);
