import {Errno} from './errno.js';
import {lastErrno, memoryAt, native} from './libc.js';

const mmap = native<
  [address: null, length: number, protection: number, flags: number, fd: number, offset: number]
>('mmap', 'intptr_t', ['void *', 'size_t', 'int', 'int', 'int', 'int64']);

const PROT_READ_WRITE = 3;
/** MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE. */
const FLAGS = 0x4022;

/** Memory outside the collector's reach: it has an address that the kernel may be told, and stays for the life of the process. */
export interface AnonymousMemory {
  readonly address: number;
  readonly buffer: ArrayBuffer;
}

/** Maps zeros, page by page when they are first touched (mmap(2)). @param length bytes @throws Errno ENOMEM also beyond RLIMIT_DATA */
export function mapAnonymous(length: number): AnonymousMemory {
  if (!Number.isSafeInteger(length) || length <= 0) throw new Errno('EINVAL', 'mmap', `${length} bytes`);
  const address = mmap()(null, length, PROT_READ_WRITE, FLAGS, -1, 0);
  if (address === -1) throw new Errno(lastErrno(), 'mmap', `${length} bytes`);
  return {address, buffer: memoryAt(address, length)};
}
