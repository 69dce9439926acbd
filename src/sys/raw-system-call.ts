import {addressOf, lastErrno, native} from './libc.js';
import {type SyscallName, syscallNumber} from './syscall-numbers.js';

export {addressOf};

/** A number, or memory whose address is meant. */
export type RawArgument = number | bigint | Uint8Array;

const syscall = native<[number: number, a: bigint, b: bigint, c: bigint, d: bigint, e: bigint, f: bigint]>(
  'syscall',
  'long',
  ['long', 'int64', 'int64', 'int64', 'int64', 'int64', 'int64'],
);
const dlsym = native<[handle: null, name: string]>('dlsym', 'intptr_t', ['void *', 'str']);
const pthreadCreate = native<[thread: Uint8Array, attributes: null, start: bigint, argument: bigint]>(
  'pthread_create',
  'int',
  ['void *', 'void *', 'int64', 'int64'],
);

/** What a call gave: its result, or -1 and an errno. */
export interface RawResult {
  readonly result: number;
  readonly errno: number;
}

/**
 * Makes a system call by its name, past everything that a C library adds. For programs that try what a confinement lets through; all
 * others have functions with types.
 *
 * @returns undefined where this architecture has no such call
 */
export function rawSystemCall(name: SyscallName, ...args: readonly RawArgument[]): RawResult | undefined {
  const number = syscallNumber(name);
  if (number === undefined) return undefined;
  const word = (index: number): bigint => {
    const value = args[index] ?? 0;
    return value instanceof Uint8Array ? addressOf(value) : BigInt.asIntN(64, BigInt(value));
  };
  const result = syscall()(number, word(0), word(1), word(2), word(3), word(4), word(5));
  return {result, errno: result === -1 ? lastErrno() : 0};
}

/** Starts a thread that sleeps for the given time. @returns 0, or the error number of pthread_create(3) */
export function startSleepingThread(seconds: number): number {
  const sleep = BigInt(dlsym()(null, 'sleep'));
  return pthreadCreate()(new Uint8Array(8), null, sleep, BigInt(seconds));
}
