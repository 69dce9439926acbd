import {
  type ConnectionInfo,
  FUSE_ATTR_EXCLUSIVE,
  FUSE_ATTR_IOMAP,
  failure,
  InvalidReplyError,
  IOMAP_MINOR,
  type SendReply,
  type SessionOptions,
} from '../fuse/index.js';
import {Errno} from '../sys/errno.js';
import {type AnswerLimits, checkAnswer, checkUpsert} from './answer-check.js';
import {isCacheable} from './cacheable.js';
import {type ConfigRequest, checkVolume, endOfLongest, knowsBlockSize} from './config.js';
import {type IomapCounters, newIomapCounters} from './counters.js';
import {type BackingDevice, DeviceRegistry, type IomapControl} from './device-registry.js';
import type {CompletedIo, EndedOperation, IomapDriver, IomapKernel} from './driver.js';
import {KernelCache} from './kernel-cache.js';
import {MAPPING, MappingPair} from './mapping.js';
import {IOEND, isWriteLike, OP, unknownIoends, unknownOps} from './op-flags.js';
import {iomapOperations} from './operations.js';
import {RetryGuard} from './retry-guard.js';

/** The 6th posting has IOMAP where the 7th has EXCLUSIVE, which it does not know. */
const ATTR_IOMAP_V6 = FUSE_ATTR_EXCLUSIVE;
/** What an I/O can say that changes metadata. */
const CHANGES = IOEND.SHARED | IOEND.UNWRITTEN | IOEND.APPEND;

/** What the conversation is held through. */
export interface IomapLink {
  /** What the file system lies on, in the order in which the driver numbers them. */
  readonly devices: readonly BackingDevice[];
  readonly control: IomapControl;
  /** Writes one notification to the fuse device (`notifyVia`). */
  readonly send: SendReply;
}

/** Whom it talks to beside the driver; all optional. */
export interface IomapHooks {
  readonly counters?: IomapCounters;
  /** What went wrong without a request failing for it: a device that can't be registered, a mapping that the kernel finds corrupt. */
  readonly onProblem?: (error: unknown, what: string) => void;
  /** Milliseconds above 0; performance.now() unless told. */
  readonly now?: () => number;
}

/**
 * Answers a kernel that reads and writes file data by itself, between a session and a driver:
 *
 *     const iomap = new IomapServer(fs, {devices, control, send: notifyVia(fd)});
 *     const session = new Session(fs, iomap.sessionOptions(options));
 *
 * The kernel is offered nothing but an answer to its own offer; one without iomap gets an ordinary connection. Between two requests
 * it remembers nothing of a file: no mapping, no operation that has begun, only which requests were told to look into the kernel's cache.
 *
 * | request | answered |
 * | --- | --- |
 * | CONFIG | at once; registers the devices. Where that fails, all files are read by READ |
 * | BEGIN | the driver's mapping, checked; where it lasts, it is put into the kernel's cache and the answer is "look there" |
 * | END, IOEND | the driver's word, ENOSYS where it has none |
 */
export class IomapServer implements IomapKernel {
  readonly counters: IomapCounters;
  readonly devices: DeviceRegistry;
  readonly driver: IomapDriver;
  readonly #control: IomapControl;
  readonly #cache: KernelCache;
  readonly #limits: AnswerLimits;
  readonly #guard: RetryGuard;
  readonly #onProblem: (error: unknown, what: string) => void;
  /** The answer that is being made. */
  readonly #answer = new MappingPair();
  /** What goes to the kernel's cache. */
  readonly #lasting = new MappingPair();
  #configured = false;
  #attrFlags = 0;

