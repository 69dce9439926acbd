import {Errno} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {OwnedFd} from './fd.js';
import {checked, lastErrno, memoryAt, native, viewOf} from './libc.js';
import {syscallNumber} from './syscall-numbers.js';

const setupCall = native<[number: number, entries: number, params: Uint8Array]>('syscall', 'long', [
  'long',
  'uint',
  'void *',
]);
const registerCall = native<
  [number: number, fd: number, operation: number, memory: Uint8Array | null, count: number]
>('syscall', 'long', ['long', 'uint', 'uint', 'void *', 'uint']);
// The wait has no mask and no time limit, so its last two arguments are nothing.
const enterCall = native<
  [number: number, fd: number, submit: number, wait: number, flags: number, a: null, b: number]
>('syscall', 'long', ['long', 'uint', 'uint', 'uint', 'uint', 'void *', 'size_t']);
const mmap = native<
  [address: null, length: number, protection: number, flags: number, fd: number, offset: number]
>('mmap', 'intptr_t', ['void *', 'size_t', 'int', 'int', 'int', 'int64']);

/** Bytes of a command with IORING_SETUP_SQE128. */
export const COMMAND_SIZE = 128;
/** Bytes of a completion. */
const COMPLETION_SIZE = 16;
/** Where the offsets within the mapping lie in struct io_uring_params. */
const PARAMS_SIZE = 120;
const PARAM = {sqEntries: 0, cqEntries: 4, flags: 8, features: 20, sqOff: 40, cqOff: 80} as const;
const SQ = {head: 0, tail: 4, ringMask: 8, flags: 16, array: 24} as const;
const CQ = {head: 0, tail: 4, ringMask: 8, cqes: 20} as const;
const SQES_OFFSET = 0x1000_0000;

const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;

/** IORING_SETUP_*. */
const R_DISABLED = 0x40;
const CLAMP = 0x10;
const SUBMIT_ALL = 0x80;
const SQE128 = 0x400;
const SINGLE_ISSUER = 0x1000;
const DEFER_TASKRUN = 0x2000;
/** IORING_FEAT_SINGLE_MMAP. */
const FEATURE_SINGLE_MMAP = 1;
/** IORING_SQ_CQ_OVERFLOW. */
const CQ_OVERFLOW = 2;
/** IORING_CQE_F_MORE. */
const MORE = 2;
/** IORING_ENTER_GETEVENTS. */
const GETEVENTS = 1;

/** io_uring_register(2). */
const REGISTER_FILES = 2;
const REGISTER_RESTRICTIONS = 11;
const REGISTER_ENABLE_RINGS = 12;

/** struct io_uring_restriction: u16 what, u8 which, and 13 bytes of nothing. */
const RESTRICTION_SIZE = 16;
const RESTRICTION = {operation: 1, flagsAllowed: 2, flagsRequired: 3} as const;

/** IOSQE_FIXED_FILE: the command's fd is an index into the files that the ring was made for. */
export const FIXED_FILE = 1;

/** What a ring is for. */
export interface RingOptions {
  /** Commands that there may be at a time, 1 to 4096; each has its place in `commands` for good. */
  readonly commands: number;
  /** Descriptors that commands may name, by index, at least one; the ring can reach no others, ever. */
  readonly files: readonly number[];
  /** IORING_OP_* that it takes. */
  readonly operations: readonly number[];
}

/**
 * An io_uring (io_uring_setup(2)) that can do a few kinds of commands on a few files and nothing else: io_uring goes past seccomp,
 * so the ring itself is restricted before it is switched on, and no call can widen that again. Commands have 128 bytes.
 *
 * For one thread, the one that makes it: the kernel takes commands from no other, and does their work within `enter` alone
 * (IORING_SETUP_SINGLE_ISSUER, DEFER_TASKRUN). The mappings stay for the life of the process.
 */
export class CommandRing {
  /** The commands, COMMAND_SIZE bytes each, zeros at first. */
  readonly commands: DataView;
  /** Of the completion that `next` took: what the command had in user_data, and its result (negative errno). */
  tag = 0;
  result = 0;
  /** The command goes on, and will complete again (IORING_CQE_F_MORE). */
  more = false;

  readonly #fd: OwnedFd;
  readonly #call = syscallNumber('io_uring_enter') as number;
  readonly #enter = enterCall();
  /** Commands put and not told to the kernel. */
  #put = 0;
  readonly #ring: Int32Array;
  readonly #completions: DataView;
  readonly #completionsAt: number;
  readonly #sqTail: number;
  readonly #sqMask: number;
  readonly #sqFlags: number;
  readonly #sqArray: number;
  readonly #cqHead: number;
  readonly #cqTail: number;
  readonly #cqMask: number;

