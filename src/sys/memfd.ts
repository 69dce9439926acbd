import {Errno} from './errno.js';
import {ERRNO} from './errno-codes.js';
import {OwnedFd, statFd} from './fd.js';
import {checked, cText, lastErrno, memoryAt, native, repeated} from './libc.js';
import {syscallNumber} from './syscall-numbers.js';

const memfdCreate = native<[name: string, flags: number]>('memfd_create', 'int', ['str', 'uint']);
const ftruncate = native<[fd: number, length: number]>('ftruncate', 'int', ['int', 'int64']);
const pwrite = native<[fd: number, bytes: Uint8Array, length: number, offset: number]>('pwrite', 'long', [
  'int',
  'void *',
  'size_t',
  'int64',
]);
const fcntl = native<[fd: number, command: number, argument: number]>('fcntl', 'int', ['int', 'int', 'long']);
const mmap = native<
  [address: null, length: number, protection: number, flags: number, fd: number, offset: number]
>('mmap', 'intptr_t', ['void *', 'size_t', 'int', 'int', 'int', 'int64']);

const mseal = native<[number: number, address: number, length: number, flags: number]>('syscall', 'long', [
  'long',
  'ulong',
  'size_t',
  'ulong',
]);

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

/** Seals of fcntl(2), F_ADD_SEALS. */
export const F_SEAL_SEAL = 1;
export const F_SEAL_SHRINK = 2;
export const F_SEAL_GROW = 4;
export const F_SEAL_WRITE = 8;

/** What of a memfd can't be changed any more by anybody who holds it. */
export interface MemfdOptions {
  /** Size in bytes, zeros after `bytes`; the length of `bytes` unless told. */
  size?: number;
  /** Neither contents nor size, nor the seals. */
  seal?: boolean;
  /** The size, and the seals; for memory that is shared to be written. */
  sealSize?: boolean;
}

/** An anonymous file in memory, close-on-exec. `name` (at most 249 bytes) shows in /proc only. @throws Errno */
export function createMemfd(name: string, bytes = new Uint8Array(0), opts: MemfdOptions = {}): OwnedFd {
  const label = cText(name, 'memfd_create');
  const fd = new OwnedFd(
    checked(memfdCreate()(label, MFD_CLOEXEC | MFD_ALLOW_SEALING), 'memfd_create', name),
  );
  try {
    const size = Math.max(opts.size ?? 0, bytes.length);
    repeated(() => ftruncate()(fd.fd, size), 'ftruncate', name);
    for (let done = 0; done < bytes.length; ) {
      const rest = bytes.subarray(done);
      done += repeated(() => pwrite()(fd.fd, rest, rest.length, done), 'pwrite', name);
    }
    if (opts.seal === true) addSeals(fd.fd, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    else if (opts.sealSize === true) addSeals(fd.fd, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** Adds F_SEAL_*. @throws Errno EPERM when sealed against it; EBUSY F_SEAL_WRITE while a writable mapping exists */
export function addSeals(fd: number, seals: number): void {
  checked(fcntl()(fd, F_ADD_SEALS, seals), 'fcntl(F_ADD_SEALS)', fd);
}

/** The F_SEAL_* in force. @throws Errno EINVAL for a file that can't be sealed */
export function sealsOf(fd: number): number {
  return checked(fcntl()(fd, F_GET_SEALS, 0), 'fcntl(F_GET_SEALS)', fd);
}

/**
 * Maps the first `length` bytes of a file, shared and writable. The mapping stays for the life of the process: nothing could
 * tell when the last typed array over it is gone. Each thread that wants the memory maps the descriptor itself (sending the
 * ArrayBuffer to a worker would copy it); Atomics work on it.
 *
 * Touching memory past the end of the file would kill the process, so the file must be long enough now, and with
 * `sealedSize` (for a descriptor that somebody less trusted also holds) be sealed against shrinking.
 *
 * With `sealMapping` its protection is for good as well, where the kernel can do that: it can't be made executable.
 *
 * @throws Errno EINVAL a file that is too short; EPERM one that is not sealed
 */
export function mapShared(
  fd: number,
  length: number,
  opts: {sealedSize?: boolean; sealMapping?: boolean} = {},
): ArrayBuffer {
  if (!Number.isSafeInteger(length) || length <= 0) throw new Errno('EINVAL', 'mmap', `${length} bytes`);
  if (opts.sealedSize === true && (sealsOf(fd) & F_SEAL_SHRINK) === 0) {
    throw new Errno('EPERM', 'mmap', `fd ${fd}`);
  }
  if (statFd(fd).size < BigInt(length)) throw new Errno('EINVAL', 'mmap', `fd ${fd}`);
  const address = mmap()(null, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (address === -1) throw new Errno(lastErrno(), 'mmap', `fd ${fd}`);
  if (opts.sealMapping === true) sealMapping(address, length);
  return memoryAt(address, length);
}

/**
 * mseal(2), Linux 6.10: a mapping that can't be unmapped, moved, replaced or given another protection for the life of the process.
 *
 * @returns false where the kernel can't do that
 * @throws Errno
 */
export function sealMapping(address: number, length: number): boolean {
  // Every architecture that there is a table for has the number; older kernels don't know the call.
  const result = mseal()(syscallNumber('mseal') as number, address, length, 0);
  if (result === 0) return true;
  const errno = lastErrno();
  if (errno === ERRNO.ENOSYS || errno === ERRNO.EPERM) return false;
  throw new Errno(errno, 'mseal', `${length} bytes`);
}
