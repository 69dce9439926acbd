import koffi from 'koffi';
import {Errno} from './errno.js';

/**
 * The one door to the C library. Functions are looked up in the running process (Node links libc
 * dynamically, glibc or musl alike), each on its first use, so that a server pays at start-up only for what it calls.
 * All calls are synchronous and block the calling thread.
 *
 * Variadic functions (ioctl, fcntl, prctl, syscall) are declared with fixed arguments: on Linux x86-64 and arm64
 * integer and pointer arguments of both kinds travel in the same registers.
 */
let library: ReturnType<typeof koffi.load> | undefined;

/** What koffi turns into an argument: numbers, NUL-terminated text, memory (borrowed for the call). */
type NativeArgument = number | bigint | string | Uint8Array | null;

/** A function of libc whose result fits a JavaScript number. */
export type NativeFunction<A extends readonly NativeArgument[]> = (...args: A) => number;

/**
 * Declares a libc function without looking it up yet: `const close = native<[fd: number]>('close', 'int', ['int'])`,
 * then `close()(fd)`. Integer results above 2^53 can't occur in the functions used here (addresses are below 2^47).
 *
 * @throws Errno ENOSYS on first use when this libc lacks the function.
 */
export function native<A extends readonly NativeArgument[]>(
  name: string,
  result: string,
  parameters: string[],
): () => NativeFunction<A> {
  let bound: NativeFunction<A> | undefined;
  return () => {
    if (bound !== undefined) return bound;
    library ??= koffi.load(null);
    try {
      bound = library.func(name, result, parameters) as unknown as NativeFunction<A>;
    } catch (error) {
      if (!String(error).includes('Cannot find function')) throw error; // a wrong declaration
      throw new Errno('ENOSYS', name);
    }
    return bound;
  };
}

/** The calling thread's errno; only meaningful in the line after a failed call. */
export function lastErrno(): number {
  return koffi.errno();
}

/** The result of a call that says -1 on failure. `object` is a name, or an fd number. @throws Errno */
export function checked(result: number, call: string, object?: string | number): number {
  if (result === -1) throw failure(koffi.errno(), call, object);
  return result;
}

/** Like {@link checked} for a call that is repeated when a signal interrupts it. */
export function repeated(attempt: () => number, call: string, object?: string | number): number {
  for (;;) {
    const result = attempt();
    if (result !== -1) return result;
    const errno = koffi.errno();
    if (errno !== EINTR) throw failure(errno, call, object);
  }
}

const EINTR = 4;

function failure(errno: number, call: string, object?: string | number): Errno {
  return new Errno(errno, call, typeof object === 'number' ? `fd ${object}` : object);
}

/**
 * Text on its way to C. A NUL inside would silently cut it short, so that is EINVAL.
 *
 * @throws Errno EINVAL
 */
export function cText(text: string, call: string): string {
  if (text.includes('\0')) throw new Errno('EINVAL', call, JSON.stringify(text));
  return text;
}

/** The address of memory, for structs that hold pointers. The caller keeps `memory` reachable until after the call. */
export function addressOf(memory: Uint8Array): bigint {
  return koffi.address(memory);
}

/** A window on `length` bytes that somebody else (mmap) owns and never takes away. */
export function memoryAt(address: number, length: number): ArrayBuffer {
  return koffi.view(BigInt(address), length);
}

/** A DataView over all of a byte array. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** ioctl(2) with a pointer argument. */
export const ioctlMemory = native<[fd: number, request: number, memory: Uint8Array | null]>('ioctl', 'int', [
  'int',
  'ulong',
  'void *',
]);

/** ioctl(2) with a number, or nothing (0), as argument. */
export const ioctlNumber = native<[fd: number, request: number, value: number]>('ioctl', 'int', [
  'int',
  'ulong',
  'long',
]);