  /** @throws Errno ENOSYS or EPERM where there is no io_uring or it is not allowed, EINVAL where it knows no such restrictions */
  constructor({commands, files, operations}: RingOptions) {
    const params = new Uint8Array(PARAMS_SIZE);
    const view = viewOf(params);
    view.setUint32(
      PARAM.flags,
      R_DISABLED | CLAMP | SUBMIT_ALL | SQE128 | SINGLE_ISSUER | DEFER_TASKRUN,
      true,
    );
    this.#fd = new OwnedFd(setUp(commands, params));
    try {
      const at = (offset: number): number => view.getUint32(offset, true);
      if ((at(PARAM.features) & FEATURE_SINGLE_MMAP) === 0) throw new Errno('ENOSYS', 'io_uring_setup');
      const sqEntries = at(PARAM.sqEntries);
      const array = at(PARAM.sqOff + SQ.array);
      const cqes = at(PARAM.cqOff + CQ.cqes);
      const length = Math.max(array + sqEntries * 4, cqes + at(PARAM.cqEntries) * COMPLETION_SIZE);
      const ring = map(this.#fd.fd, length, 0);
      this.#ring = new Int32Array(ring, 0, Math.floor(length / 4));
      this.#completions = new DataView(ring);
      this.#completionsAt = cqes;
      this.#sqTail = at(PARAM.sqOff + SQ.tail) / 4;
      this.#sqFlags = at(PARAM.sqOff + SQ.flags) / 4;
      this.#sqArray = array / 4;
      this.#sqMask = this.#ring[at(PARAM.sqOff + SQ.ringMask) / 4]!;
      this.#cqHead = at(PARAM.cqOff + CQ.head) / 4;
      this.#cqTail = at(PARAM.cqOff + CQ.tail) / 4;
      this.#cqMask = this.#ring[at(PARAM.cqOff + CQ.ringMask) / 4]!;
      this.commands = new DataView(map(this.#fd.fd, sqEntries * COMMAND_SIZE, SQES_OFFSET));
      this.#restrict(files, operations);
    } catch (error) {
      this.#fd.close();
      throw error;
    }
  }

  /** The ring's descriptor. */
  get fd(): number {
    return this.#fd.fd;
  }

  #restrict(files: readonly number[], operations: readonly number[]): void {
    this.#register(REGISTER_FILES, new Uint8Array(Int32Array.from(files).buffer), files.length);
    const rules = [
      ...operations.map((operation) => [RESTRICTION.operation, operation] as const),
      [RESTRICTION.flagsAllowed, FIXED_FILE] as const,
      [RESTRICTION.flagsRequired, FIXED_FILE] as const,
    ];
    const bytes = new Uint8Array(rules.length * RESTRICTION_SIZE);
    rules.forEach(([what, which], index) => {
      viewOf(bytes).setUint16(index * RESTRICTION_SIZE, what, true);
      bytes[index * RESTRICTION_SIZE + 2] = which;
    });
    this.#register(REGISTER_RESTRICTIONS, bytes, rules.length);
    this.#register(REGISTER_ENABLE_RINGS, null, 0);
  }

  #register(operation: number, memory: Uint8Array | null, count: number): void {
    const number = syscallNumber('io_uring_register') as number;
    checked(registerCall()(number, this.#fd.fd, operation, memory, count), 'io_uring_register', operation);
  }

  /** Puts a command into the queue, by its place in `commands`. The kernel sees it with the next `enter`. */
  put(place: number): void {
    const tail = this.#ring[this.#sqTail]!;
    this.#ring[this.#sqArray + (tail & this.#sqMask)] = place;
    // A store with release order: the kernel reads the command after it.
    Atomics.store(this.#ring, this.#sqTail, (tail + 1) | 0);
    this.#put++;
  }

  /**
   * Tells the kernel of the commands that were put and, with `wait` 1, sleeps until there is a completion.
   * @returns false when a signal came before that, or nothing had to be waited for
   * @throws Errno
   */
  enter(wait: 0 | 1): boolean {
    const done = this.#enter(this.#call, this.#fd.fd, this.#put, wait, GETEVENTS, null, 0);
    if (done !== -1) {
      this.#put -= done;
      return true;
    }
    const errno = lastErrno();
    // The completions that are there come first.
    if (errno === ERRNO.EINTR || errno === ERRNO.EAGAIN || errno === ERRNO.EBUSY) return false;
    throw new Errno(errno, 'io_uring_enter');
  }

  /** Whether there is a completion for `next`. */
  get ready(): boolean {
    return this.#ring[this.#cqHead] !== Atomics.load(this.#ring, this.#cqTail);
  }

  /** Takes the next completion into `tag` and `result`; false when there is none. */
  next(): boolean {
    const head = this.#ring[this.#cqHead]!;
    // A load with acquire order: what the kernel wrote before is seen after it.
    if (head === Atomics.load(this.#ring, this.#cqTail)) return false;
    const at = this.#completionsAt + (head & this.#cqMask) * COMPLETION_SIZE;
    this.tag = this.#completions.getUint32(at, true);
    this.result = this.#completions.getInt32(at + 8, true);
    this.more = (this.#completions.getUint32(at + 12, true) & MORE) !== 0;
    Atomics.store(this.#ring, this.#cqHead, (head + 1) | 0);
    return true;
  }

  /** Whether completions wait outside the ring for room in it; the next `enter` brings them. */
  get overflown(): boolean {
    return (Atomics.load(this.#ring, this.#sqFlags) & CQ_OVERFLOW) !== 0;
  }

  /** Ends all its commands. The memory stays. */
  close(): void {
    this.#fd.close();
  }
}

function setUp(commands: number, params: Uint8Array): number {
  const number = syscallNumber('io_uring_setup') as number;
  return checked(setupCall()(number, commands, params), 'io_uring_setup');
}

function map(fd: number, length: number, offset: number): ArrayBuffer {
  const address = mmap()(null, length, PROT_READ_WRITE, MAP_SHARED_POPULATE, fd, offset);
  if (address === -1) throw new Errno(lastErrno(), 'mmap', `fd ${fd}`);
  return memoryAt(address, length);
}