  /** @throws RangeError for a volume that the kernel would not take */
  constructor(driver: IomapDriver, {devices, control, send}: IomapLink, hooks: IomapHooks = {}) {
    const {iomapVolume} = driver;
    checkVolume(iomapVolume);
    this.driver = driver;
    this.devices = new DeviceRegistry(devices);
    this.counters = hooks.counters ?? newIomapCounters();
    this.#control = control;
    this.#onProblem = hooks.onProblem ?? (() => {});
    this.#cache = new KernelCache(send, {
      devices: this.devices,
      counters: this.counters,
      onProblem: (error) => this.#onProblem(error, 'the kernel does not take a mapping'),
    });
    const {blockSize} = iomapVolume;
    this.#limits = {blockSize, end: endOfLongest(iomapVolume), devices: this.devices};
    this.#guard = new RetryGuard(hooks.now);
  }

  /** Options of a session that takes iomap where it is offered. */
  sessionOptions(options: SessionOptions = {}): SessionOptions {
    return {
      ...options,
      init: {...options.init, want: [...(options.init?.want ?? []), 'IOMAP']},
      operations: [...(options.operations ?? []), ...iomapOperations(this)],
    };
  }

  get attrFlags(): number {
    return this.#attrFlags;
  }

  /** IOMAP_CONFIG: registers the devices, once. A file system whose devices can't be registered is served without iomap. */
  configure(request: ConfigRequest, connection: ConnectionInfo | undefined): void {
    if (connection === undefined || !connection.flags.has('IOMAP')) throw failure('EOPNOTSUPP');
    if (this.#configured) return;
    this.#configured = true;
    const {blockSize} = this.driver.iomapVolume;
    try {
      this.#control.setNoFs();
    } catch {
      // Older kernels have other ways, for processes with rights that this one lacks.
    }
    if (!knowsBlockSize(request)) {
      this.#onProblem(new Errno('EOPNOTSUPP', 'IOMAP_CONFIG'), 'the kernel takes no block size');
      return;
    }
    try {
      this.devices.register(this.#control, blockSize, (error) =>
        this.#onProblem(error, 'the block size of a device is not set'),
      );
    } catch (error) {
      this.#onProblem(error, 'a device can not be registered');
      return;
    }
    this.#attrFlags =
      connection.kernelMinor >= IOMAP_MINOR ? FUSE_ATTR_IOMAP | FUSE_ATTR_EXCLUSIVE : ATTR_IOMAP_V6;
    this.driver.iomapStart?.(this);
  }

  /**
   * IOMAP_BEGIN: both slots, valid until the next call.
   * @param count bytes, possibly more than any file has
   */
  begin(ino: number, attrIno: number, op: number, position: number, count: number): MappingPair {
    this.#count(op);
    this.#checkInode(ino, attrIno);
    if (unknownOps(op) !== 0 || count === 0) throw failure('EINVAL');
    const {iomapVolume} = this.driver;
    if (isWriteLike(op) && iomapVolume.readOnly) throw failure('EROFS');
    const {end, blockSize} = this.#limits;
    if (position >= end) throw failure('EFBIG');

    const answer = this.#answer;
    const length = Math.min(count, end - position);
    const from = position - (position % blockSize);
    answer.reset(from, Math.ceil((position + length - from) / blockSize) * blockSize);
    this.driver.mapRange(ino, position, length, op, answer);
    checkAnswer(answer, position, op, this.#limits);
    if (this.#isInCache(ino, attrIno, op, answer) && this.#guard.permits(ino, position, op)) {
      this.counters.retries++;
      const {offset, length: reach} = answer.read;
      answer.read.set(MAPPING.RETRY_CACHE, offset, reach);
    }
    return answer;
  }

  /** IOMAP_END. */
  end(ino: number, attrIno: number, ended: EndedOperation): void {
    this.counters.ends++;
    this.#checkInode(ino, attrIno);
    const {op, length, written} = ended;
    if (unknownOps(op) !== 0 || length === 0 || written > length) throw failure('EINVAL');
    if (this.driver.iomapEnd === undefined) throw failure('ENOSYS');
    this.driver.iomapEnd(ino, ended);
  }

  /** IOMAP_IOEND: the size on disk. @throws the request's own error, after the driver has undone what there was to undo */
  ioend(ino: number, attrIno: number, io: CompletedIo): number {
    this.counters.ioends++;
    this.#checkInode(ino, attrIno);
    if (unknownIoends(io.flags) !== 0) throw failure('EINVAL');
    if (io.errno !== 0) {
      this.counters.ioErrors++;
      this.#undo(ino, io);
      throw new Errno(io.errno, 'IOMAP_IOEND');
    }
    if (this.driver.ioend === undefined) throw failure('ENOSYS');
    if (this.driver.iomapVolume.readOnly && (io.flags & CHANGES) !== 0) throw failure('EROFS');
    const size = this.driver.ioend(ino, io);
    const least = (io.flags & IOEND.APPEND) === 0 ? 0 : io.offset + io.length;
    if (!Number.isSafeInteger(size) || size < least) {
      throw new InvalidReplyError('ioend-size', {size, least});
    }
    return size;
  }

  upsert(ino: number, mappings: MappingPair): boolean {
    if (this.#attrFlags === 0) return false;
    const lasting = this.#lasting;
    lasting.read.copy(mappings.read);
    lasting.write.copy(mappings.write);
    try {
      checkUpsert(lasting, this.#limits);
    } catch (error) {
      this.#onProblem(error, 'a mapping for the kernel is none');
      return false;
    }
    return this.#cache.upsert(ino, this.#attrIno(ino), lasting);
  }

  invalidate(ino: number, offset: number, length: number): void {
    if (this.#attrFlags === 0) return;
    const {blockSize, end} = this.#limits;
    const from = Math.floor(offset / blockSize) * blockSize;
    const to = Math.ceil((offset + length) / blockSize) * blockSize;
    this.#cache.invalidate(ino, this.#attrIno(ino), from, to >= end ? Infinity : to - from);
  }

  invalidateDevice(dev: number, offset: number, length: number): void {
    if (this.#attrFlags !== 0) this.#cache.invalidateDevice(dev, offset, length);
  }

  /** Puts an answer into the kernel's cache, if it will last and the kernel would use it for this operation. */
  #isInCache(ino: number, attrIno: number, op: number, {read}: MappingPair): boolean {
    const {iomapVolume} = this.driver;
    if (!this.#cache.takesMappings || iomapVolume.outOfPlace === true) return false;
    if (!isCacheable(this.#answer, op, iomapVolume.blockSize)) return false;
    const lasting = this.#lasting;
    lasting.read.copy(read);
    // What a write asked for replaces what the kernel may know of an earlier one.
    const type = isWriteLike(op) ? MAPPING.PURE_OVERWRITE : MAPPING.NOCACHE;
    lasting.write.set(type, read.offset, read.length);
    return this.#cache.upsert(ino, attrIno, lasting);
  }

  #undo(ino: number, io: CompletedIo): void {
    try {
      this.driver.ioend?.(ino, io);
    } catch (error) {
      this.#onProblem(error, 'a failed write could not be undone');
    }
  }

  /** The kernel names an inode twice; that it got one of them wrong is not the caller's mistake. */
  #checkInode(ino: number, attrIno: number): void {
    if (this.#attrFlags === 0 || attrIno !== this.#attrIno(ino)) throw failure('EIO');
  }

  #attrIno(ino: number): number {
    return this.driver.attrIno?.(ino) ?? ino;
  }

  #count(op: number): void {
    const {counters} = this;
    if ((op & (OP.REPORT | OP.SWAPFILE)) !== 0) counters.beginReport++;
    else if ((op & OP.WRITEBACK) !== 0) counters.beginWriteback++;
    else if ((op & OP.ZERO) !== 0) counters.beginZero++;
    else if (isWriteLike(op)) counters.beginWrite++;
    else counters.beginRead++;
  }
}
