import {Worker} from 'node:worker_threads';
import {heapLimitMiB} from './runtime-flags.js';

/**
 * Address space for generated code. Newer runtimes reserve 512 MiB of it for each thread, writable, which RLIMIT_DATA counts
 * in full.
 */
const CODE_RANGE_MIB = 64;

/** Starts the request thread: the same program file, which sees that it is not the main thread. It waits for its first message. */
export function startThread(program: string): Worker {
  const heap = heapLimitMiB();
  return new Worker(program, {
    trackUnmanagedFds: false,
    // Nothing is written there; without these the main thread makes streams of its own to pass it on.
    stdout: true,
    stderr: true,
    resourceLimits: {
      codeRangeSizeMb: CODE_RANGE_MIB,
      ...(heap === undefined ? {} : {maxOldGenerationSizeMb: heap}),
    },
  });
}
