import {Worker} from 'node:worker_threads';
import {heapLimitMiB} from './runtime-flags.js';

/**
 * Address space for generated code. Newer runtimes reserve 512 MiB of it for each thread, writable, which RLIMIT_DATA counts
 * in full.
 */
const CODE_RANGE_MIB = 64;

/**
 * Starts the request thread: the same program file, which sees that it is not the main thread. It waits for its first message.
 *
 * What the thread prints, which is nothing, is passed on by the main thread (no `stdout: true`): so that thread makes its own streams now. Made later, which Node does
 * when it likes to, they would ask whether descriptor 2 is a terminal, and the filter ends who asks.
 */
export function startThread(program: string): Worker {
  const heap = heapLimitMiB();
  return new Worker(program, {
    trackUnmanagedFds: false,
    resourceLimits: {
      codeRangeSizeMb: CODE_RANGE_MIB,
      ...(heap === undefined ? {} : {maxOldGenerationSizeMb: heap}),
    },
  });
}
