import type {SendReply} from '../fuse/index.js';
import {NOTIFY} from '../fuse/notification-codec.js';
import {outHeader} from '../fuse/structs/header.js';
import {notifyIomapDevInvalOut, notifyIomapInvalOut, notifyIomapUpsertOut} from '../fuse/structs/iomap.js';
import {Errno, errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {setU64} from '../wire/index.js';
import type {IomapCounters} from './counters.js';
import type {DeviceRegistry} from './device-registry.js';
import type {MappingPair} from './mapping.js';
import {writeMapping} from './mapping-codec.js';

const BODY = outHeader.size;
const UPSERT = notifyIomapUpsertOut.at;
const INVAL = notifyIomapInvalOut.at;
const DEV = notifyIomapDevInvalOut.at;
/** 2^64 - 1: up to the end of the file. */
const TO_THE_END = -1;
/** After so many refusals in a row with EINVAL the kernel is taken for one that does not know these messages. */
const MOST_REFUSALS = 16;

/** The connection has ended: there is no cache any more. */
const ENDED: ReadonlySet<number> = new Set([ERRNO.ENODEV, ERRNO.ENOTCONN, ERRNO.ECONNABORTED, ERRNO.EPERM]);

/**
 * The kernel's cache of mappings, from afar: messages that no request asked for, each written to the fuse device.
 *
 * They may be sent while a request is being served, also one about the same inode: the kernel holds nothing that they wait for. A
 * message only exists once per object and is used again.
 */
export class KernelCache {
  readonly #send: SendReply;
  readonly #devices: DeviceRegistry;
  readonly #counters: IomapCounters;
  readonly #onProblem: (error: unknown) => void;
  readonly #upsert = message(NOTIFY.IOMAP_UPSERT_MAPPINGS, notifyIomapUpsertOut.size);
  readonly #inval = message(NOTIFY.IOMAP_INVAL_MAPPINGS, notifyIomapInvalOut.size);
  readonly #devInval = message(NOTIFY.IOMAP_DEV_INVAL, notifyIomapDevInvalOut.size);
  #refusals = 0;

  /** @param send writes one message to the device and throws Node's or our error */
  constructor(
    send: SendReply,
    {
      devices,
      counters,
      onProblem,
    }: {devices: DeviceRegistry; counters: IomapCounters; onProblem: (error: unknown) => void},
  ) {
    this.#send = send;
    this.#devices = devices;
    this.#counters = counters;
    this.#onProblem = onProblem;
  }

  /** Whether the kernel seems to take mappings at all. */
  get takesMappings(): boolean {
    return this.#refusals < MOST_REFUSALS;
  }

  /** Puts checked mappings in, in place of what was there. Whether it took them: no failure is one of the user's operation. */
  upsert(nodeid: number, attrIno: number, {read, write}: MappingPair): boolean {
    if (!this.takesMappings) return false;
    const {bytes, view} = this.#upsert;
    setU64(view, BODY + UPSERT.nodeid, nodeid, true);
    setU64(view, BODY + UPSERT.attrIno, attrIno, true);
    writeMapping(view, BODY + UPSERT.read, read, this.#devices.cookieOf(read.dev));
    writeMapping(view, BODY + UPSERT.write, write, this.#devices.cookieOf(write.dev));
    try {
      this.#send(bytes, bytes.length);
    } catch (error) {
      this.#counters.upsertFailures++;
      this.#judge(error);
      return false;
    }
    this.#refusals = 0;
    this.#counters.upserts++;
    return true;
  }

  /** A mapping that counts as corrupt is our defect; that an inode is not in memory, or memory short, is nobody's. */
  #judge(error: unknown): void {
    const errno = errnoOf(error);
    if (errno === ERRNO.EUCLEAN) this.#onProblem(new Errno(errno, 'write', 'mapping for the kernel'));
    if (errno !== ERRNO.EINVAL) return;
    this.#refusals++;
    if (!this.takesMappings)
      this.#onProblem(new Errno(errno, 'write', 'mappings for the kernel, once too often'));
  }

  /** Takes a range out of both trees; `length` is Infinity for the rest of the file. @throws Errno */
  invalidate(nodeid: number, attrIno: number, offset: number, length: number): void {
    const {bytes, view} = this.#inval;
    const wireLength = length === Infinity ? TO_THE_END : length;
    setU64(view, BODY + INVAL.nodeid, nodeid, true);
    setU64(view, BODY + INVAL.attrIno, attrIno, true);
    setU64(view, BODY + INVAL.readOffset, offset, true);
    setU64(view, BODY + INVAL.readLength, wireLength, true);
    setU64(view, BODY + INVAL.writeOffset, offset, true);
    setU64(view, BODY + INVAL.writeLength, wireLength, true);
    this.#counters.invalidations++;
    // An inode that is not in memory, or was made bad, has no mappings that anything would use.
    this.#tell(bytes, 'mappings of a file', [ERRNO.ESTALE, ERRNO.EIO]);
  }

  /** Drops what is cached of a device. @throws Errno */
  invalidateDevice(dev: number, offset: number, length: number): void {
    const {bytes, view} = this.#devInval;
    view.setUint32(BODY + DEV.dev, this.#devices.cookieOf(dev), true);
    setU64(view, BODY + DEV.offset, offset, true);
    setU64(view, BODY + DEV.length, length, true);
    this.#counters.deviceInvalidations++;
    this.#tell(bytes, `pages of device ${dev}`, []);
  }

  #tell(bytes: Uint8Array, object: string, harmless: readonly number[]): void {
    try {
      this.#send(bytes, bytes.length);
    } catch (error) {
      const errno = errnoOf(error);
      if (ENDED.has(errno) || harmless.includes(errno)) return;
      throw new Errno(errno, 'write', object);
    }
  }
}

function message(code: number, size: number): {bytes: Uint8Array; view: DataView} {
  const bytes = new Uint8Array(BODY + size);
  const view = new DataView(bytes.buffer);
  outHeader.write(view, 0, {len: bytes.length, error: code});
  return {bytes, view};
}
